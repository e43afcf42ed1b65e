//! The writes that are under way, and the changes of access that are not in force here before they have ended.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::guard::Subject;
use crate::model::{PersonId, TenantId};
use crate::mutant::Mutant;

/// The pins of one node. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Pins {
    state: Arc<Mutex<State>>,
    moved: watch::Sender<u64>,
}

/// A write of this person may still be committed, or its answer may still leave. Until it is dropped, no change that concerns them and came
/// after it counts as applied.
#[derive(Debug)]
pub struct Pin {
    pins: Pins,
    id: u64,
}

/// Whom a change may take something from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concerned {
    /// These people of a tenant.
    People(TenantId, HashSet<PersonId>),
    /// Everybody of a tenant.
    Tenant(TenantId),
    /// Everybody: the view is another one.
    Everybody,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    open: HashMap<u64, (TenantId, PersonId)>,
    waiting: Vec<Waiting>,
}

/// A change that was published while writes of those concerned were under way.
#[derive(Debug)]
struct Waiting {
    revision: u64,
    pins: HashSet<u64>,
}

impl Pins {
    /// Pins a person whom the guard has just allowed to write.
    pub fn pin(&self, subject: &Subject) -> Arc<Pin> {
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        state.open.insert(id, (subject.tenant.clone(), subject.person.clone()));
        Arc::new(Pin { pins: self.clone(), id })
    }

    /// The view has the change `revision` from now on: it is not in force before the writes of those concerned have ended.
    pub fn publish(&self, revision: u64, concerned: &Concerned) {
        let mut state = self.lock();
        let pins: HashSet<u64> = state.open.iter().filter(|(_, person)| concerned.includes(person)).map(|(id, _)| *id).collect();
        if !pins.is_empty() {
            state.waiting.push(Waiting { revision, pins });
        }
    }

    /// How far a view at `revision` is in force: every change up to there has no open pin.
    pub fn in_force(&self, revision: u64) -> u64 {
        if Mutant::PermitNotPinned.planted() {
            return revision;
        }
        let state = self.lock();
        state.waiting.iter().map(|waiting| waiting.revision.saturating_sub(1)).fold(revision, u64::min)
    }

    /// Wakes when more may be in force than before.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Tells that more may be in force.
    pub fn tell(&self) {
        self.moved.send_modify(|version| *version += 1);
    }

    fn loosen(&self, id: u64) {
        let mut state = self.lock();
        state.open.remove(&id);
        let before = state.waiting.len();
        for waiting in &mut state.waiting {
            waiting.pins.remove(&id);
        }
        state.waiting.retain(|waiting| !waiting.pins.is_empty());
        if state.waiting.len() < before {
            self.tell();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Concerned {
    fn includes(&self, (tenant, person): &(TenantId, PersonId)) -> bool {
        match self {
            Self::People(of, people) => of == tenant && people.contains(person),
            Self::Tenant(of) => of == tenant,
            Self::Everybody => true,
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.pins.loosen(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PersonKind;

    fn person(name: &str) -> Subject {
        Subject { tenant: TenantId::trusted("acme"), person: PersonId::trusted(name), kind: PersonKind::Technician }
    }

    fn concerns(names: &[&str]) -> Concerned {
        Concerned::People(TenantId::trusted("acme"), names.iter().copied().map(PersonId::trusted).collect())
    }

    #[test]
    fn a_change_waits_for_the_writes_of_those_whom_it_concerns_and_for_nobody_elses() {
        let pins = Pins::default();
        let (tina, theo) = (pins.pin(&person("tina")), pins.pin(&person("theo")));
        pins.publish(7, &concerns(&["tina"]));
        pins.publish(8, &concerns(&["tom"]));
        assert_eq!(pins.in_force(8), 6);
        drop(theo);
        assert_eq!(pins.in_force(8), 6, "somebody else's write");
        drop(tina);
        assert_eq!(pins.in_force(8), 8);
    }

    #[test]
    fn a_write_that_began_after_a_change_is_not_waited_for() {
        let pins = Pins::default();
        pins.publish(7, &concerns(&["tina"]));
        let _later = pins.pin(&person("tina"));
        assert_eq!(pins.in_force(7), 7);
    }

    #[test]
    fn a_pin_that_is_shared_holds_until_the_last_share_is_gone() {
        let pins = Pins::default();
        let pin = pins.pin(&person("tina"));
        let share = Arc::clone(&pin);
        pins.publish(7, &Concerned::Tenant(TenantId::trusted("acme")));
        drop(pin);
        assert_eq!(pins.in_force(9), 6);
        drop(share);
        assert_eq!(pins.in_force(9), 9);
    }

    #[test]
    fn the_changes_that_wait_are_in_force_one_by_one() {
        let pins = Pins::default();
        let first = pins.pin(&person("tina"));
        pins.publish(7, &Concerned::Everybody);
        let second = pins.pin(&person("theo"));
        pins.publish(9, &Concerned::Everybody);
        let mut moved = pins.moved();
        drop(first);
        assert!(moved.has_changed().expect("open"));
        moved.mark_unchanged();
        assert_eq!(pins.in_force(9), 8);
        drop(second);
        assert!(moved.has_changed().expect("open"));
        assert_eq!(pins.in_force(9), 9);
    }
}
