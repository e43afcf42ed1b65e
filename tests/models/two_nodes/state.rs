//! What there is: the two changes, and each incarnation of a node with what the permissions service remembers of it.

use crate::guarantee::Guarantee::Count;
use crate::guarantee::{Broken, Judged, Revocation};
use crate::lease::{Exchange, GIVEN, Holder, Lease, Outcome, Revision, Stage};

use super::{INCARNATIONS, TTL};

/// Which of the two changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Revocation,
    Regrant,
}

/// A change in the permissions database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Change {
    pub revision: Option<Revision>,
    pub committed: bool,
}

/// A node's copy of the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct View {
    pub revision: Revision,
    /// The technician has access.
    pub allows: bool,
    /// The revocation is in it.
    pub has_revocation: bool,
}

/// An incarnation of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation {
    pub alive: bool,
    /// None before the snapshot is in.
    pub view: Option<View>,
    pub lease: Option<Lease>,
    /// Its renewal, and the answer.
    pub exchange: Option<Exchange>,
    /// What the permissions service remembers of it.
    pub holder: Holder<2>,
    /// Since the revocation was committed it has been able to hand out by a view without it.
    pub was_able: bool,
    /// What the answer says of it.
    pub outcome: Option<Outcome>,
}

/// A state of them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub revocation: Revocation,
    /// By [`Kind`].
    pub changes: [Change; 2],
    /// The technician has access by the facts in the database.
    pub allows: bool,
    /// Sorted, since the nodes are alike.
    pub incarnations: [Option<Incarnation>; INCARNATIONS],
    pub broken: Broken,
}

impl Judged for State {
    fn broken(&self) -> Broken {
        self.broken
    }
}

impl Incarnation {
    /// A start, with nothing in memory.
    pub fn new() -> Self {
        let holder = Holder::default();
        Self { alive: true, view: None, lease: None, exchange: None, holder, was_able: false, outcome: None }
    }

    /// The view by which the guard lets something out: there is a lease, the view is at least the lease's, and it allows.
    pub fn hands_out_by(&self) -> Option<View> {
        let lease = self.lease?;
        self.view.filter(|view| view.allows && view.revision >= lease.revision)
    }

    /// It can hand out what the revocation forbids.
    pub fn is_able(&self) -> bool {
        self.hands_out_by().is_some_and(|view| !view.has_revocation)
    }

    /// A tick of all clocks.
    pub fn tick(&mut self) {
        self.lease = self.lease.and_then(Lease::after_a_tick);
        self.holder.tick();
        if let Some(exchange) = &mut self.exchange {
            exchange.tick(true, TTL);
        }
    }

    /// What makes no difference any more, if the protocol is right: a lease that the view can use is one as another.
    pub fn forget(&mut self, revocation: Revocation, revoked_at: Revision) {
        let seen = self.view.map_or(0, |view| view.revision);
        if let Some(lease) = &mut self.lease
            && lease.revision <= seen
        {
            lease.revision = 0;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.forget(revocation, revoked_at);
            if let Stage::Granted { revision } = &mut exchange.stage
                && *revision <= seen
            {
                *revision = 0;
            }
        }
        self.holder.forget(revocation, revoked_at);
        self.was_able &= revocation == Revocation::Waiting;
    }
}

impl State {
    /// Both nodes follow, and have renewed in vain.
    pub fn first() -> Self {
        let mut node = Incarnation::new();
        node.view = Some(View { revision: GIVEN, allows: true, has_revocation: false });
        node.holder.acknowledge(GIVEN, None);
        Self {
            revocation: Revocation::Uncalled,
            changes: [Change::default(); 2],
            allows: true,
            incarnations: [None, Some(node), Some(node)],
            broken: Broken::default(),
        }
    }

    fn committed(&self) -> impl Iterator<Item = (Revision, Kind)> {
        let change = |kind| (self.changes[kind as usize], kind);
        let revision = |(change, kind): (Change, Kind)| Some((change.revision.filter(|_| change.committed)?, kind));
        [Kind::Revocation, Kind::Regrant].map(change).into_iter().filter_map(revision)
    }

    /// The newest revision that is committed.
    pub fn head(&self) -> Revision {
        self.committed().map(|(revision, _)| revision).fold(GIVEN, Revision::max)
    }

    /// What a reader of all that is after `revision` reads first.
    pub fn next_after(&self, revision: Revision) -> Option<(Revision, Kind)> {
        self.committed().filter(|(found, _)| *found > revision).min_by_key(|(found, _)| *found)
    }

    /// The next revision that nobody has taken.
    pub fn next_revision(&self) -> Revision {
        1 + self.changes.iter().filter_map(|change| change.revision).fold(GIVEN, Revision::max)
    }

    /// The revocation's revision, once it is committed.
    pub fn revoked_at(&self) -> Option<Revision> {
        self.committed().find(|(_, kind)| *kind == Kind::Revocation).map(|(revision, _)| revision)
    }

    /// What a node gets that starts over.
    pub fn snapshot(&self) -> View {
        View { revision: self.head(), allows: self.allows, has_revocation: self.revoked_at().is_some() }
    }

    /// Some lease is neither acknowledged nor over.
    pub fn held_up(&self, revision: Revision) -> bool {
        self.incarnations.iter().flatten().any(|each| each.holder.holds_up(revision, false))
    }

    /// A change commits, under the next revision unless it has one.
    pub fn commit(&mut self, kind: Kind) {
        let next = self.next_revision();
        let change = &mut self.changes[kind as usize];
        *change = Change { revision: change.revision.or(Some(next)), committed: true };
        self.allows = kind == Kind::Regrant;
        if kind == Kind::Revocation {
            self.revocation = Revocation::Waiting;
        }
    }

    /// `in_force_at` is written, and the answer fixed.
    pub fn stamp(&mut self, revision: Revision) {
        self.revocation = Revocation::InForce;
        for each in self.incarnations.iter_mut().flatten() {
            let outcome = each.holder.outcome(revision);
            let missed = each.was_able && !matches!(outcome, Outcome::Confirmed | Outcome::WaitedOut);
            if missed || each.is_able() && outcome == Outcome::Confirmed {
                self.broken.note(Count);
            }
            each.outcome = Some(outcome);
        }
    }

    /// `nodes_confirmed` and `nodes_waited_out`, from when they are fixed until the call returns.
    pub fn answer(&self) -> (usize, usize) {
        let count = |outcome| self.incarnations.iter().flatten().filter(|each| each.outcome == Some(outcome)).count();
        (count(Outcome::Confirmed), count(Outcome::WaitedOut))
    }
}
