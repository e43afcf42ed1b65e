//! A simulated phone: stands in for the SMS gateway and for the customers, so that a first try needs no account with anybody.
//!
//! It takes each text that a tenant sends, says that it was sent and delivered, and answers if it is told to.

pub mod screen;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use crewline_api::chat::v1 as pb;
use pb::acknowledge_outbound_request::Result as Outcome;
use pb::report_delivery_request::Text as Reported;
use pb::watch_outbound_response::Frame;
use tokio::time::Instant;
use tonic::{Code, Status, Streaming};

use crate::error::Error;
use crate::party::{CallError, Pair, Party, reason};

/// The provider that it plays.
pub const PROVIDER: &str = "phone";
/// A number that ends so is a landline: no text reaches it (rule R42).
pub const LANDLINE: &str = "99";

/// How long it may take until it can take texts at all.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many texts it knows again when they are handed out once more.
const REMEMBERED: usize = 1024;

/// What it answers.
#[derive(Clone, Debug)]
pub enum Answers {
    /// Nothing.
    Nothing,
    /// The first text of each thread, once for ever: the id of the answer is the thread's, so that a later start repeats nothing.
    FirstOfThread(String),
    /// Every text.
    Every(String),
}

/// What it tells of.
#[derive(Debug)]
pub enum Heard {
    /// A text arrived; at a landline it did not.
    Text(pb::OutboundText, pb::DeliveryStatus),
    /// It answered, from this number.
    Answered(String, String),
    /// The service cannot be had, for now; it tries again.
    Away(Status),
}

/// The phone of everybody whom a tenant texts.
pub struct Phone {
    pair: Pair,
    tenant: String,
    answers: Answers,
    shown: VecDeque<String>,
}

impl Phone {
    /// A phone for all numbers of the tenant's customers.
    pub fn new(pair: Pair, tenant: &str, answers: Answers) -> Self {
        Self { pair, tenant: tenant.to_owned(), answers, shown: VecDeque::new() }
    }

    /// Takes texts, and opens its stream anew whenever it ends. Ends with a refusal that no other try would mend.
    pub async fn run(mut self, mut hear: impl FnMut(Heard)) -> Result<Infallible, Error> {
        let (began, mut pause) = (Instant::now(), SHORTEST_PAUSE);
        let (mut was_open, mut is_away) = (false, false);
        loop {
            // A token of its own each time: a stream lives no longer than its token.
            let gateway = self.gateway()?;
            let ended = match gateway.carrier().watch_outbound(pb::WatchOutboundRequest {}).await {
                Ok(stream) => {
                    (was_open, is_away, pause) = (true, false, SHORTEST_PAUSE);
                    self.take_all(&gateway, stream.into_inner(), &mut hear).await
                }
                refused => refused.map(|_| ()),
            };
            if let Err(status) = ended {
                // The services may still be starting, or hear of the tenant in a moment.
                let is_start = !was_open && began.elapsed() < PATIENCE;
                if !is_start && (!was_open || is_final(&status)) {
                    return Err(CallError(status).into());
                }
                if !std::mem::replace(&mut is_away, true) {
                    hear(Heard::Away(status));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn gateway(&self) -> Result<Party, Error> {
        self.pair.service("carrier", &self.tenant)
    }

    async fn take_all(
        &mut self,
        gateway: &Party,
        mut stream: Streaming<pb::WatchOutboundResponse>,
        hear: &mut impl FnMut(Heard),
    ) -> Result<(), Status> {
        while let Some(response) = stream.message().await? {
            let Some(Frame::Texts(batch)) = response.frame else { continue };
            for text in batch.texts {
                self.take(gateway, text, hear).await?;
            }
        }
        Ok(())
    }

    /// What fails here is handed out again when its lease has run out, with the same token.
    async fn take(&mut self, gateway: &Party, text: pb::OutboundText, hear: &mut impl FnMut(Heard)) -> Result<(), Status> {
        let (token, is_landline) = (text.token.clone(), text.contact_number.ends_with(LANDLINE));
        let accepted = pb::Accepted { provider: PROVIDER.into(), provider_message_id: token.clone() };
        let acknowledge =
            pb::AcknowledgeOutboundRequest { token: token.clone(), result: Some(Outcome::Accepted(accepted.clone())) };
        gateway.carrier().acknowledge_outbound(acknowledge).await?;
        let (last, error) = match is_landline {
            true => (pb::DeliveryStatus::Undelivered, "a landline"),
            false => (pb::DeliveryStatus::Delivered, ""),
        };
        if !self.shown.contains(&token) {
            self.shown.truncate(REMEMBERED - 1);
            self.shown.push_front(token.clone());
            hear(Heard::Text(text.clone(), last));
        }
        for (status, error) in [(pb::DeliveryStatus::Sent, ""), (last, error)] {
            let report = pb::ReportDeliveryRequest {
                text: Some(Reported::ProviderText(accepted.clone())),
                status: status.into(),
                error: error.into(),
            };
            gateway.carrier().report_delivery(report).await?;
        }
        if is_landline { Ok(()) } else { self.answer(gateway, &text, hear).await }
    }

    async fn answer(&self, gateway: &Party, text: &pb::OutboundText, hear: &mut impl FnMut(Heard)) -> Result<(), Status> {
        let (id, body) = match &self.answers {
            Answers::Nothing => return Ok(()),
            Answers::FirstOfThread(body) => (&text.thread_id, body),
            Answers::Every(body) => (&text.token, body),
        };
        let answer = pb::ReceiveMessageRequest {
            provider: PROVIDER.into(),
            provider_message_id: format!("answer-{id}"),
            contact_number: text.contact_number.clone(),
            business_number: text.business_number.clone(),
            body: body.clone(),
            ..Default::default()
        };
        match gateway.carrier().receive_message(answer).await {
            Ok(received) if received.get_ref().duplicate => Ok(()),
            Ok(_) => {
                hear(Heard::Answered(text.contact_number.clone(), body.clone()));
                Ok(())
            }
            // An earlier phone answered something else there.
            Err(status) if status.code() == Code::AlreadyExists => Ok(()),
            Err(status) => Err(status),
        }
    }
}

/// Whether the same call will be refused for as long as nobody changes something.
fn is_final(status: &Status) -> bool {
    let expired = reason(status) == "TOKEN_EXPIRED";
    let codes = [Code::Unauthenticated, Code::PermissionDenied, Code::InvalidArgument, Code::Unimplemented];
    codes.contains(&status.code()) && !expired
}
