//! The right to hand out, for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::clock::Moment;

use crate::mutant::Mutant;

/// The clocks of two machines may run at rates that differ by so much, as a part of the lease.
const MARGIN_PART: u32 = 10;
/// What reading the clocks and being woken may cost.
const MARGIN: Duration = Duration::from_millis(50);

/// The lease of this node.
#[derive(Debug, Default)]
pub struct Lease {
    until_nanos: AtomicU64,
}

impl Lease {
    /// Whether anything may be handed out.
    pub fn is_valid(&self, now: Moment) -> bool {
        now < self.until()
    }

    /// When it ends, unless it is renewed.
    pub fn until(&self) -> Moment {
        Moment::from_nanos(self.until_nanos.load(Ordering::Acquire))
    }

    /// The renewal that was sent at `sent_at` was granted for `ttl`. It counts from the sending, which was before the permissions service
    /// began to count, and ends a margin earlier: here it has run out before it has there.
    pub fn renew(&self, sent_at: Moment, ttl: Duration) {
        let margin = if Mutant::NoMargin.planted() { Duration::ZERO } else { ttl / MARGIN_PART + MARGIN };
        let usable = ttl.saturating_sub(margin);
        self.until_nanos.fetch_max((sent_at + usable).as_nanos(), Ordering::AcqRel);
    }

    /// Nothing may be handed out any more.
    pub fn drop_now(&self) {
        self.until_nanos.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_the_sending_of_the_renewal_and_ends_a_tenth_and_50_ms_early() {
        let lease = Lease::default();
        let at = |millis: u64| Moment::from_nanos(millis * 1_000_000);
        let ttl = Duration::from_secs(2);
        assert!(!lease.is_valid(at(0)));
        lease.renew(at(100), ttl);
        assert!(lease.is_valid(at(1_849)));
        assert!(!lease.is_valid(at(1_850)));
        lease.renew(at(50), ttl);
        assert!(lease.is_valid(at(1_849)), "an older renewal shortens nothing");
        lease.drop_now();
        assert!(!lease.is_valid(at(200)));
    }

    #[test]
    fn a_lease_shorter_than_its_margin_allows_nothing() {
        let lease = Lease::default();
        lease.renew(Moment::from_nanos(1), Duration::from_millis(40));
        assert!(!lease.is_valid(Moment::from_nanos(1)));
    }
}
