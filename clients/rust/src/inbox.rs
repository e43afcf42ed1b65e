//! The inbox: the threads that somebody may see, as they are now.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use crewline_api::chat::v1 as pb;
use pb::watch_inbox_response::Frame;
use prost::Message;
use tonic::{Status, Streaming};

use crate::client::Client;
use crate::subscription::{Source, Taken};

/// What the stream of an inbox tells. What is told after an interruption goes on from what was told before it: entries that have not changed
/// are not told again, and those that went meanwhile are told as removed.
#[derive(Clone, Debug, PartialEq)]
pub enum InboxNews {
    /// Threads that came or changed.
    Entries(Vec<pb::InboxEntry>),
    /// Threads that went; with the reason UNSPECIFIED, if they went while the stream was interrupted.
    Removed(Vec<pb::Removed>),
    /// The inbox is whole: once at the beginning, and after each interruption.
    Whole(pb::SnapshotEnd),
    /// Nothing new: every 25 s at most. After `Holding`, anything but that means that access is known again.
    Progress(pb::InboxProgress),
    /// Nothing is told for now, because the service does not know who may see it.
    Holding,
}

/// An inbox, as it was told so far.
pub(crate) struct InboxSource {
    pub(crate) client: Client,
    pub(crate) filter: pb::WatchInboxRequest,
    pub(crate) inbox: Inbox,
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// What was told, by thread. The service tells of 10,000 at most.
    told: HashMap<String, Told>,
    /// The unread count that was told last of each job.
    marks: BTreeMap<String, u32>,
    /// While a snapshot comes: the threads in it so far.
    snapshot: Option<HashSet<String>>,
}

#[derive(Debug)]
struct Told {
    job_id: String,
    digest: u64,
}

impl Source for InboxSource {
    type Frame = pb::WatchInboxResponse;
    type News = InboxNews;
    type Frames = Streaming<pb::WatchInboxResponse>;

    async fn open(&mut self) -> Result<Self::Frames, Status> {
        self.inbox.expect_snapshot();
        Ok(self.client.threads().watch_inbox(self.filter.clone()).await?.into_inner())
    }

    fn take(&mut self, response: pb::WatchInboxResponse) -> Taken<InboxNews> {
        match response.frame {
            Some(Frame::Closing(closing)) => Taken::Farewell(closing.into()),
            Some(frame) => Taken::News(self.inbox.take(frame)),
            // Of a newer service.
            None => Taken::News(Vec::new()),
        }
    }
}

impl Inbox {
    fn expect_snapshot(&mut self) {
        self.snapshot = Some(HashSet::new());
    }

    fn take(&mut self, frame: Frame) -> Vec<InboxNews> {
        match frame {
            Frame::Entries(batch) => some(self.enter(batch.entries), InboxNews::Entries),
            Frame::Removed(batch) => some(self.remove(batch.removed), InboxNews::Removed),
            Frame::SnapshotEnd(end) => {
                let mut news = some(self.remove_what_went(), InboxNews::Removed);
                news.push(InboxNews::Whole(end));
                news
            }
            Frame::Progress(progress) => vec![InboxNews::Progress(progress)],
            Frame::Holding(_) => vec![InboxNews::Holding],
            Frame::Closing(_) => Vec::new(),
        }
    }

    /// Those that are not told already.
    fn enter(&mut self, mut entries: Vec<pb::InboxEntry>) -> Vec<pb::InboxEntry> {
        entries.retain(|entry| {
            let thread = entry.thread.clone().unwrap_or_default();
            let told = Told { job_id: thread.job_id.clone(), digest: digest(entry) };
            if let Some(snapshot) = &mut self.snapshot {
                snapshot.insert(thread.thread_id.clone());
            }
            let mark = self.marks.insert(thread.job_id, entry.job_unread_count);
            let digest = told.digest;
            let before = self.told.insert(thread.thread_id, told);
            mark != Some(entry.job_unread_count) || before.is_none_or(|before| before.digest != digest)
        });
        entries
    }

    /// Those that were told, or that change the count of their job.
    fn remove(&mut self, mut removed: Vec<pb::Removed>) -> Vec<pb::Removed> {
        removed.retain(|removed| {
            let mark = self.marks.insert(removed.job_id.clone(), removed.job_unread_count);
            if let Some(snapshot) = &mut self.snapshot {
                snapshot.remove(&removed.thread_id);
            }
            self.told.remove(&removed.thread_id).is_some() || mark.is_some_and(|mark| mark != removed.job_unread_count)
        });
        self.forget_marks();
        removed
    }

    /// The snapshot is whole: what was told and is not in it went while nobody looked.
    fn remove_what_went(&mut self) -> Vec<pb::Removed> {
        let snapshot = self.snapshot.take().unwrap_or_default();
        let went: Vec<(String, Told)> = self.told.extract_if(|thread_id, _| !snapshot.contains(thread_id)).collect();
        self.forget_marks();
        let removed = went.into_iter().map(|(thread_id, told)| pb::Removed {
            thread_id,
            reason: pb::RemovedReason::Unspecified.into(),
            job_unread_count: self.marks.get(&told.job_id).copied().unwrap_or_default(),
            job_id: told.job_id,
        });
        removed.collect()
    }

