//! Two nodes, a revocation and a re-grant in either order, and a crash of one: whom a revocation waits for, and how its answer counts them.
//!
//! Time is relative: a state knows what is left of each lease, never what the clock shows. There is no drift, and so no margin: a lease
//! ends in the same tick for both sides. A number in a step is a place among the incarnations, which are sorted after each step.
//!
//! Worse than the real thing:
//! - Changes and leases overtake each other.
//!
//! Left out, and why that is sound:
//! - Messages. One is posted at the moment when it is handed out: the latest, and so the worst.
//! - Restarts of the permissions service, clocks, sends, a view that is dropped, two renewals of a node at one time, and the time between
//!   the entering of a lease and the reading of the head: the model with one node has them.

mod state;
mod steps;

use stateright::{Model, Property};

use crate::guarantee::Guarantee::{self, Count, G1, G2, G3};
use crate::guarantee::{Revocation, promise};
use state::{Incarnation, Kind, State};

/// Ticks that a lease lasts.
const TTL: u8 = 2;
/// Two nodes, and the next incarnation of one.
const INCARNATIONS: usize = 3;

/// What can be wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A change takes its revision from a sequence, before it commits.
    SequenceInsteadOfLock,
    /// When its stream ends, a node's leases are taken for released.
    LooksDeadIsReleased,
    /// A node that has crashed is waited for and not counted.
    CrashedIsNotCounted,
}

impl Fault {
    /// What it breaks.
    pub fn breaks(self) -> Guarantee {
        match self {
            Self::SequenceInsteadOfLock | Self::LooksDeadIsReleased => G3,
            Self::CrashedIsNotCounted => Count,
        }
    }
}

/// The model, as it should be or with a fault.
pub struct TwoNodes {
    /// What is wrong.
    pub fault: Option<Fault>,
}

/// A step of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An administrator's change commits.
    Commit(Kind),
    /// Only with a fault: the change takes its revision.
    Draw(Kind),
    /// The second transaction of the revocation writes `in_force_at`.
    Stamp,
    /// The revocation's call returns.
    Return,
    /// The node sends a renewal.
    Renew(usize),
    /// The renewal arrives: its acknowledgement is noted, a lease entered, the head read, and the lease leaves.
    Grant(usize),
    /// A frame is lost.
    Lose(usize),
    /// The node takes a lease.
    TakeLease(usize),
    /// The node applies the next change.
    Apply(usize),
    /// The snapshot is in.
    Snapshot(usize),
    /// The guard agrees, and a message is handed out.
    HandOver(usize),
    /// The node dies and starts again.
    Crash(usize),
    /// Only with a fault: the permissions service sees the node's stream end.
    Part(usize),
    /// A tick of all clocks.
    Tick,
}

impl Model for TwoNodes {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.permissions_may(state, actions);
        for index in 0..INCARNATIONS {
            self.node_may(state, index, actions);
        }
        actions.push(Action::Tick);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::Commit(kind) => state.commit(kind),
            Action::Draw(kind) => state.changes[kind as usize].revision = Some(before.next_revision()),
            Action::Stamp => state.stamp(before.revoked_at()?),
            Action::Return => state.revocation = Revocation::Returned,
            Action::Renew(index)
            | Action::Grant(index)
            | Action::Lose(index)
            | Action::TakeLease(index)
            | Action::Apply(index)
            | Action::Snapshot(index)
            | Action::HandOver(index)
            | Action::Crash(index)
            | Action::Part(index) => self.node_step(&mut state, index, action)?,
            Action::Tick => state.incarnations.iter_mut().flatten().for_each(Incarnation::tick),
        }
        for each in state.incarnations.iter_mut().flatten() {
            each.was_able |= state.revocation == Revocation::Waiting && each.is_able();
        }
        self.forget(&mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if let Some(fault) = self.fault {
            return vec![promise(fault.breaks())];
        }
        let works = [
            Property::sometimes("both nodes confirm", |_: &Self, state: &State| state.answer() == (2, 0)),
            Property::sometimes("one confirms, one is waited out", |_: &Self, state: &State| state.answer() == (1, 1)),
            Property::sometimes("both are waited out", |_: &Self, state: &State| state.answer() == (0, 2)),
            Property::sometimes("three incarnations are counted", |_: &Self, state: &State| state.answer() == (2, 1)),
            Property::sometimes("one that starts after the revocation is not counted", |_: &Self, state: &State| {
                state.answer() == (1, 1) && !state.incarnations.contains(&None)
            }),
            Property::sometimes("a message is handed out while the revocation waits", |_: &Self, state: &State| {
                state.revocation == Revocation::Waiting && state.incarnations.iter().flatten().any(Incarnation::is_able)
            }),
            Property::sometimes("a message is handed out after the re-grant", |_: &Self, state: &State| {
                let by = |each: &Incarnation| each.hands_out_by().is_some_and(|view| view.has_revocation);
                state.revocation == Revocation::Returned && state.incarnations.iter().flatten().any(by)
            }),
        ];
        [G1, G2, G3, Count].map(promise).into_iter().chain(works).collect()
    }
}

#[cfg(test)]
#[path = "two_nodes_tests.rs"]
mod tests;
