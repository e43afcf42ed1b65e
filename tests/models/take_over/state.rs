//! What there is: the lock in the database, the replicas, the node and its streams.

use crate::guarantee::{Broken, Judged, Revocation};
use crate::lease::{Exchange, GIVEN, Holder, Lease, Outcome, Revision};

use super::{EXCHANGES, REPLICAS, TAKEN, TTL};

/// A replica of the permissions service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    /// It believes that it leads.
    pub leads: bool,
    /// Ticks until it may stamp after its take-over.
    pub start_wait: u8,
    /// Up to here it has read the changes.
    pub known: Revision,
    /// The node, in this replica's table of leases.
    pub holder: Holder<1>,
}

/// A renewal and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// Who was asked.
    pub replica: usize,
    /// The node's stream is still the one on which it asked.
    pub same_stream: bool,
    /// How far it is.
    pub exchange: Exchange,
}

/// The chat node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The replica that its stream goes to.
    pub replica: usize,
    pub view: Revision,
    pub lease: Option<Lease>,
}

/// A state of them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub revocation: Revocation,
    /// What the answer says of the node.
    pub answer: Outcome,
    /// Whose session holds the lock.
    pub lock: Option<usize>,
    pub replicas: [Replica; REPLICAS],
    pub exchanges: [Option<Asked>; EXCHANGES],
    pub node: Node,
    pub broken: Broken,
}

impl Judged for State {
    fn broken(&self) -> Broken {
        self.broken
    }
}

impl State {
    /// The first replica leads, and the node follows it without a lease.
    pub fn first() -> Self {
        let leader = Replica { leads: true, start_wait: 0, known: GIVEN, holder: Holder::default() };
        Self {
            revocation: Revocation::Uncalled,
            answer: Outcome::NotCounted,
            lock: Some(0),
            replicas: [leader, Replica { leads: false, ..leader }],
            exchanges: [None; EXCHANGES],
            node: Node { replica: 0, view: GIVEN, lease: None },
            broken: Broken::default(),
        }
    }

    /// The newest revision of the permissions database.
    pub fn head(&self) -> Revision {
        if self.revocation == Revocation::Uncalled { GIVEN } else { TAKEN }
    }

    /// In this replica's table is a lease that the revocation must wait for.
    pub fn held_up(&self, replica: usize) -> bool {
        let pending = |asked: &Asked| asked.replica == replica && asked.exchange.is_pending();
        self.replicas[replica].holder.holds_up(TAKEN, self.exchanges.iter().flatten().any(pending))
    }

    /// The guard: there is a lease, the view is at least the lease's, and in it the technician has access.
    pub fn may_hand_out(&self) -> bool {
        self.node.view == GIVEN && self.node.lease.is_some_and(|lease| self.node.view >= lease.revision)
    }

    /// The revocation is in force by the second replica, and its answer says this of the node.
    pub fn new_leader_answers(&self, outcome: Outcome) -> bool {
        self.revocation == Revocation::InForce && self.lock == Some(1) && self.answer == outcome
    }

    /// A tick of all clocks.
    pub fn tick(&mut self) {
        for replica in &mut self.replicas {
            replica.start_wait = replica.start_wait.saturating_sub(1);
            replica.holder.tick();
        }
        for asked in self.exchanges.iter_mut().flatten() {
            asked.exchange.tick(true, TTL);
        }
        self.node.lease = self.node.lease.and_then(Lease::after_a_tick);
    }

    /// What makes no difference any more, if the protocol is right: what was asked on another stream is the old replica's affair.
    pub fn forget(&mut self) {
        let waited_for = self.revocation < Revocation::InForce;
        for slot in &mut self.exchanges {
            *slot = slot.filter(|asked| asked.same_stream || waited_for);
            if let Some(asked) = slot {
                asked.exchange.forget(self.revocation, TAKEN);
                asked.exchange.age *= u8::from(asked.same_stream);
            }
        }
        for replica in &mut self.replicas {
            replica.holder.forget(self.revocation, TAKEN);
            replica.start_wait *= u8::from(waited_for);
        }
    }
}