    /// A job without threads has no count.
    fn forget_marks(&mut self) {
        let jobs: HashSet<&String> = self.told.values().map(|told| &told.job_id).collect();
        self.marks.retain(|job_id, _| jobs.contains(job_id));
    }
}

fn some<T>(list: Vec<T>, news: impl Fn(Vec<T>) -> InboxNews) -> Vec<InboxNews> {
    if list.is_empty() { Vec::new() } else { vec![news(list)] }
}

fn digest(entry: &pb::InboxEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.encode_to_vec().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(entries: &[(&str, &str, u32, u32)]) -> Frame {
        let entries = entries.iter().map(|&(thread_id, job_id, unread_count, job_unread_count)| {
            let thread = pb::Thread { thread_id: thread_id.into(), job_id: job_id.into(), unread_count, ..Default::default() };
            pb::InboxEntry { thread: Some(thread), job_unread_count }
        });
        Frame::Entries(pb::EntryBatch { entries: entries.collect() })
    }

    fn removed(thread_id: &str, job_id: &str, job_unread_count: u32) -> Frame {
        let reason = pb::RemovedReason::Unassigned.into();
        let removed = pb::Removed { thread_id: thread_id.into(), job_id: job_id.into(), reason, job_unread_count };
        Frame::Removed(pb::RemovedBatch { removed: vec![removed] })
    }

    fn end() -> Frame {
        Frame::SnapshotEnd(pb::SnapshotEnd::default())
    }

    /// What is told: `+thread unread/job`, `-thread reason job count`, `.` for a whole snapshot.
    fn told(inbox: &mut Inbox, frame: Frame) -> Vec<String> {
        let mut words = Vec::new();
        for news in inbox.take(frame) {
            match news {
                InboxNews::Entries(entries) => words.extend(entries.into_iter().map(|entry| {
                    let thread = entry.thread.expect("a thread");
                    format!("+{} {}/{}", thread.thread_id, thread.unread_count, entry.job_unread_count)
                })),
                InboxNews::Removed(removed) => words.extend(removed.into_iter().map(|removed| {
                    format!("-{} {:?} {} {}", removed.thread_id, removed.reason(), removed.job_id, removed.job_unread_count)
                })),
                InboxNews::Whole(_) => words.push(".".into()),
                other => words.push(format!("{other:?}")),
            }
        }
        words.sort();
        words
    }

    fn opened() -> Inbox {
        let mut inbox = Inbox::default();
        inbox.expect_snapshot();
        assert_eq!(
            told(&mut inbox, entries(&[("a", "1", 2, 3), ("b", "1", 1, 3), ("c", "2", 0, 0)])),
            ["+a 2/3", "+b 1/3", "+c 0/0"]
        );
        assert_eq!(told(&mut inbox, end()), ["."]);
        inbox
    }

    #[test]
    fn entries_come_change_and_go_as_the_service_says() {
        let mut inbox = opened();
        assert_eq!(told(&mut inbox, entries(&[("c", "2", 1, 1)])), ["+c 1/1"]);
        assert_eq!(told(&mut inbox, removed("b", "1", 2)), ["-b Unassigned 1 2"]);
        assert_eq!(told(&mut inbox, entries(&[("b", "1", 1, 3)])), ["+b 1/3"], "it comes back");
    }

    #[test]
    fn a_fresh_snapshot_tells_what_changed_and_what_went_and_nothing_twice() {
        let mut inbox = opened();
        inbox.expect_snapshot();
        assert_eq!(told(&mut inbox, entries(&[("d", "3", 5, 5), ("a", "1", 2, 2)])), ["+a 2/2", "+d 5/5"]);
        assert_eq!(told(&mut inbox, end()), ["-b Unspecified 1 2", "-c Unspecified 2 0", "."]);
        inbox.expect_snapshot();
        assert_eq!(told(&mut inbox, entries(&[("d", "3", 5, 5), ("a", "1", 2, 2)])), Vec::<String>::new());
        assert_eq!(told(&mut inbox, end()), ["."]);
    }

    #[test]
    fn a_snapshot_that_broke_off_removes_nothing() {
        let mut inbox = opened();
        inbox.expect_snapshot();
        assert_eq!(told(&mut inbox, entries(&[("a", "1", 2, 3)])), Vec::<String>::new());
        inbox.expect_snapshot();
        assert_eq!(told(&mut inbox, entries(&[("b", "1", 1, 3), ("c", "2", 0, 0)])), Vec::<String>::new());
        assert_eq!(told(&mut inbox, end()), ["-a Unspecified 1 3", "."]);
    }

    #[test]
    fn a_count_of_the_job_that_was_told_differently_meanwhile_is_told_again() {
        let mut inbox = opened();
        assert_eq!(told(&mut inbox, removed("b", "1", 2)), ["-b Unassigned 1 2"]);
        inbox.expect_snapshot();
        assert_eq!(told(&mut inbox, entries(&[("a", "1", 2, 3)])), ["+a 2/3"]);
    }

    #[test]
    fn what_comes_and_goes_again_within_a_snapshot_is_gone() {
        let mut inbox = opened();
        inbox.expect_snapshot();
        told(&mut inbox, entries(&[("a", "1", 2, 3), ("b", "1", 1, 3), ("c", "2", 0, 0)]));
        assert_eq!(told(&mut inbox, removed("c", "2", 0)), ["-c Unassigned 2 0"]);
        assert_eq!(told(&mut inbox, end()), ["."]);
    }
}
