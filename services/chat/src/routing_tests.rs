//! The routing of customers' texts, case by case.

use uuid::Uuid;

use super::*;
use crate::model::JobId;

const NOW: i64 = 1_000_000_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
const THIRTY_DAYS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn open(number: u128, job: Option<&str>) -> Candidate {
    let thread = Thread { job: job.map(JobId::trusted), ..Thread::untouched(ThreadId(Uuid::from_u128(number))) };
    Candidate { thread, under_way: false }
}

fn texted(number: u128, job: Option<&str>, at: i64) -> Candidate {
    let mut candidate = open(number, job);
    candidate.thread.last_outbound_at = at;
    candidate
}

fn under_way(number: u128, job: &str) -> Candidate {
    Candidate { under_way: true, ..open(number, Some(job)) }
}

fn closed(number: u128, days_ago: i64) -> Candidate {
    let mut candidate = open(number, Some("a"));
    candidate.thread.state = ThreadState::Closed;
    candidate.thread.closed_at = NOW - days_ago * DAY;
    candidate
}

#[test]
fn a_text_goes_where_it_most_probably_belongs_else_to_the_office() {
    let to = |number| Route::Thread(ThreadId(Uuid::from_u128(number)));
    let again = |number| Route::Reopen(ThreadId(Uuid::from_u128(number)));
    let cases = [
        ("an unknown number", vec![], Route::NewOfficeThread),
        ("the only open one", vec![open(1, Some("a"))], to(1)),
        ("the only open one, of the office", vec![open(1, None)], to(1)),
        ("the only open one, though a closed one is newer", vec![open(1, Some("a")), closed(2, 0)], to(1)),
        ("texted last", vec![texted(1, Some("a"), 5), texted(2, Some("b"), 9), open(3, Some("c"))], to(2)),
        ("texted beats under way", vec![texted(1, Some("a"), 5), under_way(2, "b")], to(1)),
        ("the office texted last", vec![texted(1, Some("a"), 5), texted(2, None, 9)], to(2)),
        ("under way", vec![open(1, Some("a")), under_way(2, "b"), open(3, None)], to(2)),
        ("two under way: the office", vec![under_way(1, "a"), under_way(2, "b"), open(3, None)], to(3)),
        ("two under way, no office thread", vec![under_way(1, "a"), under_way(2, "b")], Route::NewOfficeThread),
        ("nothing to go by", vec![open(1, Some("a")), open(2, Some("b"))], Route::NewOfficeThread),
        ("nothing to go by, an office thread", vec![open(1, Some("a")), open(2, None)], to(2)),
        ("closed yesterday", vec![closed(1, 1)], again(1)),
        ("the latest closed", vec![closed(1, 9), closed(2, 3)], again(2)),
        ("closed 29 days ago", vec![closed(1, 29)], again(1)),
        ("closed 30 days ago", vec![closed(1, 30)], Route::NewOfficeThread),
    ];
    for (case, candidates, expected) in cases {
        assert_eq!(route(&candidates, NOW, THIRTY_DAYS), expected, "{case}");
    }
}
