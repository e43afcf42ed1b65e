//! The SMS gateway: takes the texts that go out, and says what became of them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chat::acknowledge_outbound_request::Result as Outcome;
use chat::report_delivery_request::Text;
use chat::watch_outbound_response::Frame;
use chat::{Accepted, DeliveryStatus, OutboundText, Rejected, TryLater};
use crewline::party::{Party, until_heard};
use crewline_api::chat::v1 as chat;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::running::PATIENCE;

pub struct Gateway {
    carrier: Party,
    stream: Streaming<chat::WatchOutboundResponse>,
    /// Handed out, and not looked at.
    ready: VecDeque<OutboundText>,
}

impl Gateway {
    pub async fn open(carrier: &Party) -> Self {
        Self::try_open(carrier).await.expect("a stream")
    }

    /// Opens a stream, when the service is back.
    pub async fn reopen(carrier: &Party) -> Self {
        until_heard(async || Self::try_open(carrier).await).await.expect("a stream")
    }

    pub async fn try_open(carrier: &Party) -> Result<Self, Status> {
        let stream = carrier.carrier().watch_outbound(chat::WatchOutboundRequest {}).await?.into_inner();
        Ok(Self { carrier: carrier.clone(), stream, ready: VecDeque::new() })
    }

    /// The next frame, its texts taken in.
    pub async fn frame(&mut self) -> Result<Option<Frame>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("a frame within the limit")?;
        let frame = next.map(|response| response.frame.expect("a frame that says something"));
        if let Some(Frame::Texts(batch)) = &frame {
            assert!((1..=32).contains(&batch.texts.len()), "{} texts", batch.texts.len());
            let mut numbers: Vec<&str> = batch.texts.iter().map(|text| text.contact_number.as_str()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), batch.texts.len(), "one for a number");
            self.ready.extend(batch.texts.iter().cloned());
        }
        Ok(frame)
    }

    /// The texts that are handed out next, together; nothing when the stream has ended.
    pub async fn batch(&mut self) -> Option<Vec<OutboundText>> {
        while self.ready.is_empty() {
            self.frame().await.ok()??;
        }
        Some(self.ready.drain(..).collect())
    }

    /// The next text.
    pub async fn next(&mut self) -> OutboundText {
        let began = Instant::now();
        loop {
            if let Some(text) = self.ready.pop_front() {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "nothing is handed out");
            self.frame().await.expect("a stream that lives").expect("a stream that goes on");
        }
    }

    /// The next text, if it is there by then.
    pub async fn next_within(&mut self, limit: Duration) -> Option<OutboundText> {
        tokio::time::timeout(limit, self.next()).await.ok()
    }

    /// The next text, which the provider takes.
    pub async fn accept_next(&mut self) -> OutboundText {
        let text = self.next().await;
        assert_eq!(self.accept(&text).await, DeliveryStatus::Accepted);
        text
    }

    /// The next text, which the provider refuses.
    pub async fn reject_next(&mut self, error: &str) -> OutboundText {
        let text = self.next().await;
        assert_eq!(self.reject(&text, error).await, DeliveryStatus::Failed);
        text
    }

    pub async fn accept(&self, text: &OutboundText) -> DeliveryStatus {
        let accepted = Accepted { provider: "test".into(), provider_message_id: provider_id(&text.token) };
        self.acknowledge(&text.token, Outcome::Accepted(accepted)).await.expect("acknowledged")
    }

    pub async fn reject(&self, text: &OutboundText, error: &str) -> DeliveryStatus {
        self.acknowledge(&text.token, Outcome::Rejected(Rejected { error: error.into() })).await.expect("acknowledged")
    }

    pub async fn put_off(&self, text: &OutboundText) -> DeliveryStatus {
        self.acknowledge(&text.token, Outcome::TryLater(TryLater {})).await.expect("acknowledged")
    }

    pub async fn acknowledge(&self, token: &str, result: Outcome) -> Result<DeliveryStatus, Status> {
        let acknowledge = chat::AcknowledgeOutboundRequest { token: token.into(), result: Some(result) };
        Ok(self.carrier.carrier().acknowledge_outbound(acknowledge).await?.into_inner().delivery_status())
    }

    pub async fn report(&self, text: Text, status: DeliveryStatus) -> Result<DeliveryStatus, Status> {
        let error =
            if matches!(status, DeliveryStatus::Undelivered | DeliveryStatus::Failed) { "the carrier's word" } else { "" };
        let report = chat::ReportDeliveryRequest { status: status.into(), error: error.into(), text: Some(text) };
        Ok(self.carrier.carrier().report_delivery(report).await?.into_inner().delivery_status())
    }
}

/// The id that the provider gives a text.
pub fn provider_id(token: &str) -> String {
    format!("p-{token}")
}

/// A text, named by its token.
pub fn by_token(token: &str) -> Text {
    Text::Token(token.into())
}

/// A text, named by the provider's id.
pub fn by_provider_id(token: &str) -> Text {
    Text::ProviderText(Accepted { provider: "test".into(), provider_message_id: provider_id(token) })
}

/// A token that was never given.
pub fn unknown_token() -> String {
    Uuid::new_v4().to_string()
}
