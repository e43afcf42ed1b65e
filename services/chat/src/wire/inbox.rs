//! The frames of `WatchInbox`.

use std::time::{Duration, SystemTime};

use chassis::refusal::Refusal;
use crewline_api::chat::v1 as pb;
use pb::watch_inbox_response::Frame;

use crate::model::{JobId, PersonKind, ThreadId, ThreadState, ThreadView};
use crate::store::views::Filter;

/// What an inbox is asked for: open threads, unless it is said.
pub fn filter(asked: pb::WatchInboxRequest) -> Result<Filter, Refusal> {
    Ok(Filter {
        job: super::optional_job("job_id", asked.job_id)?,
        state: Some(super::state("state", asked.state)?.unwrap_or(ThreadState::Open)),
        contact: super::optional_contact("contact_number", asked.contact_number)?,
        unread_only: asked.unread_only,
    })
}

fn frame(frame: Frame) -> pb::WatchInboxResponse {
    pb::WatchInboxResponse { frame: Some(frame) }
}

/// Threads as they are now.
pub fn entries(views: &[ThreadView], viewer: PersonKind, unread_of: impl Fn(Option<&JobId>) -> u64) -> pb::WatchInboxResponse {
    let entry = |view: &ThreadView| pb::InboxEntry {
        thread: Some(super::thread(view, viewer)),
        job_unread_count: super::count(unread_of(view.thread.job.as_ref())),
    };
    frame(Frame::Entries(pb::EntryBatch { entries: views.iter().map(entry).collect() }))
}

/// Threads that are gone, each with the job that it was told with.
pub fn removed(
    gone: &[(ThreadId, pb::RemovedReason, Option<JobId>)],
    unread_of: impl Fn(Option<&JobId>) -> u64,
) -> pb::WatchInboxResponse {
    let removed = |(thread, reason, job): &(ThreadId, pb::RemovedReason, Option<JobId>)| pb::Removed {
        thread_id: thread.to_string(),
        reason: (*reason).into(),
        job_id: super::job_id(job.as_ref()),
        job_unread_count: super::count(unread_of(job.as_ref())),
    };
    frame(Frame::Removed(pb::RemovedBatch { removed: gone.iter().map(removed).collect() }))
}

/// Everything has been told.
pub fn snapshot_end(entries: usize, truncated: bool, access_revision: u64) -> pb::WatchInboxResponse {
    let entries = u32::try_from(entries).unwrap_or(u32::MAX);
    frame(Frame::SnapshotEnd(pb::SnapshotEnd { entries, truncated, access_revision }))
}

/// The heartbeat.
pub fn progress(now: SystemTime) -> pb::WatchInboxResponse {
    frame(Frame::Progress(pb::InboxProgress { server_time: Some(now.into()) }))
}

/// Access is not known.
pub fn holding() -> pb::WatchInboxResponse {
    frame(Frame::Holding(pb::Holding {}))
}

/// The stream is about to end.
pub fn closing(reason: pb::ClosingReason, retry_after: Duration) -> pb::WatchInboxResponse {
    frame(Frame::Closing(super::frames::said_closing(reason, retry_after, String::new())))
}
