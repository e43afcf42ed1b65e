//! What a process costs: memory, the processor's time, descriptors; as Linux tells it.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// In which `/proc` counts the processor's time.
const TICK: Duration = Duration::from_millis(10);

/// Memory of the process that no file backs.
pub fn anonymous_kib(process: u32) -> u64 {
    status_kib(process, "RssAnon:")
}

/// All memory of the process that is in use.
pub fn resident_kib(process: u32) -> u64 {
    status_kib(process, "VmRSS:")
}

/// The most memory that was in use at any time.
pub fn peak_kib(process: u32) -> u64 {
    status_kib(process, "VmHWM:")
}

fn status_kib(process: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a live process");
    let line = status.lines().find(|line| line.starts_with(field)).expect(field);
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// The time that the processor has spent on the process.
pub fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a live process");
    // The name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("a number"));
    TICK * ticks.sum()
}

/// Lets the process open so many descriptors more.
pub fn leave_descriptors(process: u32, more: usize) {
    let open = fs::read_dir(format!("/proc/{process}/fd")).expect("a live process").count();
    let current = u64::try_from(open + more).ok();
    let process = Pid::from_raw(i32::try_from(process).expect("small"));
    prlimit(process, Resource::Nofile, Rlimit { current, ..getrlimit(Resource::Nofile) }).expect("a limit");
}
