//! How many streams one person holds on this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::guard::Subject;
use crate::error::Error;

/// Streams of one person.
const MAX_PER_PERSON: usize = 32;

/// Counts the streams of each person. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    held: Arc<Mutex<HashMap<Subject, usize>>>,
}

/// The right to hold one stream, until it is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    streams: Streams,
    subject: Subject,
}

impl Streams {
    /// Takes a place.
    pub fn take(&self, subject: &Subject) -> Result<StreamPlace, Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(subject.clone()).or_default();
        if *count >= MAX_PER_PERSON {
            return Err(Error::TooManyStreams);
        }
        *count += 1;
        Ok(StreamPlace { streams: self.clone(), subject: subject.clone() })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut held = self.streams.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.subject) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PersonId, PersonKind, TenantId};

    #[test]
    fn a_person_holds_at_most_32_streams_and_a_closed_one_makes_room() {
        let streams = Streams::default();
        let tina = Subject { tenant: TenantId::trusted("acme"), person: PersonId::trusted("tina"), kind: PersonKind::Technician };
        let theo = Subject { person: PersonId::trusted("theo"), ..tina.clone() };
        let mut places: Vec<StreamPlace> = (0..32).map(|_| streams.take(&tina).expect("room")).collect();
        assert!(matches!(streams.take(&tina), Err(Error::TooManyStreams)));
        let _another_person = streams.take(&theo).expect("room of their own");
        places.pop();
        places.push(streams.take(&tina).expect("room again"));
        places.clear();
        assert!(!streams.held.lock().expect("lock").contains_key(&tina));
    }
}
