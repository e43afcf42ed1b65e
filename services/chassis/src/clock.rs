//! Time, from one place, so that a simulation can run the real code.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// Goes on counting while the machine is suspended: a lease must not last longer because its holder was asleep.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

const MILLION: u128 = 1_000_000;

/// Reads time. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Machine { origin: Duration },
    Rated { origin: Instant, calendar: SystemTime, parts_per_million: u32 },
}

/// A point on the monotonic clock of this process. Only differences mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self(Source::Machine { origin: steady() })
    }

    /// A clock that runs at `parts_per_million` of the runtime's time, in which a simulation can have two hosts disagree, and that
    /// shows `calendar` now.
    pub fn with_rate(calendar: SystemTime, parts_per_million: u32) -> Self {
        Self(Source::Rated { origin: Instant::now(), calendar, parts_per_million: parts_per_million.max(1) })
    }

    /// Now, monotonic: for leases, timers and everything that must not jump.
    pub fn now(&self) -> Moment {
        Moment(match self.0 {
            Source::Machine { origin } => steady().saturating_sub(origin),
            Source::Rated { origin, parts_per_million, .. } => {
                from_nanos(origin.elapsed().as_nanos() * u128::from(parts_per_million) / MILLION)
            }
        })
    }

    /// Now, by the calendar: for tokens and for display.
    pub fn wall(&self) -> SystemTime {
        match self.0 {
            Source::Machine { .. } => SystemTime::now(),
            Source::Rated { calendar, .. } => calendar + self.now().0,
        }
    }

    /// Microseconds since 1970 by the calendar, as the databases keep times.
    pub fn wall_micros(&self) -> i64 {
        let since = self.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// What a timer has to wait until to fire at `moment`, and not before. It sleeps while the machine does.
    pub fn instant(&self, moment: Moment) -> Instant {
        match self.0 {
            Source::Machine { .. } => {
                // In this order: what passes between the two makes it late, not early.
                let left = moment.since(self.now());
                Instant::now() + left
            }
            Source::Rated { origin, parts_per_million, .. } => {
                origin + from_nanos((moment.0.as_nanos() * MILLION).div_ceil(u128::from(parts_per_million)))
            }
        }
    }
}

fn steady() -> Duration {
    let read = clock_gettime(STEADY);
    Duration::new(read.tv_sec.unsigned_abs(), u32::try_from(read.tv_nsec).unwrap_or_default())
}

fn from_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Moment {
    /// Nanoseconds since the process read its clock first: fits an atomic for 584 years.
    pub fn as_nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The inverse of [`Moment::as_nanos`].
    pub fn from_nanos(nanos: u64) -> Self {
        Self(Duration::from_nanos(nanos))
    }

    /// How long it was from `earlier` to this; zero if it was not.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0 + duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_with_a_rate_counts_more_or_less_than_the_time_that_passed() {
        for (parts_per_million, expected) in [(1_000_000, 10_000), (1_020_000, 10_200), (980_000, 9_800)] {
            let clock = Clock::with_rate(SystemTime::UNIX_EPOCH, parts_per_million);
            tokio::time::advance(Duration::from_secs(10)).await;
            assert_eq!(clock.now().since(Moment::default()), Duration::from_millis(expected));
            assert_eq!(clock.wall_micros(), i64::try_from(expected).expect("small") * 1_000);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_of_a_clock_with_a_rate_fires_when_that_clock_says_so_and_not_before() {
        for parts_per_million in [1_000_000, 1_020_000, 980_000, 1_000_003, 999_989] {
            let clock = Clock::with_rate(SystemTime::UNIX_EPOCH, parts_per_million);
            for nanos in [1, 999, 1_999_999_999, 2_000_000_000] {
                let (moment, began) = (Moment::from_nanos(nanos), Instant::now());
                let wait = clock.instant(moment) - began;
                tokio::time::advance(wait).await;
                assert!(clock.now() >= moment, "{parts_per_million} {nanos}");
                assert!(clock.now().since(moment) <= Duration::from_nanos(2), "{parts_per_million} {nanos}");
            }
        }
    }

    #[tokio::test]
    async fn a_timer_of_the_machine_s_clock_waits_for_the_time_that_is_left() {
        let clock = Clock::system();
        let left = clock.instant(clock.now() + Duration::from_secs(60)) - Instant::now();
        assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
        assert!(clock.instant(Moment::default()) <= Instant::now(), "what has passed is not waited for");
    }

    #[test]
    fn the_machine_s_clock_does_not_go_back() {
        let clock = Clock::system();
        let mut before = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now >= before);
            before = now;
        }
    }
}
