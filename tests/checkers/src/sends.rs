//! G4: a send that begins after the revocation's call has returned, and before a grant has begun, never commits.
//!
//! A send that was under way may commit, at a node that was waited out. Where all nodes have confirmed, it has ended before the call returns.

use std::collections::{HashMap, HashSet};

use crate::history::{Author, History, Logged, Nanos, Outcome};
use crate::sightings::sightings;
use crate::switches::{Switches, Turns, off_at, off_from_to};
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each message of a person of which there is a proof that it was committed.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::Sends);
    let switches = Switches::of(history);
    let proofs = proofs(history);
    let stored: HashMap<&str, usize> = history.log.iter().enumerate().map(|(at, logged)| (logged.message.as_str(), at)).collect();
    let earliest = not_before(history);
    let nodes: HashSet<&str> = history.nodes.iter().map(|node| node.name.as_str()).collect();
    let mut known: HashMap<(&str, usize), Vec<&Turns>> = HashMap::new();
    for (at, send) in history.sends.iter().enumerate() {
        let Author::Person(person) = &send.author else { continue };
        let Some(&(committed, proof)) = proofs.get(send.message.as_str()) else { continue };
        let job = &history.threads[send.thread].job;
        let turns = known.entry((person, send.thread)).or_insert_with(|| switches.to_send(person, job));
        verdict.judged += 1;
        if let Some(change) = off_from_to(turns, send.invoked, committed) {
            verdict.find([Event::Send(at), Event::Change(change), proof]);
            continue;
        }
        // It stands behind what nobody had sent or seen yet when the call returned.
        if let Some(&(earliest, before)) = earliest.get(send.message.as_str())
            && let Some(change) = off_from_to(turns, earliest, committed)
            && history.changes[change].waited_out == 0
            && history.changes[change].confirmed as usize >= nodes.len().max(1)
        {
            verdict.find([Event::Send(at), Event::Change(change), before]);
            continue;
        }
        // Whenever it began: no view that had taken it from them can have permitted it.
        let logged = stored.get(send.message.as_str()).map(|&at| (at, history.log[at].access_revision));
        if let Some((logged, Some(revision))) = logged
            && let Some(change) = off_at(turns, revision)
        {
            verdict.find([Event::Send(at), Event::Change(change), Event::Logged(logged)]);
        }
    }
    verdict
}

/// When each message was committed at the earliest: after each one before it in its thread was sent, and after somebody asked who was
/// told that the thread had not come so far.
fn not_before(history: &History) -> HashMap<&str, (Nanos, Event)> {
    let sends: HashMap<&str, usize> = history.sends.iter().enumerate().map(|(at, send)| (send.message.as_str(), at)).collect();
    let sent = history.log.iter().filter_map(|logged| {
        let &send = sends.get(logged.message.as_str())?;
        Some(((logged.thread, logged.seq), history.sends[send].invoked, Event::Send(send)))
    });
    let heads = history.heads.iter().enumerate().map(|(at, head)| ((head.thread, head.seq), head.asked, Event::Head(at)));
    let mut bounds: Vec<_> = sent.chain(heads).collect();
    bounds.sort_unstable();
    // The latest of each and those before it in its thread.
    for at in 1..bounds.len() {
        let (((thread, _), time, event), latest) = (bounds[at - 1], &mut bounds[at]);
        if latest.0.0 == thread && latest.1 < time {
            (latest.1, latest.2) = (time, event);
        }
    }
    let bound = |logged: &Logged| {
        let behind = bounds.partition_point(|&(place, ..)| place < (logged.thread, logged.seq));
        let &((thread, _), time, event) = bounds.get(behind.checked_sub(1)?)?;
        (thread == logged.thread).then_some((time, event))
    };
    history.log.iter().filter_map(|logged| Some((logged.message.as_str(), bound(logged)?))).collect()
}

/// When each message was committed at the latest, and by which event.
fn proofs(history: &History) -> HashMap<&str, (Nanos, Event)> {
    let answers = history.sends.iter().enumerate().filter_map(|(at, send)| match send.outcome {
        Outcome::Ok { answered, .. } => Some((send.message.as_str(), answered, Event::Send(at))),
        Outcome::Refused { .. } | Outcome::Unknown => None,
    });
    let seen = sightings(history).map(|sighting| (sighting.message, sighting.received, sighting.event));
    let logged = history.log.iter().enumerate().map(|(at, logged)| (logged.message.as_str(), Nanos::MAX, Event::Logged(at)));
    let mut proofs: HashMap<&str, (Nanos, Event)> = HashMap::new();
    for (message, time, event) in answers.chain(seen).chain(logged) {
        let proof = proofs.entry(message).or_insert((time, event));
        if time < proof.0 {
            *proof = (time, event);
        }
    }
    proofs
}
