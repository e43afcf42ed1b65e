//! Two replicas of the permissions service over one database: one holds the lock, leads, and is deposed without knowing it.
//!
//! Time is relative: a state knows what is left of each lease, never what the clock shows. There is no drift, and so no margin: a lease
//! ends in the same tick for both sides. The lock changes hands any number of times.
//!
//! Worse than the real thing:
//! - A replica that believes that it leads serves snapshots and changes from what it has read some time ago. In truth it reads the
//!   database for each.
//! - It commits a change on any connection to the database. Only the stamp, and the head of a lease, need the session with the lock.
//! - A node goes from replica to replica whenever it likes, and its renewals arrive at the old one afterwards.
//!
//! Left out, and why that is sound:
//! - Messages. One is posted at the moment when it is handed out: the latest, and so the worst.
//! - Crashes of the node, clocks, sends: the model with one node has them.
//! - A restart of a replica. That of a leader is a lost session, and a take-over by the same or by the other.

mod state;
mod steps;

use stateright::{Model, Property};

use crate::guarantee::Guarantee::{self, G1, G2, G3};
use crate::guarantee::{Revocation, promise};
use crate::lease::{GIVEN, Outcome, Revision};
use state::State;

/// Ticks that a lease lasts.
const TTL: u8 = 2;
/// The revision of the revocation.
const TAKEN: Revision = 2;
/// Renewals and their answers under way at one time.
const EXCHANGES: usize = 2;
const REPLICAS: usize = 2;

/// What can be wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A node whose view goes back keeps its lease.
    LeaseKeptAcrossResync,
    /// A node takes a lease that it asked for on another stream.
    LeaseOfAnotherStream,
    /// A leader reads the head of a lease on any connection.
    DeposedLeaderGrants,
    /// A leader stamps on any connection.
    DeposedLeaderStamps,
    /// A new leader does not wait for the leases of the one before.
    TakeOverWithoutWaiting,
}

impl Fault {
    /// What it breaks.
    pub fn breaks(self) -> Guarantee {
        G3
    }
}

/// The model, as it should be or with a fault.
pub struct TakeOver {
    /// What is wrong.
    pub fault: Option<Fault>,
}

/// A step of somebody. A number is that of a replica, or the place of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A replica that believes that it leads commits the revocation.
    Revoke(usize),
    /// A replica writes `in_force_at`, on the session with the lock.
    Stamp(usize),
    /// The call, or a repeated one, returns.
    Return,
    /// The session that holds the lock ends; its owner does not notice.
    LoseSession,
    /// A deposed leader notices.
    StepDown(usize),
    /// A replica takes the lock.
    TakeLock(usize),
    /// A replica reads the changes.
    Read(usize),
    /// The renewal arrives: its acknowledgement is noted, and a lease entered.
    Enter(usize),
    /// The head is read on the session with the lock, and the lease leaves with it.
    Grant(usize),
    /// A frame is lost.
    Lose(usize),
    /// The node sends a renewal.
    Renew,
    /// The node takes a lease.
    TakeLease(usize),
    /// The node applies the change.
    Apply,
    /// The node opens a stream to a replica. One that knows less than the node makes it start over.
    Connect(usize),
    /// The guard agrees, and a message is handed out.
    HandOver,
    /// A tick of all clocks.
    Tick,
}

impl Model for TakeOver {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.revocation == Revocation::InForce {
            actions.push(Action::Return);
        }
        if state.lock.is_some() {
            actions.push(Action::LoseSession);
        }
        for index in 0..REPLICAS {
            self.replica_may(state, index, actions);
        }
        self.wire_may(state, actions);
        self.node_may(state, actions);
        actions.push(Action::Tick);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::Revoke(_) => state.revocation = Revocation::Waiting,
            Action::Stamp(index) => self.stamp(&mut state, index),
            Action::Return => state.revocation = Revocation::Returned,
            Action::LoseSession => state.lock = None,
            Action::StepDown(index) => self.step_down(&mut state, index),
            Action::TakeLock(index) => self.take_lock(&mut state, index),
            Action::Read(index) => state.replicas[index].known = before.head(),
            Action::Enter(slot) | Action::Grant(slot) | Action::Lose(slot) | Action::TakeLease(slot) => {
                self.exchange(&mut state, slot, action)?;
            }
            Action::Renew => self.renew(&mut state)?,
            Action::Apply => state.node.view = before.replicas[before.node.replica].known,
            Action::Connect(index) => self.connect(&mut state, index),
            Action::HandOver => state.broken.note_hand_over(before.revocation),
            Action::Tick => state.tick(),
        }
        self.forget(&mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if let Some(fault) = self.fault {
            return vec![promise(fault.breaks())];
        }
        let works = [
            Property::sometimes("the node confirms to the new leader", |_: &Self, state: &State| {
                state.new_leader_answers(Outcome::Confirmed)
            }),
            Property::sometimes("the new leader waits the node out", |_: &Self, state: &State| {
                state.new_leader_answers(Outcome::WaitedOut)
            }),
            Property::sometimes("a message is handed out by the new leader's lease", |_: &Self, state: &State| {
                state.lock == Some(1) && state.node.replica == 1 && state.held_up(1) && state.may_hand_out()
            }),
            Property::sometimes("a message is handed out by the deposed leader's lease", |_: &Self, state: &State| {
                state.lock == Some(1) && state.node.replica == 0 && state.may_hand_out()
            }),
            Property::sometimes("the view can go back", |_: &Self, state: &State| {
                state.node.view == TAKEN && state.replicas.iter().any(|replica| replica.leads && replica.known == GIVEN)
            }),
        ];
        [G1, G2, G3].map(promise).into_iter().chain(works).collect()
    }
}

#[cfg(test)]
#[path = "take_over_tests.rs"]
mod tests;
