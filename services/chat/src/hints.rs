//! Who has a thread on their screen, and who types (rule R36): memory only, never stored, and it may be lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chassis::clock::{Clock, Moment};
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::model::{PersonId, ThreadKey};

/// Typing is forgotten after so long, unless it is said again.
const TYPING_FOR: Duration = Duration::from_secs(6);
/// People that are told of in one thread.
const MAX_TOLD: usize = 32;

/// The hints of all watched threads. Clones share them.
#[derive(Clone, Debug)]
pub struct Hints {
    rooms: Arc<Mutex<HashMap<ThreadKey, Room>>>,
    clock: Clock,
}

/// The people of one watched thread.
#[derive(Debug, Default)]
struct Room {
    watchers: usize,
    people: HashMap<PersonId, Person>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Person {
    name: String,
    /// Streams with the thread on their screen.
    screens: usize,
    typing_until: Moment,
}

/// Somebody who is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Has the thread on a screen.
    pub viewing: bool,
    /// Types.
    pub typing: bool,
}

/// A stream's place among those who watch a thread, until it is dropped.
#[derive(Debug)]
pub struct Here {
    hints: Hints,
    key: ThreadKey,
    person: PersonId,
    viewing: bool,
    changed: watch::Receiver<u64>,
    /// When the next of those who type is forgotten.
    next_silence: Option<Moment>,
}

impl Hints {
    /// Knows of nobody.
    pub fn new(clock: Clock) -> Self {
        Self { rooms: Arc::default(), clock }
    }

    /// Somebody watches a thread; `viewing`: on their screen.
    pub fn enter(&self, key: ThreadKey, person: PersonId, name: String, viewing: bool) -> Here {
        let mut rooms = lock(&self.rooms);
        let room = rooms.entry(key.clone()).or_default();
        room.watchers += 1;
        if viewing {
            let here = room.people.entry(person.clone()).or_default();
            here.screens += 1;
            here.name = name;
            room.tell();
        }
        Here { hints: self.clone(), key, person, viewing, changed: room.changed.subscribe(), next_silence: None }
    }

    /// Somebody types, or has stopped. Nobody is told if nobody watches.
    pub fn set_typing(&self, key: &ThreadKey, person: &PersonId, name: String, typing: bool) {
        let mut rooms = lock(&self.rooms);
        let Some(room) = rooms.get_mut(key) else { return };
        let now = self.clock.now();
        room.people.retain(|_, person| person.screens > 0 || person.typing_until > now);
        if room.people.len() >= MAX_TOLD && !room.people.contains_key(person) {
            return;
        }
        let here = room.people.entry(person.clone()).or_default();
        here.name = name;
        here.typing_until = if typing { now + TYPING_FOR } else { Moment::default() };
        room.tell();
    }
}

impl Room {
    fn tell(&self) {
        self.changed.send_modify(|version| *version += 1);
    }
}

impl Here {
    /// Everybody else who is here now, by id.
    pub fn others(&mut self, now: Moment) -> Vec<Present> {
        self.changed.borrow_and_update();
        let rooms = lock(&self.hints.rooms);
        let people = rooms.get(&self.key).into_iter().flat_map(|room| &room.people);
        let mut others: Vec<Present> = Vec::new();
        self.next_silence = None;
        for (id, person) in people.filter(|(id, _)| **id != self.person) {
            let typing = person.typing_until > now;
            if typing {
                let sooner = self.next_silence.map_or(person.typing_until, |at| at.min(person.typing_until));
                self.next_silence = Some(sooner);
            }
            if typing || person.screens > 0 {
                let (person_id, name) = (id.clone(), person.name.clone());
                others.push(Present { person: person_id, name, viewing: person.screens > 0, typing });
            }
        }
        others.sort_by(|one, other| one.person.cmp(&other.person));
        others.truncate(MAX_TOLD);
        others
    }

    /// Waits until somebody comes, goes, types or stops.
    pub async fn changed(&mut self) {
        let silence = self.next_silence.map(|at| self.hints.clock.instant(at));
        let silent = async {
            match silence {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The sender lives in the room as long as somebody is here.
            _ = self.changed.changed() => {}
            () = silent => {}
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let mut rooms = lock(&self.hints.rooms);
        let Some(room) = rooms.get_mut(&self.key) else { return };
        room.watchers -= 1;
        if room.watchers == 0 {
            rooms.remove(&self.key);
            return;
        }
        if self.viewing
            && let Some(person) = room.people.get_mut(&self.person)
        {
            person.screens -= 1;
            if person.screens == 0 && person.typing_until <= self.hints.clock.now() {
                room.people.remove(&self.person);
            }
            room.tell();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::{TenantId, ThreadId};

    fn key() -> ThreadKey {
        ThreadKey { tenant: TenantId::trusted("acme"), thread: ThreadId(Uuid::from_u128(1)) }
    }

    fn enter(hints: &Hints, person: &str, viewing: bool) -> Here {
        hints.enter(key(), PersonId::trusted(person), person.to_uppercase(), viewing)
    }

    fn names(present: Vec<Present>) -> Vec<(String, bool, bool)> {
        present.into_iter().map(|present| (present.name, present.viewing, present.typing)).collect()
    }

    #[test]
    fn others_are_told_of_and_oneself_is_not() {
        let clock = Clock::system();
        let hints = Hints::new(clock);
        let mut tina = enter(&hints, "tina", true);
        let mut olga = enter(&hints, "olga", false);
        assert_eq!(names(tina.others(clock.now())), []);
        assert_eq!(names(olga.others(clock.now())), [("TINA".to_owned(), true, false)]);
        let second_screen = enter(&hints, "tina", true);
        drop(tina);
        assert_eq!(names(olga.others(clock.now())), [("TINA".to_owned(), true, false)]);
        drop(second_screen);
        assert_eq!(names(olga.others(clock.now())), []);
    }

    #[test]
    fn typing_is_forgotten_after_a_while() {
        let clock = Clock::system();
        let hints = Hints::new(clock);
        let mut olga = enter(&hints, "olga", false);
        hints.set_typing(&key(), &PersonId::trusted("tina"), "TINA".into(), true);
        assert_eq!(names(olga.others(clock.now())), [("TINA".to_owned(), false, true)]);
        assert_eq!(names(olga.others(clock.now() + TYPING_FOR)), []);
        hints.set_typing(&key(), &PersonId::trusted("tina"), "TINA".into(), false);
        assert_eq!(names(olga.others(clock.now())), []);
    }
}
