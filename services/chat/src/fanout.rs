//! Memory only: which threads are watched on this node, how far they have come, and the tail of their events.
//!
//! A ring is a cache of the log. An event that is not in it, for whatever reason, is read from the store.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::access::guard::Place;
use crate::model::{Event, Thread, ThreadKey};
use crate::store::News;

/// Events in the ring of one thread.
const RING_EVENTS: usize = 256;
/// Bytes in the ring of one thread.
const RING_BYTES: usize = 256 * 1024;
/// Bytes in all rings of the node.
const NODE_BYTES: usize = 64 * 1024 * 1024;

/// All watched threads of this node. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Fanout {
    threads: Arc<Mutex<HashMap<ThreadKey, Watched>>>,
    bytes: Arc<AtomicUsize>,
}

/// Counted under the lock of the map: two watchers that leave together must not each take the other for the last.
#[derive(Debug)]
struct Watched {
    hot: Arc<Hot>,
    watchers: usize,
}

#[derive(Debug)]
struct Hot {
    newest: watch::Sender<Newest>,
    ring: Mutex<Ring>,
}

/// The newest that was announced of a thread while it was watched here.
#[derive(Clone, Debug, Default)]
pub struct Newest {
    /// The newest event; 0 if none was announced.
    pub seq: u64,
    /// The thread after it.
    pub place: Option<Place>,
    /// What lies up to here is hidden from the crew.
    pub crew_floor: u64,
}

/// Contiguous events up to the newest that was published.
#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

/// One watcher's registration. It must be made before the watcher first reads the store: then nothing can slip between.
#[derive(Debug)]
pub struct Watcher {
    fanout: Fanout,
    key: ThreadKey,
    hot: Arc<Hot>,
    newest: watch::Receiver<Newest>,
}

impl Fanout {
    /// Registers a watcher.
    pub fn register(&self, key: ThreadKey) -> Watcher {
        let hot = {
            let mut threads = lock(&self.threads);
            let hot = || Hot { newest: watch::Sender::default(), ring: Mutex::default() };
            let fresh = || Watched { hot: Arc::new(hot()), watchers: 0 };
            let watched = threads.entry(key.clone()).or_insert_with(fresh);
            watched.watchers += 1;
            Arc::clone(&watched.hot)
        };
        let newest = hot.newest.subscribe();
        Watcher { fanout: self.clone(), key, hot, newest }
    }

    /// Tells the watchers of a thread of what has been committed. Without events they find out in the store.
    pub fn publish(&self, news: &News) {
        // Under the lock to the end: a ring that is pushed to has a watcher, who will take it along.
        let threads = lock(&self.threads);
        let Some(watched) = threads.get(&news.key) else { return };
        for event in &news.events {
            lock(&watched.hot.ring).push(Arc::new(event.clone()), &self.bytes);
        }
        watched.hot.advance(news);
    }
}

impl Hot {
    /// Commits are announced by the tasks that made them: two may come in the other order.
    fn advance(&self, news: &News) {
        let seq = news.thread.head.seq;
        self.newest.send_if_modified(|newest| {
            let further = seq > newest.seq;
            if further {
                *newest = Newest { seq, place: Some(Place::from(&news.thread)), crew_floor: news.thread.crew_floor };
            }
            further
        });
    }
}

impl Ring {
    fn push(&mut self, event: Arc<Event>, node_bytes: &AtomicUsize) {
        match self.events.back() {
            // Commits are announced by the tasks that made them: two may come in the other order. One that takes the number of
            // another is of another history.
            Some(newest) if event.at.seq <= newest.at.seq => {
                let same = self.events.iter().find(|known| known.at.seq == event.at.seq);
                if same.is_none_or(|known| known.at == event.at) {
                    return;
                }
                self.clear(node_bytes);
            }
            Some(newest) if event.office_prev != newest.at => self.clear(node_bytes),
            Some(_) | None => {}
        }
        self.bytes += event.weight();
        node_bytes.fetch_add(event.weight(), Ordering::Relaxed);
        self.events.push_back(event);
        while self.events.len() > RING_EVENTS || self.bytes > RING_BYTES {
            self.pop(node_bytes);
        }
        if node_bytes.load(Ordering::Relaxed) > NODE_BYTES {
            self.clear(node_bytes);
        }
    }

    fn pop(&mut self, node_bytes: &AtomicUsize) {
        if let Some(oldest) = self.events.pop_front() {
            self.bytes -= oldest.weight();
            node_bytes.fetch_sub(oldest.weight(), Ordering::Relaxed);
        }
    }

    fn clear(&mut self, node_bytes: &AtomicUsize) {
        while !self.events.is_empty() {
            self.pop(node_bytes);
        }
    }

    fn after(&self, seq: u64, most: usize) -> Option<Vec<Arc<Event>>> {
        let oldest = self.events.front()?.at.seq;
        let skip = usize::try_from(seq.checked_add(1)?.checked_sub(oldest)?).ok()?;
        if skip >= self.events.len() {
            return None;
        }
        Some(self.events.iter().skip(skip).take(most).cloned().collect())
    }
}

impl Watcher {
    /// The newest event that was announced while the thread was watched here; 0 if none was.
    pub fn head(&self) -> u64 {
        self.newest.borrow().seq
    }

    /// What was announced last.
    pub fn newest(&self) -> watch::Ref<'_, Newest> {
        self.newest.borrow()
    }

    /// Waits until an event beyond `seq` is announced.
    pub async fn beyond(&mut self, seq: u64) {
        // The sender lives in `hot`, so it cannot be closed.
        let _announced = self.newest.wait_for(|newest| newest.seq > seq).await;
    }

    /// The store does not reach as far as was announced: its history is another one since. What is known here is of the old one.
    pub fn forget(&self, thread: &Thread) {
        lock(&self.hot.ring).clear(&self.fanout.bytes);
        let place = Some(Place::from(thread));
        self.hot.newest.send_replace(Newest { seq: thread.head.seq, place, crew_floor: thread.crew_floor });
    }

    /// The events right after `seq`, at most `most`, if the ring has them.
    pub fn after(&self, seq: u64, most: usize) -> Option<Vec<Arc<Event>>> {
        lock(&self.hot.ring).after(seq, most)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut threads = lock(&self.fanout.threads);
        let Some(watched) = threads.get_mut(&self.key) else { return };
        watched.watchers -= 1;
        if watched.watchers == 0 {
            threads.remove(&self.key);
            lock(&self.hot.ring).clear(&self.fanout.bytes);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "fanout_tests.rs"]
mod tests;
