//! G1: if a revocation's call had returned before a message's send began, the message is never handed to the one revoked.

use std::collections::HashMap;

use crate::history::History;
use crate::sightings::{Views, sightings};
use crate::switches::{Switches, off_from_to};
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each sighting of a message whose send is known.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::RealTime);
    let switches = Switches::of(history);
    let sends: HashMap<&str, usize> = history.sends.iter().enumerate().map(|(at, send)| (send.message.as_str(), at)).collect();
    let views = Views::of(history, &switches);
    for sighting in sightings(history) {
        let Some(&send) = sends.get(sighting.message) else { continue };
        verdict.judged += 1;
        let turns = views.of_viewer(sighting.viewer);
        if let Some(change) = off_from_to(turns, history.sends[send].invoked, sighting.received) {
            verdict.find([sighting.event, Event::Send(send), Event::Change(change)]);
        }
    }
    verdict
}
