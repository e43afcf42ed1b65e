//! Memory only: which inboxes are open on this node, and which of their threads have changed.
//!
//! A mailbox holds no content, only which threads to look at again, each once: however much happens to one of them, the others keep their turn.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::access::guard::{Place, Subject};
use crate::model::{JobId, PersonId, PersonKind, TenantId, Thread, ThreadId};
use crate::store::News;
use crate::store::views::Filter;

/// Threads that a mailbox remembers; beyond it, everything has to be looked at again.
const MAX_DIRTY: usize = 4_096;

/// All open inboxes. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Inboxes {
    tenants: Arc<Mutex<HashMap<TenantId, Registered>>>,
}

#[derive(Debug, Default)]
struct Registered {
    next: u64,
    boxes: HashMap<u64, Registration>,
    /// Those of technicians, by the jobs whose threads they show.
    by_job: HashMap<JobId, HashSet<u64>>,
    /// Those that are not bound to jobs of their own.
    office: HashSet<u64>,
    by_person: HashMap<PersonId, HashSet<u64>>,
}

#[derive(Debug)]
struct Registration {
    person: PersonId,
    jobs: HashSet<JobId>,
    filter: Filter,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    dirty: Mutex<Dirty>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Dirty {
    order: VecDeque<ThreadId>,
    /// With what was announced of each, if anything was.
    known: HashMap<ThreadId, Option<Newest>>,
    overflowed: bool,
}

/// A thread as it was announced last: what an inbox has read of it may be older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// As the guard looks at it.
    pub place: Place,
    /// What lies up to here is hidden from the crew.
    pub crew_floor: u64,
}

/// What is known of a thread that an inbox has in hand.
#[derive(Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing has happened that is not in it.
    Nothing,
    /// This has.
    News(Newest),
    /// Something may have.
    Unknown,
}

/// An open inbox's registration, until it is dropped. It must be made, and moved to new jobs, before their threads are read: then nothing
/// can slip between.
#[derive(Debug)]
pub struct Slot {
    inboxes: Inboxes,
    tenant: TenantId,
    id: u64,
    mailbox: Arc<Mailbox>,
}

/// What an inbox has to look at again.
#[derive(Debug, PartialEq, Eq)]
pub enum ToRead {
    /// These.
    Threads(Vec<ThreadId>),
    /// More than it could remember.
    Everything,
}

impl Inboxes {
    /// Registers an inbox that shows no jobs yet.
    pub fn register(&self, subject: &Subject, filter: Filter) -> Slot {
        let mut tenants = lock(&self.tenants);
        let registered = tenants.entry(subject.tenant.clone()).or_default();
        registered.next += 1;
        let (id, mailbox) = (registered.next, Arc::new(Mailbox::default()));
        if subject.kind == PersonKind::Office {
            registered.office.insert(id);
        }
        registered.by_person.entry(subject.person.clone()).or_default().insert(id);
        let (person, jobs) = (subject.person.clone(), HashSet::new());
        registered.boxes.insert(id, Registration { person, jobs, filter, mailbox: Arc::clone(&mailbox) });
        Slot { inboxes: self.clone(), tenant: subject.tenant.clone(), id, mailbox }
    }

    /// Tells those whom it concerns that threads have changed. They are woken when all has been told: what one commit brought is read once.
    pub fn touch(&self, all: &[News]) {
        let tenants = lock(&self.tenants);
        let mut woken: HashMap<u64, &Arc<Mailbox>> = HashMap::new();
        for news in all {
            let Some(registered) = tenants.get(&news.key.tenant) else { continue };
            let thread = &news.thread;
            let concerned = |filter: &Filter| {
                let jobs = [thread.job.as_ref(), news.left.as_ref()];
                filter.job.as_ref().is_none_or(|job| jobs.contains(&Some(job)))
                    && filter.contact.as_ref().is_none_or(|contact| thread.contact == *contact)
            };
            let of_jobs = thread.job.iter().chain(&news.left).filter_map(|job| registered.by_job.get(job)).flatten();
            for id in registered.office.iter().chain(of_jobs) {
                if let Some(registration) = registered.boxes.get(id).filter(|found| concerned(&found.filter)) {
                    registration.mailbox.put(thread.id, Some(Newest::of(thread)));
                    woken.insert(*id, &registration.mailbox);
                }
            }
        }
        woken.values().for_each(|mailbox| mailbox.woken.notify_one());
    }

