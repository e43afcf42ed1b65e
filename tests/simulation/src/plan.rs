//! What a seed stands for: how many nodes there are, how well their clocks and databases do, and what goes wrong when.

use std::time::Duration;

use chassis::simulation::Disk;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use strum::VariantArray;

use crate::scripts::Script;

/// The tenant is made and everybody has begun by then.
pub const CHURN: Duration = Duration::from_secs(2);
/// From here on nothing goes wrong any more, and everybody is given back what was taken.
pub const CALM: Duration = Duration::from_millis(9_500);
/// What is sent from here on finds everybody back.
pub const LAST_TEXTS: Duration = Duration::from_millis(13_000);
/// The books are closed.
pub const END: Duration = Duration::from_secs(15);

/// How far a clock may be off, in parts per million. Of a lease of 2 s a tenth and 50 ms are margin: two clocks that are off as far as
/// that, one ahead and one behind, use up nine tenths of it.
const DRIFT: u32 = 55_000;
/// One seed in so many.
const SCRIPTED: u64 = 8;

/// Everything that is drawn before the simulation begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Nodes of the chat service, each with its own database.
    pub nodes: usize,
    /// The databases.
    pub disk: Disk,
    /// The longest that a message is under way while nothing is wrong.
    pub latency: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Texts of customers are so long that a stream cannot hand out many at once.
    pub long_texts: bool,
    /// How long the nodes' tokens are good for. Each names other tenants than the one before, so that the view begins anew.
    pub tokens: Option<Duration>,
    /// The mean pause of everybody who does something now and then.
    pub pause: Duration,
    /// What is brought about on purpose, in the place of what is left to chance.
    pub script: Option<Script>,
}

/// Something goes wrong for a while.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What.
    pub what: Trouble,
}

/// What can go wrong.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// What is sent between two hosts is lost.
    Partition(String, String),
    /// What is sent from one host to another is lost.
    OneWay(String, String),
    /// What is sent between two hosts waits until the end.
    Hold(String, String),
    /// What is sent between two hosts takes up to this long.
    Slow(String, String, Duration),
    /// What is sent between two hosts takes this long.
    Late(String, String, Duration),
    /// Every step in a host's database takes up to so long.
    SlowDisk(String, Duration),
    /// A host is killed, and starts again at the end.
    Crash(String),
    /// The same, in the middle of a revocation if there is one in time.
    CrashInRevocation(String),
}

/// The name of a node's host.
pub fn node(number: usize) -> String {
    format!("chat-{number}")
}

impl Plan {
    /// What this seed stands for: each eighth one for a script, one after the other.
    pub fn of(seed: u64) -> Self {
        let turn = usize::try_from(seed / SCRIPTED).unwrap_or_default();
        if seed.is_multiple_of(SCRIPTED) {
            Self::of_script(seed, Script::VARIANTS[turn % Script::VARIANTS.len()])
        } else {
            Self::of_chance(seed)
        }
    }

    /// What this seed stands for in a script: one node, and nothing goes wrong but what is in it.
    pub fn of_script(seed: u64, script: Script) -> Self {
        Self {
            seed,
            nodes: 1,
            disk: Disk::default(),
            latency: Duration::from_millis(10),
            faults: script.faults(),
            long_texts: script == Script::StalledReaders,
            tokens: (script == Script::NewSnapshot).then(|| Duration::from_secs(3)),
            pause: Duration::from_millis(150),
            script: Some(script),
        }
    }

