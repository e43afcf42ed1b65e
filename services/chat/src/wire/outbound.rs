//! The frames of `WatchOutbound`, and what the gateway says of texts.

use std::time::{Duration, SystemTime};

use chassis::refusal::Refusal;
use crewline_api::chat::v1 as pb;
use pb::acknowledge_outbound_request::Result as Said;
use pb::report_delivery_request::Text;
use pb::watch_outbound_response::Frame;

use crate::model::{Provider, ProviderMessageId, parse_uuid};
use crate::store::deliveries::{Outcome, ProviderText, Sending};
use crate::store::outbound::OutboundText;

fn frame(frame: Frame) -> pb::WatchOutboundResponse {
    pb::WatchOutboundResponse { frame: Some(frame) }
}

/// Texts to hand to the provider.
pub fn texts(texts: Vec<OutboundText>) -> pb::WatchOutboundResponse {
    let text = |text: OutboundText| pb::OutboundText {
        token: text.token.to_string(),
        thread_id: text.thread.to_string(),
        message_id: text.message.to_string(),
        business_number: text.business.as_str().to_owned(),
        contact_number: text.contact.as_str().to_owned(),
        body: text.body.as_str().to_owned(),
        attachment_ids: super::attachment_ids(&text.attachments),
        lease_expire_time: Some(super::timestamp(text.leased_until)),
        hand_outs: text.hand_outs,
    };
    frame(Frame::Texts(pb::OutboundBatch { texts: texts.into_iter().map(text).collect() }))
}

/// The heartbeat.
pub fn progress(waiting: u64, now: SystemTime) -> pb::WatchOutboundResponse {
    frame(Frame::Progress(pb::OutboundProgress { waiting, server_time: Some(now.into()) }))
}

/// Access is not known.
pub fn holding() -> pb::WatchOutboundResponse {
    frame(Frame::Holding(pb::Holding {}))
}

/// The stream is about to end.
pub fn closing(reason: pb::ClosingReason, retry_after: Duration) -> pb::WatchOutboundResponse {
    frame(Frame::Closing(super::frames::said_closing(reason, retry_after, String::new())))
}

/// What became of a text.
pub fn outcome(said: Option<Said>) -> Result<Outcome, Refusal> {
    match said {
        Some(Said::Accepted(text)) => Ok(Outcome::Accepted(provider_text("accepted", text)?)),
        Some(Said::Rejected(rejected)) => Ok(Outcome::Rejected(super::failure("rejected.error", rejected.error)?)),
        Some(Said::TryLater(_)) => Ok(Outcome::TryLater),
        None => Err(Refusal::invalid("result", "must be set")),
    }
}

/// Which text a report is about.
pub fn sending(named: Option<Text>) -> Result<Sending, Refusal> {
    match named {
        Some(Text::Token(token)) => Ok(Sending::Token(parse_uuid("token", &token)?)),
        Some(Text::ProviderText(text)) => Ok(Sending::ProviderText(provider_text("provider_text", text)?)),
        None => Err(Refusal::invalid("text", "must be set")),
    }
}

fn provider_text(field: &str, text: pb::Accepted) -> Result<ProviderText, Refusal> {
    Ok(ProviderText {
        provider: Provider::parse(&format!("{field}.provider"), text.provider)?,
        id: ProviderMessageId::parse(&format!("{field}.provider_message_id"), text.provider_message_id)?,
    })
}
