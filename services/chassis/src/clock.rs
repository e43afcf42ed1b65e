//! Time, from one place, so that a simulation can run the real code.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Reads time. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

/// A point on the monotonic clock of this process. Only differences mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self { origin: Instant::now() }
    }

    /// Now, monotonic: for leases, timers and everything that must not jump.
    pub fn now(&self) -> Moment {
        Moment(self.origin.elapsed())
    }

    /// Now, by the calendar: for tokens and for display.
    pub fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Microseconds since 1970 by the calendar, as the databases keep times.
    pub fn wall_micros(&self) -> i64 {
        let since = self.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// What a timer has to wait until to fire at `moment`.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.0
    }
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
