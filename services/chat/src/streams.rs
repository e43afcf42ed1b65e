//! The streams that are open on this node: how many one person or service, and one connection, hold, and how each is doing.
//!
//! Beyond the limit a stream is refused at once. HTTP/2 has a limit per connection as well, far above these, at which a call would
//! wait without a word.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::SocketAddr;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chassis::clock::Clock;

use crate::access::guard::Subject;
use crate::error::Error;
use crate::model::{TenantId, ThreadId};

/// Streams of one connection.
const MAX_PER_CONNECTION: usize = 200;

/// Knows the streams. Clones share what they know.
#[derive(Clone, Debug)]
pub struct Streams {
    per_person: usize,
    clock: Clock,
    held: Arc<Mutex<Held>>,
}

/// Who holds a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A person.
    Person(Subject),
    /// A service, by the subject of its token.
    Service(TenantId, String),
}

/// What a stream is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A thread.
    Thread(ThreadId),
    /// An inbox.
    Inbox,
    /// The texts for the gateway.
    Outbound,
}

#[derive(Debug, Default)]
struct Held {
    people: HashMap<Holder, usize>,
    connections: HashMap<SocketAddr, usize>,
    last: u64,
    /// In the order in which they were opened.
    open: BTreeMap<u64, Arc<OpenStream>>,
}

/// A stream that is open, as it last told.
#[derive(Debug)]
pub struct OpenStream {
    /// Who holds it.
    pub holder: Holder,
    /// What it is of.
    pub kind: Kind,
    /// Since when, in microseconds since 1970.
    pub opened_at: i64,
    frames: AtomicU64,
    at: AtomicU64,
    head: AtomicU64,
    holding: AtomicBool,
}

/// The right to hold one stream, until it is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    streams: Streams,
    id: u64,
    open: Arc<OpenStream>,
    connection: Option<SocketAddr>,
}

impl Streams {
    /// One person or service may hold so many.
    pub fn new(per_person: usize, clock: Clock) -> Self {
        Self { per_person, clock, held: Arc::default() }
    }

    /// Takes a place for a stream of this holder, on the connection from this address.
    pub fn take(&self, holder: Holder, kind: Kind, connection: Option<SocketAddr>) -> Result<StreamPlace, Error> {
        let mut held = self.lock();
        let of_person = held.people.get(&holder).copied().unwrap_or_default();
        let of_connection = connection.and_then(|address| held.connections.get(&address).copied()).unwrap_or_default();
        if of_person >= self.per_person || of_connection >= MAX_PER_CONNECTION {
            return Err(Error::TooManyStreams);
        }
        held.people.insert(holder.clone(), of_person + 1);
        if let Some(address) = connection {
            held.connections.insert(address, of_connection + 1);
        }
        held.last += 1;
        let (id, open) = (held.last, Arc::new(OpenStream::new(holder, kind, self.clock.wall_micros())));
        held.open.insert(id, Arc::clone(&open));
        Ok(StreamPlace { streams: self.clone(), id, open, connection })
    }

    /// The streams of a tenant, of one holder or of all, that were opened after the one with this number; at most `limit`.
    pub fn open(&self, tenant: &TenantId, holder: &str, after: u64, limit: usize) -> Vec<(u64, Arc<OpenStream>)> {
        let held = self.lock();
        let later = held.open.range((Excluded(after), Unbounded));
        let wanted =
            later.filter(|(_, open)| open.holder.tenant() == tenant && (holder.is_empty() || open.holder.id() == holder));
        wanted.take(limit).map(|(id, open)| (*id, Arc::clone(open))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// Whose stream it is.
    pub fn tenant(&self) -> &TenantId {
        match self {
            Self::Person(subject) => &subject.tenant,
            Self::Service(tenant, _) => tenant,
        }
    }

    /// The person, or the subject of the service's token.
    pub fn id(&self) -> &str {
        match self {
            Self::Person(subject) => subject.person.as_str(),
            Self::Service(_, id) => id,
        }
    }
}

impl OpenStream {
    fn new(holder: Holder, kind: Kind, opened_at: i64) -> Self {
        let (frames, at, head, holding) = Default::default();
        Self { holder, kind, opened_at, frames, at, head, holding }
    }

    /// Frames that it has handed out.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Of a thread's stream: where it stands, and the newest event that it knew of then.
    pub fn stands(&self) -> (u64, u64) {
        (self.at.load(Ordering::Relaxed), self.head.load(Ordering::Relaxed))
    }

    /// Whether it hands nothing out because access is not known.
    pub fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Relaxed)
    }
}

