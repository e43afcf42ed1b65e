//! How long to wait before another try: full jitter, so that clients that were cut together do not come back together.

use std::time::Duration;

/// The n-th pause is drawn evenly from zero to `first` times 2ⁿ⁻¹, and to `most` at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest that the first pause can be.
    pub first: Duration,
    /// The longest that any pause can be.
    pub most: Duration,
}

/// The pauses of one series of failures.
#[derive(Clone, Debug)]
pub(crate) struct Pauses {
    backoff: Backoff,
    failures: u32,
}

impl Backoff {
    /// The pauses, from the first.
    pub(crate) fn pauses(self) -> Pauses {
        Pauses { backoff: self, failures: 0 }
    }

    fn ceiling(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.most)
    }
}

impl Pauses {
    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let ceiling = self.backoff.ceiling(self.failures);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(rand::random_range(0.0..=1.0))
    }

    /// What failed works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(2) };

    #[test]
    fn the_longest_pause_doubles_up_to_a_limit() {
        let ceilings: Vec<u128> = (0..7).map(|failures| BACKOFF.ceiling(failures).as_millis()).collect();
        assert_eq!(ceilings, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(BACKOFF.ceiling(u32::MAX), BACKOFF.most);
    }

    #[test]
    fn pauses_are_spread_over_the_whole_range_from_zero() {
        let firsts: Vec<Duration> = (0..1000).map(|_| BACKOFF.pauses().next()).collect();
        assert!(firsts.iter().all(|pause| *pause <= BACKOFF.first));
        assert!(
            firsts.iter().any(|pause| *pause < BACKOFF.first / 10) && firsts.iter().any(|pause| *pause > BACKOFF.first / 10 * 9)
        );
    }

    #[test]
    fn a_reset_begins_with_short_pauses_again() {
        let mut pauses = BACKOFF.pauses();
        (0..20).for_each(|_| {
            pauses.next();
        });
        pauses.reset();
        assert!(pauses.next() <= BACKOFF.first);
    }
}
