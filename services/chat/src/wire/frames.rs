//! The frames of `WatchThread`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crewline_api::chat::v1 as pb;
use pb::watch_thread_response::Frame;

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

/// The stream is about to end.
pub fn closing(reason: pb::ClosingReason, retry_after: Duration, cursor: String) -> pb::WatchThreadResponse {
    let retry_after = prost_types::Duration::try_from(retry_after).ok();
    frame(Frame::Closing(pb::Closing { reason: reason.into(), retry_after, cursor }))
}
