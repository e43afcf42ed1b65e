//! What was acknowledged is there in the end, what was refused is not, and nothing that nobody sent.

use std::collections::{HashMap, HashSet};

use crate::history::{History, Outcome};
use crate::sightings::sightings;
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each send, each message in the log, and each sighting.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::Ledger);
    let logged: HashMap<&str, usize> = history.log.iter().enumerate().map(|(at, logged)| (logged.message.as_str(), at)).collect();
    let sent: HashSet<&str> = history.sends.iter().map(|send| send.message.as_str()).collect();
    for (at, send) in history.sends.iter().enumerate() {
        verdict.judged += 1;
        match (send.outcome, logged.get(send.message.as_str())) {
            (Outcome::Ok { .. }, None) => verdict.find([Event::Send(at)]),
            (Outcome::Refused { .. }, Some(&logged)) => verdict.find([Event::Logged(logged), Event::Send(at)]),
            _ => {}
        }
    }
    for (at, message) in history.log.iter().enumerate() {
        if !sent.contains(message.message.as_str()) {
            verdict.find([Event::Logged(at)]);
        }
    }
    for sighting in sightings(history) {
        if !logged.contains_key(sighting.message) {
            verdict.find([sighting.event]);
        }
    }
    verdict
}
