//! One permissions service, one node, one technician, one revocation: every fault of the wire, the processes and the clocks.
//!
//! Time is relative: a state knows what is left of each lease, never what the clock shows. So a search covers runs of any length, with any
//! number of restarts of the permissions service, of lost frames, and of ticks that the node's clock misses (one within each TTL).
//!
//! Worse than the real thing:
//! - Renewals, changes and leases overtake each other, and any may be lost. In truth they come in the order of one stream.
//! - A node drops its view whenever it likes, and may then still take a lease that it asked for before.
//! - A write takes as long as it likes. In truth its deadline is the end of the lease.
//! - A write may commit after its node has crashed, as one whose COMMIT was under way to the database.
//!
//! Left out, and why that is sound:
//! - Pushing a change. It is under way from its commit, and arrives at any time after, or never.
//! - A node's fast clock: it only shortens leases.
//! - Leases granted at the revocation's own revision: nothing waits for them.
//! - The time between a send's beginning and its permit. One that begins with its permit begins later, so that G4 forbids more.
//! - The time between a commit and the end of its permit, and that between the reading of a snapshot and its arrival: the longer a permit
//!   is open, and the longer a node has no view, the less it can do.
//! - A process that is frozen between the check and the hand-over: it may release that one frame, as the guarantee says.
//! - The fate of writes at a node that the permissions service has not heard of since its own start. Its table of leases is gone, and its
//!   answer cannot count that node. G4 is not judged there.

mod state;
mod steps;

use stateright::{Model, Property};

use crate::guarantee::Guarantee::{self, G1, G2, G3, G4};
use crate::guarantee::{Revocation, promise};
use crate::lease::{Outcome, Revision};
use state::{Message, State};

/// Ticks that a lease lasts.
const TTL: u8 = 3;
/// Ticks that a node takes off: its clock misses at most one within a TTL.
const MARGIN: u8 = 1;
/// The revision of the revocation.
const TAKEN: Revision = 2;
/// Renewals and their answers under way at one time.
const EXCHANGES: usize = 2;
/// A node crashes at most once.
const INCARNATIONS: usize = 2;

/// What can be wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A revocation is in force once it is committed.
    NoCommitWait,
    /// A node dates its lease from when it received it.
    DatedFromReceipt,
    /// A node takes no margin off.
    NoMargin,
    /// After a start nothing is waited for.
    RestartWithoutWaiting,
    /// A node uses a lease whatever the revision of its view.
    GrantWithoutRevision,
    /// The guard is asked before the next message is there.
    CheckBeforeFetch,
    /// The guard is asked when a message is queued for the stream.
    GuardAtEnqueue,
    /// A node acknowledges a change when it has received it.
    AckBeforePublish,
    /// Acknowledgements do not wait for open permits.
    PermitNotPinned,
    /// A permit ends with its write's deadline, with the commit under way.
    PermitEndsAtDeadline,
    /// A call that finds access already taken away returns.
    RepeatReturnsEarly,
    /// A lease carries the revision that was last sent.
    GrantWithoutHeadRead,
    /// The head is read before the lease is entered.
    HeadReadBeforeEntry,
    /// A node that starts again releases the leases of its incarnation before.
    RestartReleasesLeases,
    /// A lease that had run out before the revocation is not counted.
    RanOutIsForgotten,
}

impl Fault {
    /// What it breaks.
    pub fn breaks(self) -> Guarantee {
        match self {
            Self::CheckBeforeFetch => G1,
            Self::PermitNotPinned | Self::PermitEndsAtDeadline | Self::RestartReleasesLeases | Self::RanOutIsForgotten => G4,
            _ => G3,
        }
    }
}

/// The model, as it should be or with a fault.
pub struct OneNode {
    /// What is wrong.
    pub fault: Option<Fault>,
}