    fn of_chance(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let nodes = if dice.random_bool(0.4) { 2 } else { 1 };
        let disk = match dice.random_range(0..8) {
            0 | 1 => Disk { slow: 10, slowest: Duration::from_millis(2_500), unknown: 0, until: CALM },
            2 | 3 => Disk { slow: 5, slowest: Duration::from_millis(1_000), unknown: 150, until: CALM },
            4 => Disk { slow: 40, slowest: Duration::from_millis(4_000), unknown: 0, until: CALM },
            _ => Disk::default(),
        };
        let latency = Duration::from_millis(*[3, 10, 10, 40].choose(&mut dice).unwrap_or(&10));
        let pause = Duration::from_millis(dice.random_range(200..700));
        let long_texts = dice.random_bool(0.2);
        let tokens = dice.random_bool(0.15).then(|| Duration::from_millis(dice.random_range(4_500..7_000)));
        let mut faults = Vec::new();
        if !dice.random_bool(0.1) {
            for number in 0..nodes {
                between(&mut faults, &mut dice, "permissions", &node(number));
                if dice.random_bool(if long_texts { 0.8 } else { 0.3 }) {
                    delays(&mut faults, &mut dice, "phones", &node(number));
                }
                if dice.random_bool(0.25) {
                    disk_trouble(&mut faults, &mut dice, &node(number));
                }
                if dice.random_bool(0.4) {
                    crashes(&mut faults, &mut dice, &node(number));
                }
            }
            if dice.random_bool(0.5) {
                crashes(&mut faults, &mut dice, "permissions");
            }
            if dice.random_bool(0.3) {
                disk_trouble(&mut faults, &mut dice, "permissions");
            }
            if dice.random_bool(0.2) {
                delays(&mut faults, &mut dice, "office", "permissions");
            }
        }
        Self { seed, nodes, disk, latency, faults, long_texts, tokens, pause, script: None }
    }

    /// A source of draws of its own for each who draws, so that one who draws more changes nothing for the others.
    pub fn dice(&self, whose: &str) -> StdRng {
        let name =
            whose.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
        StdRng::seed_from_u64(self.seed ^ name)
    }

    /// How fast a host's clock runs, in parts per million.
    pub fn rate(&self, host: &str) -> u32 {
        let mut dice = self.dice(&format!("clock of {host}"));
        let (slowest, fastest) = (1_000_000 - DRIFT, 1_000_000 + DRIFT);
        if let Some(script) = self.script {
            return match (script, host) {
                (Script::NewSnapshot, _) => 1_000_000,
                (_, "permissions") => fastest,
                _ => slowest,
            };
        }
        match dice.random_range(0..3) {
            0 => slowest,
            1 => fastest,
            _ => dice.random_range(slowest..=fastest),
        }
    }
}

fn between(faults: &mut Vec<Fault>, dice: &mut StdRng, here: &str, there: &str) {
    one_after_the_other(faults, dice, |dice| {
        let (here, there) = (here.to_owned(), there.to_owned());
        match dice.random_range(0..7) {
            0 => Trouble::Partition(here, there),
            1 => Trouble::OneWay(here, there),
            2 => Trouble::OneWay(there, here),
            3 | 4 => Trouble::Hold(here, there),
            _ => Trouble::Slow(here, there, Duration::from_millis(dice.random_range(50..900))),
        }
    });
}

fn delays(faults: &mut Vec<Fault>, dice: &mut StdRng, here: &str, there: &str) {
    one_after_the_other(faults, dice, |dice| {
        let (here, there) = (here.to_owned(), there.to_owned());
        if dice.random_bool(0.5) {
            Trouble::Hold(here, there)
        } else {
            Trouble::Slow(here, there, Duration::from_millis(dice.random_range(50..500)))
        }
    });
}

fn disk_trouble(faults: &mut Vec<Fault>, dice: &mut StdRng, host: &str) {
    one_after_the_other(faults, dice, |dice| {
        Trouble::SlowDisk(host.to_owned(), Duration::from_millis(dice.random_range(40..700)))
    });
}

fn crashes(faults: &mut Vec<Fault>, dice: &mut StdRng, host: &str) {
    one_after_the_other(faults, dice, |dice| {
        if dice.random_bool(0.5) { Trouble::Crash(host.to_owned()) } else { Trouble::CrashInRevocation(host.to_owned()) }
    });
}

/// What happens to one host or link does not overlap.
fn one_after_the_other(faults: &mut Vec<Fault>, dice: &mut StdRng, mut draw: impl FnMut(&mut StdRng) -> Trouble) {
    let mut at = CHURN + Duration::from_millis(dice.random_range(0..3_000));
    loop {
        let lasts =
            Duration::from_millis(if dice.random_bool(0.5) { dice.random_range(20..600) } else { dice.random_range(600..4_000) });
        if at + lasts > CALM {
            return;
        }
        faults.push(Fault { at, lasts, what: draw(dice) });
        // Often one leads to the next: what was delayed is cut off, what was cut off is delayed.
        at += lasts
            + Duration::from_millis(if dice.random_bool(0.5) {
                dice.random_range(0..100)
            } else {
                dice.random_range(100..4_000)
            });
    }
}
