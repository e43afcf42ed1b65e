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

    /// Repeats itself for a clock and a seed.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self { clock, random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))) }
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

/// The longest id that comes from outside, in characters.
pub const MAX_EXTERNAL_ID: usize = 64;

/// Whether `text` can be an id that comes from outside: 1 to 64 characters of `A-Z a-z 0-9 . _ : -`.
pub fn is_external_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=MAX_EXTERNAL_ID).contains(&text.len()) && text.bytes().all(allowed)
}

/// Makes a type for one kind of id that comes from outside.
#[macro_export]
macro_rules! external_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes an id as a caller wrote it in `field`.
            pub fn parse(field: &str, text: impl Into<String>) -> Result<Self, $crate::refusal::Refusal> {
                let text = text.into();
                if !$crate::ids::is_external_id(&text) {
                    return Err($crate::refusal::Refusal::invalid(field, "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -"));
                }
                Ok(Self(text))
            }

            /// Takes an id that was checked before it was stored or sent.
            pub fn trusted(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ids_repeat_themselves_for_a_clock_and_a_seed() {
        let drawn = |seed| {
            let ids = Ids::seeded(Clock::with_rate(SystemTime::UNIX_EPOCH, 1_000_000), seed);
            (ids.uuid(), ids.tag(), ids.bytes::<8>(), ids.jitter(Duration::from_secs(1)))
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn an_external_id_is_short_and_plain() {
        for good in ["a", "1001", "acme.west:job_7-b", &"x".repeat(64)] {
            assert!(is_external_id(good), "{good}");
        }
        for bad in ["", " a", "a/b", "ä", "a\0", &"x".repeat(65)] {
            assert!(!is_external_id(bad), "{bad:?}");
        }
    }
}