/// A step of somebody. A number is the place of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An administrator's call commits the revocation.
    Revoke,
    /// The second transaction writes `in_force_at`.
    Stamp,
    /// The call, or a repeated one, returns.
    Return,
    /// The permissions service dies and starts again.
    RestartPermissions,
    /// The renewal arrives: its acknowledgement is noted, and a lease entered.
    Enter(usize),
    /// The head is read, and the lease leaves with it.
    Grant(usize),
    /// Only with a fault: the head is read first.
    ReadHead(usize),
    /// A frame is lost.
    Lose(usize),
    /// The node sends a renewal.
    Renew,
    /// The node takes a lease.
    TakeLease(usize),
    /// Only with a fault: the change arrives.
    Receive,
    /// The node applies the change: publishes the view, and cuts the streams.
    Apply,
    /// The node drops its view and its lease: a gap, an unknown cursor, another epoch.
    Resync,
    /// The snapshot is in.
    Snapshot,
    /// The node dies and starts again.
    CrashNode,
    /// The customer's message is stored.
    Post,
    /// Only with a fault: the guard agrees to what will be handed out.
    AskEarly,
    /// The message is in hand, the guard agrees, the message is handed out.
    HandOver,
    /// The technician sends, and is given a permit.
    BeginWrite,
    /// Only with a fault: the permit ends, the write goes on.
    EndPermit,
    /// The write is refused or rolled back.
    Abort,
    /// The write commits.
    Commit,
    /// A tick of all clocks.
    Tick,
    /// A tick that the node's clock misses.
    TickUnseen,
}

impl Model for OneNode {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.permissions_may(state, actions);
        self.wire_may(state, actions);
        self.node_may(state, actions);
        self.people_may(state, actions);
        actions.push(Action::Tick);
        if state.steady == 0 {
            actions.push(Action::TickUnseen);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::Revoke => self.revoke(&mut state),
            Action::Stamp => state.stamp(),
            Action::Return => state.revocation = Revocation::Returned,
            Action::RestartPermissions => state.restart_permissions(),
            Action::Enter(slot) | Action::Grant(slot) | Action::ReadHead(slot) | Action::Lose(slot) | Action::TakeLease(slot) => {
                self.exchange(&mut state, slot, action)?;
            }
            Action::Renew => self.renew(&mut state)?,
            Action::Receive => state.node.received = true,
            Action::Apply => (state.node.view, state.node.received) = (Some(before.head()), false),
            Action::Resync => (state.node.view, state.node.lease, state.node.received) = (None, None, false),
            Action::Snapshot => state.node.view = Some(before.head()),
            Action::CrashNode => state.crash_node(),
            Action::Post => state.message = if before.returned() { Message::PostedAfter } else { Message::PostedInForce },
            Action::AskEarly => state.node.agreed = true,
            Action::HandOver => state.hand_over(),
            Action::BeginWrite => self.begin_write(&mut state),
            Action::EndPermit => state.write.as_mut()?.pinned = false,
            Action::Abort => state.write = None,
            Action::Commit => state.commit(before.write?),
            Action::Tick => state.tick(true),
            Action::TickUnseen => state.tick(false),
        }
        self.forget(&mut state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if let Some(fault) = self.fault {
            return vec![promise(fault.breaks())];
        }
        let works = [
            Property::sometimes("a node confirms", |_: &Self, state: &State| {
                state.answers(Outcome::Confirmed, Outcome::NotCounted)
            }),
            Property::sometimes("a node is waited out", |_: &Self, state: &State| {
                state.answers(Outcome::WaitedOut, Outcome::NotCounted)
            }),
            Property::sometimes("one incarnation is waited out, the next confirms", |_: &Self, state: &State| {
                state.answers(Outcome::WaitedOut, Outcome::Confirmed)
            }),
            Property::sometimes("a start rolls forward", |_: &Self, state: &State| {
                state.answers(Outcome::Forgotten, Outcome::NotCounted)
            }),
            Property::sometimes("a message is handed out", |model: &Self, state: &State| {
                state.revocation == Revocation::Uncalled && model.may_hand_out(state)
            }),
            Property::sometimes("a message is handed out while a revocation waits", |model: &Self, state: &State| {
                state.revocation == Revocation::Waiting && model.may_hand_out(state)
            }),
            Property::sometimes("a write can commit", |_: &Self, state: &State| {
                state.revocation == Revocation::Uncalled && state.write.is_some_and(|write| write.pinned)
            }),
            Property::sometimes("a write can commit at a node that was waited out", |_: &Self, state: &State| {
                state.returned() && state.write.is_some_and(|write| write.pinned)
            }),
        ];
        [G1, G2, G3, G4].map(promise).into_iter().chain(works).collect()
    }
}

#[cfg(test)]
#[path = "one_node_tests.rs"]
mod tests;
