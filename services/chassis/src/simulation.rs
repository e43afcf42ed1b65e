//! What the simulation (`tests/simulation`) puts in the place of sockets and of a database's timing. Everything else is the real code.
//!
//! A process simulates one seed: so what it draws from is the process's own.

pub mod net;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep;

/// Long enough for a crash to come in between.
const PAUSE: Duration = Duration::from_millis(2);

/// How badly the databases do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk {
    /// Of ten thousand steps of transactions, those that take long.
    pub slow: u32,
    /// How long these take at most.
    pub slowest: Duration,
    /// Of ten thousand commits, those whose outcome the process does not learn.
    pub unknown: u32,
    /// From this simulated time on nothing of that happens.
    pub until: Duration,
}

/// A step that was slow, or a commit whose outcome was not told, in simulated time.
#[derive(Clone, Copy, Debug)]
pub struct Incident {
    /// When it began.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
}

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It happens, and that is told.
    Told,
    /// It happens, and nobody learns that.
    Untold,
    /// It does not happen, and nobody learns that.
    Lost,
}

struct Draws {
    random: StdRng,
    disk: Disk,
    /// The databases that are slow now, by file name: how long each of their steps takes at most.
    slow: BTreeMap<String, Duration>,
    /// The same, of what comes right before a commit alone.
    slow_commits: BTreeMap<String, Duration>,
    incidents: Vec<Incident>,
}

thread_local! {
    static DRAWS: RefCell<Draws> = RefCell::new(Draws::new(0, Disk::default()));
}

/// Draws from this seed from now on. The whole simulation runs on the thread that calls this.
pub fn begin(seed: u64, disk: Disk) {
    DRAWS.set(Draws::new(seed, disk));
}

/// Every step in the database of this file name takes up to `step` from now on, or as long as it should.
pub fn slow_down(database: &str, step: Option<Duration>) {
    DRAWS.with_borrow_mut(|draws| match step {
        Some(step) => draws.slow.insert(database.to_owned(), step),
        None => draws.slow.remove(database),
    });
}

/// Every commit in the database of this file name takes up to `step` more from now on, or as long as it should.
pub fn slow_commits_down(database: &str, step: Option<Duration>) {
    DRAWS.with_borrow_mut(|draws| match step {
        Some(step) => draws.slow_commits.insert(database.to_owned(), step),
        None => draws.slow_commits.remove(database),
    });
}

/// What has gone wrong with databases by chance so far.
pub fn incidents() -> Vec<Incident> {
    DRAWS.with_borrow(|draws| draws.incidents.clone())
}

/// A moment of simulated time around each step of a transaction.
pub(crate) async fn pause(database: &str) {
    sleep(DRAWS.with_borrow_mut(|draws| draws.pause(database))).await;
}

/// The same before a commit.
pub(crate) async fn pause_before_commit(database: &str) {
    pause(database).await;
    sleep(DRAWS.with_borrow_mut(|draws| draws.slow_commit(database))).await;
}

pub(crate) fn fate() -> Fate {
    DRAWS.with_borrow_mut(Draws::fate)
}

impl Draws {
    fn new(seed: u64, disk: Disk) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            disk,
            slow: BTreeMap::new(),
            slow_commits: BTreeMap::new(),
            incidents: Vec::new(),
        }
    }

    fn pause(&mut self, database: &str) -> Duration {
        let part = self.random.random_range(0.0..1.0);
        if self.goes_wrong(self.disk.slow) {
            return self.incident(self.disk.slowest.mul_f64(part));
        }
        self.slow.get(database).unwrap_or(&PAUSE).mul_f64(part)
    }

    fn slow_commit(&mut self, database: &str) -> Duration {
        let Some(step) = self.slow_commits.get(database) else { return Duration::ZERO };
        step.mul_f64(self.random.random_range(0.0..1.0))
    }

    fn fate(&mut self) -> Fate {
        let happens = self.random.random_bool(0.5);
        if !self.goes_wrong(self.disk.unknown) {
            return Fate::Told;
        }
        self.incident(Duration::ZERO);
        if happens { Fate::Untold } else { Fate::Lost }
    }

    fn goes_wrong(&mut self, of_ten_thousand: u32) -> bool {
        self.random.random_range(0..10_000) < of_ten_thousand && now() < self.disk.until
    }

    fn incident(&mut self, took: Duration) -> Duration {
        self.incidents.push(Incident { at: now(), took });
        took
    }
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
