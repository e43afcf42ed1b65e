//! How long the view counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::clock::Moment;

/// The view is fresh for so long after the sending of the last renewal that was answered.
pub const FRESH_FOR: Duration = Duration::from_secs(2);

/// The freshness of the view.
#[derive(Debug, Default)]
pub struct Lease {
    until_nanos: AtomicU64,
}

impl Lease {
    /// Whether the view is fresh.
    pub fn is_valid(&self, now: Moment) -> bool {
        now < self.until()
    }

    /// When it ends, unless it is renewed.
    pub fn until(&self) -> Moment {
        Moment::from_nanos(self.until_nanos.load(Ordering::Acquire))
    }

    /// A renewal was answered. It counts from when it was sent: the answer may have been under way for long.
    pub fn renew(&self, sent_at: Moment) {
        self.until_nanos.fetch_max((sent_at + FRESH_FOR).as_nanos(), Ordering::AcqRel);
    }

    /// The view no longer counts.
    pub fn drop_now(&self) {
        self.until_nanos.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_the_sending_of_the_renewal() {
        let lease = Lease::default();
        let at = |millis: u64| Moment::from_nanos(millis * 1_000_000);
        assert!(!lease.is_valid(at(0)));
        lease.renew(at(100));
        assert!(lease.is_valid(at(2_099)));
        assert!(!lease.is_valid(at(2_100)));
        lease.renew(at(50));
        assert!(lease.is_valid(at(2_099)), "an older renewal shortens nothing");
        lease.drop_now();
        assert!(!lease.is_valid(at(200)));
    }
}
