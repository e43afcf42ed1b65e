//! Judges of a history: what clients saw and nodes recorded, against what was promised.
//!
//! A test records a [`History`] on one monotonic clock, and hands it to the judges when all is over. Each judge is a pure function, in
//! time linear in the history but for sorting and searching in what was sorted. They find only what is wrong for sure: where the history
//! leaves open what came first, they side with the accused. So each tells, too, how much it could judge: a history in
//! which nothing happens breaks no rule, and a test asserts that something did.
//!
//! | judge | rule |
//! |---|---|
//! | [`real_time`] | G1: what was sent after a revocation's call had returned is not handed to the one revoked |
//! | [`commit_order`] | G2: nor what was committed after it, by the revisions that are stored with the events |
//! | [`records`] | G3: a node hands nothing to whom its "applied", or the returned call, took the access from |
//! | [`asking`] | G3 as clients see it: who asks after the call has returned is told nothing, old or new |
//! | [`sends`] | G4: a send that begins after the call has returned never commits |
//! | [`gaps`], [`doubles`], [`ledger`] | no hole, no other order, nothing twice, nothing acknowledged that is lost |
//! | [`liveness`] | who is allowed all the while gets everything, and can send: denying everybody is no way out |

pub mod asking;
pub mod commit_order;
pub mod doubles;
pub mod gaps;
pub mod history;
pub mod ledger;
pub mod liveness;
pub mod real_time;
pub mod records;
pub mod sends;
mod sightings;
mod switches;
pub mod verdict;

pub use history::History;
pub use verdict::{Event, Rule, Verdict, Violation};

/// What all judges say together. `bound` is the time within which an allowed technician has to get a message, in nanoseconds.
pub fn judge(history: &History, bound: u64) -> Vec<Verdict> {
    vec![
        real_time::judge(history),
        commit_order::judge(history),
        records::judge(history),
        asking::judge(history),
        sends::judge(history),
        gaps::judge(history),
        doubles::judge(history),
        ledger::judge(history),
        liveness::judge(history, bound),
    ]
}
