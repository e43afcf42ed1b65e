//! Makes go wrong what the plan says, between two ticks.

use std::time::Duration;

use turmoil::Sim;

use crate::book::{Book, Pages};
use crate::hosts::database_file;
use crate::plan::{CALM, END, Fault, Plan, Trouble};

/// The faults, and how far each is.
pub struct Troubles {
    all: Vec<(Fault, State)>,
    latency: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    Since(Duration),
    Over { since: Duration, until: Duration },
}

impl Troubles {
    /// Those of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self { all: plan.faults.iter().map(|fault| (fault.clone(), State::Waits)).collect(), latency: plan.latency }
    }

    /// Begins and ends what is due.
    pub fn step(&mut self, sim: &mut Sim<'_>, book: &Book) {
        let now = sim.elapsed();
        for (fault, state) in &mut self.all {
            match *state {
                State::Waits if now >= fault.at && fault.what.is_ripe(now - fault.at, book) => {
                    fault.what.begin(sim, &mut book.open());
                    *state = State::Since(now);
                }
                State::Since(since) if now >= since + fault.lasts || now >= CALM => {
                    book.open().note(&format!("{:?} is over", fault.what));
                    fault.what.end(sim, self.latency);
                    *state = State::Over { since, until: now };
                }
                _ => {}
            }
        }
    }

    /// When something was wrong.
    pub fn windows(&self) -> Vec<(Duration, Duration)> {
        let over = |(_, state): &(Fault, State)| match *state {
            State::Over { since, until } => Some((since, until)),
            State::Since(since) => Some((since, END)),
            State::Waits => None,
        };
        self.all.iter().filter_map(over).collect()
    }
}

impl Trouble {
    /// Whether it may begin after having waited for its moment for so long.
    fn is_ripe(&self, waited: Duration, book: &Book) -> bool {
        match self {
            Self::CrashInRevocation(_) => waited > Duration::from_secs(1) || book.open().is_revoking(),
            // So that the answer is the first that comes late.
            Self::Late(_, node, _) => waited > Duration::from_secs(1) || book.open().has_just_renewed(node),
            _ => true,
        }
    }

    fn begin(&self, sim: &mut Sim<'_>, book: &mut Pages) {
        book.note(&format!("{self:?}"));
        match self {
            Self::Partition(here, there) => {
                book.coverage.partitions += 1;
                sim.partition(here.as_str(), there.as_str());
            }
            Self::OneWay(from, to) => {
                book.coverage.partitions += 1;
                sim.partition_oneway(from.as_str(), to.as_str());
            }
            Self::Hold(here, there) => {
                book.coverage.held += 1;
                sim.hold(here.as_str(), there.as_str());
            }
            Self::Slow(here, there, latency) => {
                book.coverage.slow += 1;
                sim.set_link_max_message_latency(here.as_str(), there.as_str(), *latency);
            }
            Self::Late(here, there, latency) => {
                book.coverage.slow += 1;
                sim.set_link_latency(here.as_str(), there.as_str(), *latency);
            }
            Self::SlowDisk(host, step) => {
                book.coverage.slow_disks += 1;
                chassis::simulation::slow_down(&database_file(host), Some(*step));
            }
            Self::Crash(host) | Self::CrashInRevocation(host) => {
                book.coverage.crashes += 1;
                book.coverage.crashes_in_revocation += u64::from(book.is_revoking());
                sim.crash(host.as_str());
            }
        }
    }

    fn end(&self, sim: &mut Sim<'_>, latency: Duration) {
        match self {
            Self::Partition(here, there) => sim.repair(here.as_str(), there.as_str()),
            Self::OneWay(from, to) => sim.repair_oneway(from.as_str(), to.as_str()),
            Self::Hold(here, there) => sim.release(here.as_str(), there.as_str()),
            Self::Slow(here, there, _) => sim.set_link_max_message_latency(here.as_str(), there.as_str(), latency),
            Self::Late(here, there, _) => sim.set_link_latency(here.as_str(), there.as_str(), latency),
            Self::SlowDisk(host, _) => chassis::simulation::slow_down(&database_file(host), None),
            Self::Crash(host) | Self::CrashInRevocation(host) => sim.bounce(host.as_str()),
        }
    }
}
