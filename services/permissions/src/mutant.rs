//! The faults that the proofs plant into this service. Each breaks a rule of confirmed revocation; the simulation has to find it.

use strum::{IntoStaticStr, VariantArray};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Mutant {
    /// A change that takes access away is in force as soon as it is committed.
    NoCommitWait,
    /// After a start nobody waits for the leases of before.
    NoWaitAfterStart,
    /// A lease leaves before the changes that it counts on, and does not say how far the node must be.
    GrantWithoutRevision,
    /// A lease is granted at the revision that was sent last, without a look at the head.
    GrantWithoutHeadRead,
    /// The head is read before the lease is entered: a change in between is seen by neither.
    HeadReadBeforeEntry,
    /// A revocation that is repeated returns although the first is not in force.
    RepeatReturnsEarly,
    /// Revisions are drawn before the lock is taken, so that they are not the order of commits.
    RevisionBeforeLock,
}

impl Mutant {
    /// Whether this fault is planted: never, outside of the proofs.
    pub fn planted(self) -> bool {
        chassis::mutant::planted(self.into())
    }
}
