//! The faults that the proofs plant into this service. Each breaks a rule of confirmed revocation; the simulation has to find it.

use strum::{IntoStaticStr, VariantArray};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Mutant {
    /// A lease counts from when it was received, not from when its renewal was sent.
    LeaseFromReceipt,
    /// A lease is used to its end, as if all clocks ran at one rate.
    NoMargin,
    /// A stream asks the guard before it reads what it hands out, and not again.
    CheckBeforeFetch,
    /// A stream asks the guard when it makes events ready, and not again when they leave.
    CheckBeforeQueue,
    /// The lease and the view go on while a new snapshot is under way.
    LeaseKeptAcrossResync,
    /// A change is acknowledged before it is published.
    AcknowledgedBeforePublished,
    /// A change does not wait for the writes that were allowed before it.
    PermitNotPinned,
}

impl Mutant {
    /// Whether this fault is planted: never, outside of the proofs.
    pub fn planted(self) -> bool {
        chassis::mutant::planted(self.into())
    }
}
