//! Ids and random numbers, from one seeded place, so that a simulation repeats them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use uuid::Uuid;

use crate::clock::Clock;

/// Makes ids and random numbers. Clones share one source.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    random: Arc<Mutex<StdRng>>,
}

impl Ids {
    /// Seeded by the operating system.
    pub fn from_os(clock: Clock) -> Self {
        Self { clock, random: Arc::new(Mutex::new(StdRng::from_os_rng())) }
    }

    /// A UUIDv7: sorts by the millisecond in which it was made.
    pub fn uuid(&self) -> Uuid {
        let since = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut tail = [0; 10];
        self.with(|random| random.fill_bytes(&mut tail));
        uuid::Builder::from_unix_timestamp_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), &tail).into_uuid()
    }

    /// 63 random bits: never negative as a database integer.
    pub fn tag(&self) -> i64 {
        self.with(|random| random.random_range(1..=i64::MAX))
    }

    /// Random bytes for keys.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.with(|random| random.fill_bytes(&mut bytes));
        bytes
    }

    /// A duration drawn evenly from zero to `most`.
    pub fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64(self.with(|random| random.random_range(0.0..=1.0)))
    }

    fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