    /// Tells the other devices of a person that they have read a thread, or marked it.
    pub fn touch_own(&self, subject: &Subject, thread: ThreadId) {
        let tenants = lock(&self.tenants);
        let Some(registered) = tenants.get(&subject.tenant) else { return };
        for id in registered.by_person.get(&subject.person).into_iter().flatten() {
            if let Some(registration) = registered.boxes.get(id) {
                registration.mailbox.put(thread, None);
                registration.mailbox.woken.notify_one();
            }
        }
    }
}

impl Newest {
    fn of(thread: &Thread) -> Self {
        Self { place: Place::from(thread), crew_floor: thread.crew_floor }
    }
}

impl Mailbox {
    fn put(&self, thread: ThreadId, newest: Option<Newest>) {
        let mut dirty = lock(&self.dirty);
        if dirty.overflowed {
            return;
        }
        if let Some(known) = dirty.known.get_mut(&thread) {
            *known = newest.or(known.take());
        } else if dirty.known.len() >= MAX_DIRTY {
            *dirty = Dirty { overflowed: true, ..Dirty::default() };
        } else {
            dirty.known.insert(thread, newest);
            dirty.order.push_back(thread);
        }
    }
}

impl Slot {
    /// The jobs whose threads this inbox shows from now on.
    pub fn set_jobs(&self, jobs: &HashSet<JobId>) {
        let mut tenants = lock(&self.inboxes.tenants);
        let Some(registered) = tenants.get_mut(&self.tenant) else { return };
        let Some(registration) = registered.boxes.get_mut(&self.id) else { return };
        let before = std::mem::replace(&mut registration.jobs, jobs.clone());
        for job in before.difference(jobs) {
            leave(&mut registered.by_job, job, self.id);
        }
        for job in jobs.difference(&before) {
            registered.by_job.entry(job.clone()).or_default().insert(self.id);
        }
    }

    /// What has changed, the longest known first, at most `most`.
    pub fn take(&self, most: usize) -> ToRead {
        let mut dirty = lock(&self.mailbox.dirty);
        if std::mem::take(&mut dirty.overflowed) {
            return ToRead::Everything;
        }
        let most = most.min(dirty.order.len());
        let threads: Vec<ThreadId> = dirty.order.drain(..most).collect();
        for thread in &threads {
            dirty.known.remove(thread);
        }
        ToRead::Threads(threads)
    }

    /// What has been announced of a thread since it was taken to be read.
    pub fn since(&self, thread: ThreadId) -> Since {
        let dirty = lock(&self.mailbox.dirty);
        match dirty.known.get(&thread) {
            _ if dirty.overflowed => Since::Unknown,
            Some(Some(newest)) => Since::News(newest.clone()),
            Some(None) | None => Since::Nothing,
        }
    }

    /// Looks at a thread again in its turn.
    pub fn put_back(&self, thread: ThreadId) {
        self.mailbox.put(thread, None);
        self.mailbox.woken.notify_one();
    }

    /// Waits until something has changed; may wake without reason.
    pub async fn woken(&self) {
        self.mailbox.woken.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut tenants = lock(&self.inboxes.tenants);
        let Some(registered) = tenants.get_mut(&self.tenant) else { return };
        if let Some(gone) = registered.boxes.remove(&self.id) {
            for job in &gone.jobs {
                leave(&mut registered.by_job, job, self.id);
            }
            leave(&mut registered.by_person, &gone.person, self.id);
        }
        registered.office.remove(&self.id);
        if registered.boxes.is_empty() {
            tenants.remove(&self.tenant);
        }
    }
}

fn leave<K: std::hash::Hash + Eq>(index: &mut HashMap<K, HashSet<u64>>, key: &K, id: u64) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "inboxes_tests.rs"]
mod tests;
