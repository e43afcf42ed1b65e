//! Which thread a customer's text belongs to: a pure function (choices A7 and A9). A text names a number and no job.

use std::time::Duration;

use crate::model::{Thread, ThreadId, ThreadState};

/// A thread of the number.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The thread.
    pub thread: Thread,
    /// A technician is dispatched to its job, or works on it.
    pub under_way: bool,
}

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Into this open thread.
    Thread(ThreadId),
    /// Into this closed one, which is opened again.
    Reopen(ThreadId),
    /// Into a new thread of the office alone.
    NewOfficeThread,
}

/// To the only open thread; else to the one with the newest text from a person; else to the only one whose job is under way; else to the
/// office. With none open: to the latest closed one, unless that is too long ago. `now` is in microseconds since 1970.
pub fn route(candidates: &[Candidate], now: i64, reopen_within: Duration) -> Route {
    let open: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.thread.state == ThreadState::Open).collect();
    match open.as_slice() {
        [] => reopened(candidates, now, reopen_within),
        [only] => Route::Thread(only.thread.id),
        several => last_texted(several)
            .or_else(|| only_under_way(several))
            .or_else(|| several.iter().find(|candidate| candidate.thread.job.is_none()).map(|office| office.thread.id))
            .map_or(Route::NewOfficeThread, Route::Thread),
    }
}

fn last_texted(open: &[&Candidate]) -> Option<ThreadId> {
    let texted = open.iter().filter(|candidate| candidate.thread.last_outbound_at > 0);
    texted.max_by_key(|candidate| candidate.thread.last_outbound_at).map(|candidate| candidate.thread.id)
}

/// With two under way, guessing would show one job's talk to another job's technician.
fn only_under_way(open: &[&Candidate]) -> Option<ThreadId> {
    let mut under_way = open.iter().filter(|candidate| candidate.under_way);
    under_way.next().filter(|_| under_way.next().is_none()).map(|candidate| candidate.thread.id)
}

fn reopened(closed: &[Candidate], now: i64, within: Duration) -> Route {
    let latest = closed.iter().max_by_key(|candidate| candidate.thread.closed_at);
    let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX);
    match latest {
        Some(latest) if now.saturating_sub(latest.thread.closed_at) < within => Route::Reopen(latest.thread.id),
        Some(_) | None => Route::NewOfficeThread,
    }
}

#[cfg(test)]
#[path = "routing_tests.rs"]
mod tests;
