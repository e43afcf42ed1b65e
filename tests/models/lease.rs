//! Leases: as a node asks for them and uses them, and as the permissions service remembers them. Time is what is left, in ticks.
//!
//! What is called `forget` makes states alike that differ in nothing that could matter. It is left out where there is a fault.

use crate::guarantee::Revocation;

/// A revision of the permissions database.
pub type Revision = u8;

/// The technician has access from here on.
pub const GIVEN: Revision = 1;

/// What a node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    /// The head when it was granted; a view before it cannot use the lease.
    pub revision: Revision,
    /// Ticks of the node's clock until it ends.
    pub left: u8,
}

impl Lease {
    /// One tick later, unless it has ended.
    pub fn after_a_tick(self) -> Option<Self> {
        (self.left > 1).then(|| Self { left: self.left - 1, ..self })
    }
}

/// A renewal and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Exchange {
    /// Ticks of the node's clock since it sent the renewal.
    pub age: u8,
    /// How far it is.
    pub stage: Stage,
}

/// How far a renewal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Under way to the permissions service.
    Asked {
        /// `Renew.applied`.
        applied: Revision,
    },
    /// The lease is in the service's table, below every revision until the head is read.
    Entered {
        /// Ticks of the service's clock until it ends.
        left: u8,
    },
    /// Only with a fault: the head is read, and the lease is in no table.
    HeadRead {
        /// What was read.
        head: Revision,
    },
    /// The lease is under way to the node.
    Granted {
        /// `Lease.revision`.
        revision: Revision,
    },
}

impl Exchange {
    /// The node sends a renewal.
    pub fn ask(applied: Revision) -> Self {
        Self { age: 0, stage: Stage::Asked { applied } }
    }

    /// The lease is in the table, and its revision is not known.
    pub fn is_pending(&self) -> bool {
        matches!(self.stage, Stage::Entered { left: 1.. })
    }

    /// The lease is under way.
    pub fn is_granted(&self) -> bool {
        matches!(self.stage, Stage::Granted { .. })
    }

    /// A tick of the service's clock, which the node's may miss. What is older than `ttl` is as good as that.
    pub fn tick(&mut self, seen: bool, ttl: u8) {
        self.age = ttl.min(self.age + u8::from(seen));
        if let Stage::Entered { left } = &mut self.stage {
            *left = left.saturating_sub(1);
        }
    }

    /// Nothing waits for a lease or an acknowledgement but a revocation, and only for an acknowledgement of it.
    pub fn forget(&mut self, revocation: Revocation, revision: Revision) {
        match &mut self.stage {
            Stage::Asked { applied } if revocation != Revocation::Waiting || *applied < revision => *applied = 0,
            Stage::Entered { left } if revocation >= Revocation::InForce => *left = 0,
            _ => {}
        }
    }
}

/// What the permissions service remembers of an incarnation. Leases granted after the first `WAITED` revisions are waited for by no
/// change of the model, and not remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder<const WAITED: usize> {
    /// It has acknowledged the changes up to here.
    pub applied: Revision,
    /// It has renewed without the revocation, so that the answer has to count it.
    pub concerned: bool,
    /// The service has been started since it last heard of it.
    forgotten: bool,
    /// Ticks of the service's clock until its last lease of each revision ends, from [`GIVEN`] on.
    granted: [u8; WAITED],
}

/// What an answer says of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It had no lease without the revocation.
    NotCounted,
    /// The service has been started since it last heard of it.
    Forgotten,
    /// It has acknowledged.
    Confirmed,
    /// Its lease has run out.
    WaitedOut,
}

impl<const WAITED: usize> Default for Holder<WAITED> {
    fn default() -> Self {
        Self { applied: 0, concerned: false, forgotten: false, granted: [0; WAITED] }
    }
}

impl<const WAITED: usize> Holder<WAITED> {
    /// All that is left of it when the service has been started again.
    pub fn forgotten() -> Self {
        Self { forgotten: true, ..Self::default() }
    }

    /// A renewal has come.
    pub fn acknowledge(&mut self, applied: Revision, revoked_at: Option<Revision>) {
        self.applied = self.applied.max(applied);
        self.concerned |= revoked_at.is_none_or(|revision| applied < revision);
        self.forgotten = false;
    }

    /// A lease leaves.
    pub fn grant(&mut self, revision: Revision, left: u8) {
        if let Some(longest) = self.granted.get_mut(usize::from(revision.saturating_sub(GIVEN))) {
            *longest = left.max(*longest);
        }
    }

    /// A lease granted below `revision` has neither been acknowledged nor run out; `pending` says whether one has no revision yet.
    pub fn holds_up(&self, revision: Revision, pending: bool) -> bool {
        self.applied < revision && (pending || self.granted.iter().take(waited_by(revision)).any(|left| *left > 0))
    }

    /// What the answer to the change of `revision` says of it.
    pub fn outcome(&self, revision: Revision) -> Outcome {
        match () {
            () if self.forgotten => Outcome::Forgotten,
            () if !self.concerned => Outcome::NotCounted,
            () if self.applied < revision => Outcome::WaitedOut,
            () => Outcome::Confirmed,
        }
    }

    /// A tick of the service's clock.
    pub fn tick(&mut self) {
        self.granted.iter_mut().for_each(|left| *left = left.saturating_sub(1));
    }

    /// Nothing waits for a lease but a revocation, and that for those below it alone, until they are acknowledged. Before it is committed
    /// no acknowledgement can be of it.
    pub fn forget(&mut self, revocation: Revocation, revision: Revision) {
        match revocation {
            Revocation::Uncalled => self.applied = 0,
            Revocation::Waiting if self.applied >= revision => self.granted = [0; WAITED],
            Revocation::Waiting => {
                self.applied = 0;
                self.granted.iter_mut().skip(waited_by(revision)).for_each(|left| *left = 0);
            }
            Revocation::InForce | Revocation::Returned => *self = Self::default(),
        }
    }
}

/// How many revisions' leases a change waits for.
fn waited_by(revision: Revision) -> usize {
    usize::from(revision - GIVEN)
}
