//! The inbox, as somebody has it on a device: the threads, and the red mark beside each job.

use std::collections::BTreeMap;

use crewline_api::chat::v1 as pb;
use crewline_client::inbox::InboxNews;
use crewline_client::{Subscription, Update};
use tonic::Response;

use super::Failed;
use super::scenes::JOB;
use super::stage::Stage;
use super::watching::PATIENCE;
use crate::party::{Party, until_heard};

/// What the stream has told so far, and whose it is.
pub struct Inbox {
    device: &'static str,
    stream: Subscription<InboxNews>,
    threads: BTreeMap<String, pb::Thread>,
    removed: BTreeMap<String, pb::RemovedReason>,
    marks: BTreeMap<String, u32>,
    closing: Option<pb::ClosingReason>,
}

impl Stage {
    /// Somebody opens the inbox on a device.
    pub async fn inbox(&mut self, device: &'static str, party: &Party) -> Result<Inbox, Failed> {
        let opened = until_heard(async || {
            let stream = party.watch_inbox(pb::WatchInboxRequest::default());
            let (threads, removed, marks) = Default::default();
            let mut inbox = Inbox { device, stream, threads, removed, marks, closing: None };
            loop {
                match inbox.stream.next().await {
                    Some(Update::News(InboxNews::Whole(_))) => return Ok(Response::new(inbox)),
                    Some(Update::News(news)) => inbox.take(news),
                    Some(Update::Ended(parting)) => return Err(parting.status),
                    _ => {}
                }
            }
        });
        self.done(device, "opens the inbox", opened.await)
    }

    /// The red mark beside the job becomes `expected`.
    pub async fn has_mark(&mut self, inbox: &mut Inbox, expected: u32) -> Result<(), Failed> {
        let what = format!("shows {expected} unread beside job {JOB}");
        while inbox.marks.get(JOB).copied().unwrap_or_default() != expected {
            inbox.advance(&what).await?;
        }
        self.same(inbox.device, &what, &true, &true)
    }

    /// The thread comes, or is there, with so many unread texts.
    pub async fn has_thread(&mut self, inbox: &mut Inbox, thread: &str, unread: u32) -> Result<(), Failed> {
        let what = format!("shows the thread, with {unread} unread");
        while inbox.threads.get(thread).is_none_or(|thread| thread.unread_count != unread) {
            inbox.advance(&what).await?;
        }
        self.same(inbox.device, &what, &true, &true)
    }

    /// The thread goes, and the inbox says why.
    pub async fn loses_thread(&mut self, inbox: &mut Inbox, thread: &str, reason: pb::RemovedReason) -> Result<(), Failed> {
        let what = format!("no longer shows the thread: {}", reason.as_str_name());
        while inbox.threads.contains_key(thread) || inbox.removed.get(thread) != Some(&reason) {
            inbox.advance(&what).await?;
        }
        self.same(inbox.device, &what, &true, &true)
    }

    /// The inbox says why it ends.
    pub async fn inbox_ends(&mut self, mut inbox: Inbox, expected: pb::ClosingReason) -> Result<(), Failed> {
        let what = format!("hears that the inbox ends: {}", expected.as_str_name());
        while inbox.closing.is_none() {
            inbox.advance(&what).await?;
        }
        self.same(inbox.device, &what, &Some(expected), &inbox.closing)
    }
}

impl Inbox {
    /// Takes one update. `awaited` is for the complaint.
    async fn advance(&mut self, awaited: &str) -> Result<(), Failed> {
        match tokio::time::timeout(PATIENCE, self.stream.next()).await {
            Ok(Some(Update::News(news))) => self.take(news),
            Ok(Some(Update::Ended(parting))) if parting.closing.is_some() => self.closing = parting.closing,
            other => {
                let step = format!("the inbox of {}", self.device);
                let told = other.map_err(|_| "nothing new in time");
                let seen = format!("{told:?}, red marks {:?}, removed {:?}", self.marks, self.removed);
                return Err(Failed::Unexpected { step, expected: awaited.to_owned(), seen });
            }
        }
        Ok(())
    }

    fn take(&mut self, news: InboxNews) {
        match news {
            InboxNews::Entries(entries) => entries.into_iter().for_each(|entry| self.show(entry)),
            InboxNews::Removed(removed) => removed.into_iter().for_each(|removed| self.remove(removed)),
            InboxNews::Whole(_) | InboxNews::Progress(_) | InboxNews::Holding => {}
        }
    }

    fn show(&mut self, entry: pb::InboxEntry) {
        let thread = entry.thread.unwrap_or_default();
        self.marks.insert(thread.job_id.clone(), entry.job_unread_count);
        self.threads.insert(thread.thread_id.clone(), thread);
    }

    fn remove(&mut self, removed: pb::Removed) {
        self.marks.insert(removed.job_id.clone(), removed.job_unread_count);
        self.threads.remove(&removed.thread_id);
        self.removed.insert(removed.thread_id.clone(), removed.reason());
    }
}
