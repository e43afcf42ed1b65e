//! G2: what was committed after a revocation is never handed to the one revoked, by the revisions that are stored with the events.
//!
//! A message that a view of revision r or later permitted was committed after the revocation of r was applied there. So it holds where the
//! streams of a thread and the sends into it have one node, or the same view: a second node may hand it out until the revocation is in force.

use std::collections::HashMap;

use crate::history::History;
use crate::sightings::{Views, sightings};
use crate::switches::{Switches, off_since};
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each sighting of a message that is stored with a revision.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::CommitOrder);
    let switches = Switches::of(history);
    let stored: HashMap<&str, (usize, u64)> = history
        .log
        .iter()
        .enumerate()
        .filter_map(|(at, logged)| Some((logged.message.as_str(), (at, logged.access_revision?))))
        .collect();
    let views = Views::of(history, &switches);
    for sighting in sightings(history) {
        let Some(&(logged, revision)) = stored.get(sighting.message) else { continue };
        verdict.judged += 1;
        if let Some(change) = off_since(views.of_viewer(sighting.viewer), revision, sighting.received) {
            verdict.find([sighting.event, Event::Logged(logged), Event::Change(change)]);
        }
    }
    verdict
}
