//! The frames of `WatchThread`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crewline_api::chat::v1 as pb;
use pb::watch_thread_response::Frame;

use crate::hints::Present;
use crate::model::{Audience, Event};

fn frame(frame: Frame) -> pb::WatchThreadResponse {
    pb::WatchThreadResponse { frame: Some(frame) }
}

/// The stream is open.
pub fn opened(head_seq: u64, first_available_seq: u64, access_revision: u64) -> pb::WatchThreadResponse {
    frame(Frame::Opened(pb::Opened { head_seq, first_available_seq, access_revision }))
}

/// What happened.
pub fn events(batch: &[Arc<Event>], audience: Audience, cursor: String) -> pb::WatchThreadResponse {
    let events = batch.iter().map(|event| super::event(event, audience)).collect();
    frame(Frame::Events(pb::EventBatch { events, cursor }))
}

/// The newest event has been sent.
pub fn caught_up(seq: u64, cursor: String) -> pb::WatchThreadResponse {
    frame(Frame::CaughtUp(pb::CaughtUp { seq, cursor }))
}

/// The heartbeat.
pub fn progress(seq: u64, head_seq: u64, now: SystemTime, cursor: String) -> pb::WatchThreadResponse {
    frame(Frame::Progress(pb::Progress { seq, head_seq, server_time: Some(now.into()), cursor }))
}

/// Access is not known.
pub fn holding() -> pb::WatchThreadResponse {
    frame(Frame::Holding(pb::Holding {}))
}

/// The position cannot be served.
pub fn reset(reason: pb::ResetReason, first_available_seq: u64) -> pb::WatchThreadResponse {
    frame(Frame::Reset(pb::Reset { reason: reason.into(), first_available_seq }))
}

/// Who else is here.
pub fn presence(people: &[Present]) -> pb::WatchThreadResponse {
    let present = |present: &Present| pb::Present {
        person_id: present.person.to_string(),
        display_name: present.name.clone(),
        viewing: present.viewing,
        typing: present.typing,
    };
    frame(Frame::Presence(pb::Presence { people: people.iter().map(present).collect() }))
}

/// The stream is about to end.
pub fn closing(reason: pb::ClosingReason, retry_after: Duration, cursor: String) -> pb::WatchThreadResponse {
    frame(Frame::Closing(said_closing(reason, retry_after, cursor)))
}

/// The last word of every stream.
pub fn said_closing(reason: pb::ClosingReason, retry_after: Duration, cursor: String) -> pb::Closing {
    pb::Closing { reason: reason.into(), retry_after: prost_types::Duration::try_from(retry_after).ok(), cursor }
}
