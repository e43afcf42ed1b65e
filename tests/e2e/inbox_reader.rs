//! A reader of an inbox stream: keeps what a client would show, and checks what every inbox must keep.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use chat::watch_inbox_response::Frame;
use chat::{RemovedReason, SnapshotEnd, Thread, WatchInboxRequest};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use tonic::{Status, Streaming};

use crate::refusals::reason_of;
use crate::running::PATIENCE;

/// What a client shows: the threads, and the red mark of each job that has one of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    pub threads: BTreeMap<String, Thread>,
    pub jobs: BTreeMap<String, u32>,
}

pub struct InboxReader {
    stream: Streaming<chat::WatchInboxResponse>,
    pub shown: Shown,
    /// The ids of the snapshot in the order in which they came.
    pub snapshot: Vec<String>,
    in_snapshot: HashSet<String>,
    pub snapshot_end: Option<SnapshotEnd>,
    /// What went, and why.
    pub removed: Vec<(String, RemovedReason)>,
}

impl InboxReader {
    /// The whole inbox of a person, after its snapshot.
    pub async fn open(party: &Party) -> Self {
        Self::filtered(party, WatchInboxRequest::default()).await
    }

    pub async fn filtered(party: &Party, filter: WatchInboxRequest) -> Self {
        Self::try_open(party, filter).await.expect("an inbox")
    }

    /// A refusal may come with the call or in place of the first frame.
    pub async fn try_open(party: &Party, filter: WatchInboxRequest) -> Result<Self, Status> {
        let stream = party.threads().watch_inbox(filter).await?.into_inner();
        let mut inbox = Self {
            stream,
            shown: Shown::default(),
            snapshot: Vec::new(),
            in_snapshot: HashSet::new(),
            snapshot_end: None,
            removed: Vec::new(),
        };
        while inbox.snapshot_end.is_none() {
            inbox.frame().await?.expect("a snapshot");
        }
        Ok(inbox)
    }

    /// The next frame, taken in.
    pub async fn frame(&mut self) -> Result<Option<Frame>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("a frame within the limit")?;
        let frame = next.map(|response| response.frame.expect("a frame that says something"));
        match &frame {
            Some(Frame::Entries(batch)) => self.take(batch),
            Some(Frame::Removed(batch)) => self.drop(batch),
            Some(Frame::SnapshotEnd(end)) => {
                assert!(self.snapshot_end.is_none(), "a second snapshot");
                assert_eq!(end.entries as usize, self.snapshot.len(), "the snapshot is as long as it says");
                self.snapshot_end = Some(*end);
            }
            Some(Frame::Closing(closing)) => assert_eq!(closing.cursor, "", "an inbox has no cursor"),
            _ => {}
        }
        Ok(frame)
    }

    /// A frame, if one comes by then.
    pub async fn frame_within(&mut self, limit: Duration) -> Option<Result<Option<Frame>, Status>> {
        tokio::time::timeout(limit, self.frame()).await.ok()
    }

    /// Reads until the inbox shows what is wanted.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !wanted(self) {
            assert!(began.elapsed() < PATIENCE, "still not so: {what}: {:?}, {:?}", self.shown, self.removed);
            self.frame().await.expect("a stream that lives").expect("a stream that goes on");
        }
    }

    /// Reads until a thread has gone: why.
    pub async fn until_removed(&mut self, thread: &str) -> RemovedReason {
        self.until(&format!("{thread} has gone"), |inbox| inbox.removed.iter().any(|(id, _)| id == thread)).await;
        let place = self.removed.iter().rposition(|(id, _)| id == thread).expect("it has gone");
        self.removed.remove(place).1
    }

    /// Reads until a thread has this unread count.
    pub async fn until_unread(&mut self, thread: &str, count: u32) {
        self.until(&format!("{count} unread"), |inbox| inbox.unread(thread) == Some(count)).await;
    }

    pub fn unread(&self, thread: &str) -> Option<u32> {
        self.shown.threads.get(thread).map(|thread| thread.unread_count)
    }

    /// The ids of what is shown.
    pub fn ids(&self) -> Vec<&str> {
        self.shown.threads.keys().map(String::as_str).collect()
    }

    /// Reads to the end: the reasons that `Closing` and the status gave.
    pub async fn end(&mut self) -> (chat::ClosingReason, String) {
        let began = Instant::now();
        loop {
            let frame = self.frame().await.expect("a stream that lives").expect("a stream that goes on");
            if let Frame::Closing(closing) = frame {
                let status = self.frame().await.expect_err("a status after the last frame");
                return (closing.reason(), reason_of(&status));
            }
            assert!(began.elapsed() < PATIENCE, "it goes on: {frame:?}");
        }
    }

    fn take(&mut self, batch: &chat::EntryBatch) {
        assert!((1..=64).contains(&batch.entries.len()), "{} entries", batch.entries.len());
        for entry in &batch.entries {
            let thread = entry.thread.clone().expect("a thread");
            if self.snapshot_end.is_none() {
                assert!(self.in_snapshot.insert(thread.thread_id.clone()), "twice in the snapshot");
                self.snapshot.push(thread.thread_id.clone());
            }
            let job = thread.job_id.clone();
            let before = self.shown.threads.insert(thread.thread_id.clone(), thread);
            self.tell(&job, entry.job_unread_count);
            if let Some(before) = before.filter(|before| before.job_id != job) {
                self.forget_job(&before.job_id);
            }
        }
    }

    fn drop(&mut self, batch: &chat::RemovedBatch) {
        assert!((1..=64).contains(&batch.removed.len()), "{} removed", batch.removed.len());
        for removed in &batch.removed {
            let thread = self.shown.threads.remove(&removed.thread_id).expect("removed without having been shown");
            assert_eq!(thread.job_id, removed.job_id, "the job that it was shown with");
            self.removed.push((removed.thread_id.clone(), removed.reason()));
            self.tell(&removed.job_id, removed.job_unread_count);
            self.forget_job(&removed.job_id);
        }
    }

    fn tell(&mut self, job: &str, unread: u32) {
        if job.is_empty() {
            assert_eq!(unread, 0, "of no job");
        } else {
            self.shown.jobs.insert(job.into(), unread);
        }
    }

    /// A job has no mark when none of its threads is left.
    fn forget_job(&mut self, job: &str) {
        if self.shown.threads.values().all(|thread| thread.job_id != job) {
            self.shown.jobs.remove(job);
        }
    }
}
