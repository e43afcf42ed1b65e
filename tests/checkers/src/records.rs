//! G3, on what the nodes recorded: after a node's "applied" it hands nothing to whom that took the access from, and no node does after
//! the call has returned.

use std::collections::{HashMap, HashSet};

use crate::history::{History, Nanos, Node, Person, Recorded};
use crate::switches::{Switches, Turns, off_at, off_from_to};
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each record of something handed.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::Records);
    let switches = Switches::of(history);
    let mut known: HashMap<(&str, Option<&str>), Vec<&Turns>> = HashMap::new();
    for (number, node) in history.nodes.iter().enumerate() {
        let mut applied = None;
        let mut excuses = Excuses { node, used: HashSet::new() };
        for (at, record) in node.records.iter().enumerate() {
            let (person, job, view) = match &record.what {
                Recorded::Applied(revision) => {
                    if applied.is_none_or(|(newest, _)| *revision > newest) {
                        applied = Some((*revision, at));
                    }
                    continue;
                }
                Recorded::Handed { person, job, view } => (person, job.as_deref(), *view),
            };
            let turns = known.entry((person.as_str(), job)).or_insert_with(|| switches.to_see(person, job));
            verdict.judged += 1;
            let this = Event::Record(number, at);
            // What a newer view gave back may be handed before that view is "applied"; what an older one took may not.
            let newest = view.max(applied.map_or(0, |(revision, _)| revision));
            if let Some(change) = off_at(turns, newest) {
                let applied = applied.map(|(_, at)| Event::Record(number, at));
                verdict.find([this, Event::Change(change)].into_iter().chain(applied).collect::<Vec<_>>());
            } else if let Some(change) = record.at.and_then(|now| off_from_to(turns, now, now))
                && !excuses.excuse(person, history.changes[change].returned)
            {
                verdict.find([this, Event::Change(change)]);
            }
        }
    }
    verdict
}

/// A process that stands still between the judgement and the hand-over releases that one frame when it goes on.
struct Excuses<'a> {
    node: &'a Node,
    used: HashSet<(&'a Person, usize)>,
}

impl<'a> Excuses<'a> {
    /// Whether this is the first frame of the person that a stop which the revocation met can explain.
    fn excuse(&mut self, person: &'a Person, returned: Option<Nanos>) -> bool {
        let Some(returned) = returned else { return false };
        let stop = self.node.frozen.iter().position(|stop| stop.from <= returned && returned < stop.to);
        stop.is_some_and(|stop| self.used.insert((person, stop)))
    }
}
