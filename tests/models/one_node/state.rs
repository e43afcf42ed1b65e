//! What there is: the permissions service, the wire, the node, the conversation.

use crate::guarantee::Guarantee::{G1, G2, G3, G4};
use crate::guarantee::{Broken, Judged, Revocation};
use crate::lease::{Exchange, GIVEN, Holder, Lease, Outcome, Revision};

use super::{EXCHANGES, INCARNATIONS, TAKEN, TTL};

/// A renewal and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asked {
    /// Who asked.
    pub incarnation: usize,
    /// How far it is.
    pub exchange: Exchange,
}

/// The chat node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// It counts its starts.
    pub incarnation: usize,
    /// The revision of its view; none before the snapshot is in.
    pub view: Option<Revision>,
    /// Its newest lease.
    pub lease: Option<Lease>,
    /// Only with a fault: the change has arrived and is not published.
    pub received: bool,
    /// Only with a fault: the guard has agreed to what the stream hands out next.
    pub agreed: bool,
}

/// The newest message of the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    /// Committed before the revocation was in force.
    Old,
    /// Committed when the revocation was in force.
    PostedInForce,
    /// Sent when the revocation's call had returned.
    PostedAfter,
}

/// A send of the technician, from its permit to its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// Where.
    pub incarnation: usize,
    /// Its permit is open.
    pub pinned: bool,
    /// It began when the revocation's call had returned.
    pub late: bool,
}

/// A state of them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub revocation: Revocation,
    /// What the answer says of each incarnation.
    pub answer: [Outcome; INCARNATIONS],
    /// The table of leases.
    pub holders: [Holder<1>; INCARNATIONS],
    /// Ticks until the permissions service, started again, may stamp.
    pub start_wait: u8,
    pub exchanges: [Option<Asked>; EXCHANGES],
    pub node: Node,
    /// Ticks until the node's clock may stall again.
    pub steady: u8,
    pub message: Message,
    pub write: Option<Write>,
    pub broken: Broken,
}

impl Judged for State {
    fn broken(&self) -> Broken {
        self.broken
    }
}

impl Node {
    /// A start, with nothing in memory.
    pub fn new(incarnation: usize) -> Self {
        Self { incarnation, view: None, lease: None, received: false, agreed: false }
    }
}

impl State {
    /// The node follows, and has no lease yet.
    pub fn first() -> Self {
        Self {
            revocation: Revocation::Uncalled,
            answer: [Outcome::NotCounted; INCARNATIONS],
            holders: Default::default(),
            start_wait: 0,
            exchanges: [None; EXCHANGES],
            node: Node { view: Some(GIVEN), ..Node::new(0) },
            steady: 0,
            message: Message::Old,
            write: None,
            broken: Broken::default(),
        }
    }

    /// The newest revision of the permissions database.
    pub fn head(&self) -> Revision {
        if self.revocation == Revocation::Uncalled { GIVEN } else { TAKEN }
    }

    /// The revocation's revision, once it is committed.
    pub fn revoked_at(&self) -> Option<Revision> {
        (self.revocation != Revocation::Uncalled).then_some(TAKEN)
    }

    /// A call for the revocation has returned.
    pub fn returned(&self) -> bool {
        self.revocation == Revocation::Returned
    }

    /// This incarnation has a lease that the revocation must wait for.
    pub fn held_up_by(&self, incarnation: usize) -> bool {
        let pending = |asked: &Asked| asked.incarnation == incarnation && asked.exchange.is_pending();
        self.holders[incarnation].holds_up(TAKEN, self.exchanges.iter().flatten().any(pending))
    }

    /// `in_force_at` is written, and the answer fixed.
    pub fn stamp(&mut self) {
        self.revocation = Revocation::InForce;
        self.answer = self.holders.map(|holder| holder.outcome(TAKEN));
    }

    /// The revocation is in force, and the answer says this of the two incarnations.
    pub fn answers(&self, first: Outcome, second: Outcome) -> bool {
        self.revocation == Revocation::InForce && self.answer == [first, second]
    }

    /// The message reaches the technician.
    pub fn hand_over(&mut self) {
        self.node.agreed = false;
        if self.message == Message::PostedAfter {
            self.broken.note(G1);
        }
        if self.message >= Message::PostedInForce {
            self.broken.note(G2);
        }
        if self.returned() {
            self.broken.note(G3);
        }
    }

    /// The technician's send commits.
    pub fn commit(&mut self, write: Write) {
        let admitted = matches!(self.answer[write.incarnation], Outcome::WaitedOut | Outcome::Forgotten);
        if self.returned() && (write.late || !admitted) {
            self.broken.note(G4);
        }
        self.write = None;
    }

    /// The permissions service dies, its connections and its table with it, and starts again.
    pub fn restart_permissions(&mut self) {
        for holder in &mut self.holders[..=self.node.incarnation] {
            *holder = Holder::forgotten();
        }
        self.exchanges = [None; EXCHANGES];
        self.start_wait = TTL;
    }

    /// The node dies and starts again. A commit that was under way to the database stays so; frames to the dead are lost.
    pub fn crash_node(&mut self) {
        self.node = Node::new(self.node.incarnation + 1);
        for slot in &mut self.exchanges {
            *slot = slot.filter(|asked| !asked.exchange.is_granted());
        }
        if let Some(write) = &mut self.write {
            write.pinned = false;
        }
    }

    /// A tick of the permissions service's clock, and of the node's unless that stalls.
    pub fn tick(&mut self, seen: bool) {
        self.start_wait = self.start_wait.saturating_sub(1);
        for holder in &mut self.holders {
            holder.tick();
        }
        for asked in self.exchanges.iter_mut().flatten() {
            asked.exchange.tick(seen, TTL);
        }
        if seen {
            self.node.lease = self.node.lease.and_then(Lease::after_a_tick);
            self.steady = self.steady.saturating_sub(1);
        } else {
            self.steady = TTL - 1;
        }
    }
}
