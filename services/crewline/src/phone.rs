//! A simulated phone: stands in for the SMS gateway and for the customers, so that a first try needs no account with anybody.
//!
//! It takes each text that a tenant sends, says that it was sent and delivered, and answers if it is told to.

pub mod screen;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use crewline_api::chat::v1 as pb;
use crewline_client::Update;
use crewline_client::outbound::OutboundNews;
use crewline_client::subscription::Parting;
use pb::acknowledge_outbound_request::Result as Outcome;
use pb::report_delivery_request::Text as Reported;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::error::Error;
use crate::party::{CallError, Pair, Party, reason};

/// The provider that it plays.
pub const PROVIDER: &str = "phone";
/// A number that ends so is a landline: no text reaches it (rule R42).
pub const LANDLINE: &str = "99";

/// How long it may take until it can take texts at all.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);
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

    /// Takes texts, for as long as it may. Ends with a refusal that no other try would mend.
    pub async fn run(mut self, mut hear: impl FnMut(Heard)) -> Result<Infallible, Error> {
        let (began, mut was_open) = (Instant::now(), false);
        loop {
            // A token of its own each time: a stream lives no longer than its token.
            let gateway = self.pair.service("carrier", &self.tenant)?;
            let Some(parting) = self.take_all(&gateway, &mut was_open, &mut hear).await else { continue };
            // The services may still be starting, or hear of the tenant in a moment.
            let is_start = !was_open && began.elapsed() < PATIENCE;
            if !is_start && reason(&parting.status) != "TOKEN_EXPIRED" {
                return Err(CallError(parting.status).into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Follows the stream to its end.
    async fn take_all(&mut self, gateway: &Party, was_open: &mut bool, hear: &mut impl FnMut(Heard)) -> Option<Parting> {
        let mut updates = gateway.watch_outbound();
        let mut is_away = false;
        while let Some(update) = updates.next().await {
            let trouble = match update {
                Update::News(OutboundNews::Texts(texts)) => self.take_batch(gateway, texts, hear).await.err(),
                Update::News(_) => None,
                Update::Interrupted(parting) => Some(parting.status),
                Update::Ended(parting) => return Some(parting),
            };
            *was_open |= trouble.is_none();
            let was_away = std::mem::replace(&mut is_away, trouble.is_some());
            if let Some(status) = trouble.filter(|_| !was_away) {
                hear(Heard::Away(status));
            }
        }
        None
    }

    async fn take_batch(
        &mut self,
        gateway: &Party,
        texts: Vec<pb::OutboundText>,
        hear: &mut impl FnMut(Heard),
    ) -> Result<(), Status> {
        for text in texts {
            self.take(gateway, text, hear).await?;
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
