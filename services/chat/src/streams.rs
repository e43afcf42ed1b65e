//! How many streams one person or service, and one connection, hold on this node.
//!
//! Beyond the limit a stream is refused at once. HTTP/2 has a limit per connection as well, far above these, at which a call would
//! wait without a word.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::guard::Subject;
use crate::error::Error;
use crate::model::TenantId;

/// Streams of one connection.
const MAX_PER_CONNECTION: usize = 200;

/// Counts the streams. Clones share the count.
#[derive(Clone, Debug)]
pub struct Streams {
    per_person: usize,
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

#[derive(Debug, Default)]
struct Held {
    people: HashMap<Holder, usize>,
    connections: HashMap<SocketAddr, usize>,
}

/// The right to hold one stream, until it is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    streams: Streams,
    holder: Holder,
    connection: Option<SocketAddr>,
}

impl Streams {
    /// One person or service may hold so many.
    pub fn new(per_person: usize) -> Self {
        Self { per_person, held: Arc::default() }
    }

    /// Takes a place for a stream of this holder, on the connection from this address.
    pub fn take(&self, holder: Holder, connection: Option<SocketAddr>) -> Result<StreamPlace, Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_person = held.people.get(&holder).copied().unwrap_or_default();
        let of_connection = connection.and_then(|address| held.connections.get(&address).copied()).unwrap_or_default();
        if of_person >= self.per_person || of_connection >= MAX_PER_CONNECTION {
            return Err(Error::TooManyStreams);
        }
        held.people.insert(holder.clone(), of_person + 1);
        if let Some(address) = connection {
            held.connections.insert(address, of_connection + 1);
        }
        Ok(StreamPlace { streams: self.clone(), holder, connection })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut held = self.streams.held.lock().unwrap_or_else(PoisonError::into_inner);
        leave(&mut held.people, &self.holder);
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
        let (tenant, person) = (TenantId::trusted("acme"), PersonId::trusted(name));
        Holder::Person(Subject { tenant, person, kind: PersonKind::Technician })
    }

    #[test]
    fn a_person_holds_at_most_32_streams_and_a_closed_one_makes_room() {
        let streams = Streams::new(32);
        let (tina, theo) = (person("tina"), person("theo"));
        let mut places: Vec<StreamPlace> = (0..32).map(|_| streams.take(tina.clone(), None).expect("room")).collect();
        assert!(matches!(streams.take(tina.clone(), None), Err(Error::TooManyStreams)));
        let _another_person = streams.take(theo, None).expect("room of their own");
        places.pop();
        places.push(streams.take(tina.clone(), None).expect("room again"));
        places.clear();
        assert!(!streams.held.lock().expect("lock").people.contains_key(&tina));
    }

    #[test]
    fn a_connection_holds_at_most_200_streams_whoever_they_are_for() {
        let streams = Streams::new(32);
        let person = |number: usize| person(&format!("p{number}"));
        let address = |port| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        let mut places: Vec<StreamPlace> =
            (0..200).map(|number| streams.take(person(number), address(1)).expect("room")).collect();
        assert!(matches!(streams.take(person(200), address(1)), Err(Error::TooManyStreams)));
        let _another_connection = streams.take(person(200), address(2)).expect("room of its own");
        places.pop();
        let _room_again = streams.take(person(200), address(1)).expect("room again");
    }
}
