//! What the protocol promises, and what was broken of it.

use stateright::{Model, Property};

use Guarantee::{Count, G1, G2, G3, G4};

/// How far the revocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revocation {
    /// Nobody has asked for it.
    Uncalled,
    /// It is committed, and `in_force_at` is empty.
    Waiting,
    /// `in_force_at` is written.
    InForce,
    /// A call for it, the first or a repeated one, has returned.
    Returned,
}

/// One promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guarantee {
    /// A message that was sent after the revocation's call had returned is never handed to that person.
    G1,
    /// A message that was committed after the revocation was in force is never handed to that person.
    G2,
    /// When the revocation's call has returned, nothing is handed to that person by a view without it.
    G3,
    /// A send that begins after the revocation's call has returned never commits; one that was under way commits afterwards only at a
    /// node that the answer counts as waited out.
    G4,
    /// The answer counts each node that could hand out, and as confirmed only one that no longer can.
    Count,
}

/// The promises that were broken on the way to a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Broken(u8);

/// A state that remembers them.
pub trait Judged {
    /// What was broken so far.
    fn broken(&self) -> Broken;
}

impl Broken {
    /// One more.
    pub fn note(&mut self, guarantee: Guarantee) {
        self.0 |= 1 << guarantee as u8;
    }

    /// Whether this one was kept.
    fn spares(self, guarantee: Guarantee) -> bool {
        self.0 & 1 << guarantee as u8 == 0
    }

    /// A message is posted and at once handed out, by a view without the revocation.
    pub fn note_hand_over(&mut self, revocation: Revocation) {
        if revocation >= Revocation::InForce {
            self.note(G2);
        }
        if revocation == Revocation::Returned {
            self.note(G1);
            self.note(G3);
        }
    }
}

/// The promise, as something to search for a way to break.
pub fn promise<M>(guarantee: Guarantee) -> Property<M>
where
    M: Model,
    M::State: Judged,
{
    match guarantee {
        G1 => Property::always("G1", |_, state: &M::State| state.broken().spares(G1)),
        G2 => Property::always("G2", |_, state: &M::State| state.broken().spares(G2)),
        G3 => Property::always("G3", |_, state: &M::State| state.broken().spares(G3)),
        G4 => Property::always("G4", |_, state: &M::State| state.broken().spares(G4)),
        Count => Property::always("Count", |_, state: &M::State| state.broken().spares(Count)),
    }
}
