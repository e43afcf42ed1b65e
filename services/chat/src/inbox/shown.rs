//! What an inbox has told its client, and the unread counts of its jobs.

use std::collections::HashMap;

use crate::access::guard::Place;
use crate::model::{JobId, ThreadId, ThreadState, ThreadView};

/// The threads that the client holds.
#[derive(Debug, Default)]
pub struct Shown {
    threads: HashMap<ThreadId, Entry>,
    unread: HashMap<JobId, u64>,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    /// What it adds to its job's count: a closed thread nothing.
    unread: u64,
}

impl Shown {
    /// How many.
    pub fn len(&self) -> usize {
        self.threads.len()
    }

    /// Whether it is one of them.
    pub fn has(&self, thread: ThreadId) -> bool {
        self.threads.contains_key(&thread)
    }

    /// Which.
    pub fn threads(&self) -> impl Iterator<Item = ThreadId> {
        self.threads.keys().copied()
    }

    /// As the guard looks at them.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.threads.values().map(|entry| &entry.place)
    }

    /// The job that a thread was told with.
    pub fn job(&self, thread: ThreadId) -> Option<&JobId> {
        self.threads.get(&thread).and_then(|entry| entry.place.job.as_ref())
    }

    /// The unread count of a job.
    pub fn unread_of(&self, job: Option<&JobId>) -> u64 {
        job.and_then(|job| self.unread.get(job)).copied().unwrap_or_default()
    }

    /// A thread is told, in the place of what was told of it before.
    pub fn put(&mut self, view: &ThreadView) {
        self.remove(view.thread.id);
        let place = Place::from(&view.thread);
        let unread = if place.state == ThreadState::Open { view.unread() } else { 0 };
        if let Some(job) = &place.job {
            *self.unread.entry(job.clone()).or_default() += unread;
        }
        self.threads.insert(place.thread, Entry { place, unread });
    }

    /// A thread is told to be gone; gives the job that it was told with, if it was told.
    pub fn remove(&mut self, thread: ThreadId) -> Option<Option<JobId>> {
        let entry = self.threads.remove(&thread)?;
        if let Some(job) = &entry.place.job
            && let Some(count) = self.unread.get_mut(job)
        {
            *count -= entry.unread;
            if *count == 0 {
                self.unread.remove(job);
            }
        }
        Some(entry.place.job)
    }
}