impl StreamPlace {
    /// A frame leaves.
    pub fn spoke(&self) {
        self.open.frames.fetch_add(1, Ordering::Relaxed);
    }

    /// The stream stands here, and knows of so much.
    pub fn stands(&self, at: u64, head: u64) {
        self.open.at.store(at, Ordering::Relaxed);
        self.open.head.store(head, Ordering::Relaxed);
    }

    /// Access is not known, or is known again.
    pub fn holds(&self, holding: bool) {
        self.open.holding.store(holding, Ordering::Relaxed);
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut held = self.streams.lock();
        held.open.remove(&self.id);
        leave(&mut held.people, &self.open.holder);
        if let Some(address) = &self.connection {
            leave(&mut held.connections, address);
        }
    }
}

fn leave<K: Eq + Hash>(held: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = held.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            held.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PersonId, PersonKind};

    fn person(name: &str) -> Holder {
        person_of("acme", name)
    }

    fn person_of(tenant: &str, name: &str) -> Holder {
        let (tenant, person) = (TenantId::trusted(tenant), PersonId::trusted(name));
        Holder::Person(Subject { tenant, person, kind: PersonKind::Technician })
    }

    fn streams() -> Streams {
        Streams::new(32, Clock::system())
    }

    #[test]
    fn a_person_holds_at_most_32_streams_and_a_closed_one_makes_room() {
        let streams = streams();
        let (tina, theo) = (person("tina"), person("theo"));
        let take = |holder: &Holder| streams.take(holder.clone(), Kind::Inbox, None);
        let mut places: Vec<StreamPlace> = (0..32).map(|_| take(&tina).expect("room")).collect();
        assert!(matches!(take(&tina), Err(Error::TooManyStreams)));
        let _another_person = take(&theo).expect("room of their own");
        places.pop();
        places.push(take(&tina).expect("room again"));
        places.clear();
        assert!(!streams.lock().people.contains_key(&tina));
    }

    #[test]
    fn a_connection_holds_at_most_200_streams_whoever_they_are_for() {
        let streams = streams();
        let take = |number: usize, port: u16| {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            streams.take(person(&format!("p{number}")), Kind::Inbox, Some(address))
        };
        let mut places: Vec<StreamPlace> = (0..200).map(|number| take(number, 1).expect("room")).collect();
        assert!(matches!(take(200, 1), Err(Error::TooManyStreams)));
        let _another_connection = take(200, 2).expect("room of its own");
        places.pop();
        let _room_again = take(200, 1).expect("room again");
    }

    #[test]
    fn the_open_streams_of_a_tenant_are_told_oldest_first_and_closed_ones_are_not() {
        let streams = streams();
        let take = |holder: Holder| streams.take(holder, Kind::Inbox, None).expect("room");
        let (first, closed) = (take(person("tina")), take(person("tina")));
        let (second, _elsewhere) = (take(person("theo")), take(person_of("globex", "tina")));
        first.spoke();
        first.stands(7, 9);
        second.holds(true);
        drop(closed);
        let acme = TenantId::trusted("acme");
        let told = |holder, after, limit| {
            let open = streams.open(&acme, holder, after, limit).into_iter();
            open.map(|(id, open)| (id, open.holder.id().to_owned(), open.frames(), open.stands(), open.is_holding()))
                .collect::<Vec<_>>()
        };
        let (tina, theo) = ((first.id, "tina".to_owned(), 1, (7, 9), false), (second.id, "theo".to_owned(), 0, (0, 0), true));
        assert_eq!(told("", 0, 10), [tina.clone(), theo.clone()]);
        assert_eq!(told("tina", 0, 10), std::slice::from_ref(&tina));
        assert_eq!(told("", first.id, 10), [theo]);
        assert_eq!(told("", 0, 1), [tina]);
    }
}
