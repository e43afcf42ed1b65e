//! Who is allowed all the while, and not in a time of faults, gets each message within a bound, and can send within it.

use std::collections::HashMap;

use crate::history::{Author, History, Nanos, Outcome};
use crate::switches::{Switches, doubtful};
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each acknowledged message for each subscription to its thread that was there all the while, and at each send of one who was
/// allowed all the while. A grant takes up to `bound` to be known to the nodes.
pub fn judge(history: &History, bound: Nanos) -> Verdict {
    let mut verdict = Verdict::new(Rule::Liveness);
    let switches = Switches::of(history);
    let faults: Vec<_> = history.faults.iter().map(|fault| (fault.from, fault.to)).collect();
    let mut received: HashMap<(usize, &str), Nanos> = HashMap::new();
    for delivery in &history.deliveries {
        let subscription = history.streams[delivery.stream].subscription;
        received.entry((subscription, delivery.message.as_str())).or_insert(delivery.received);
    }
    let mut sent: HashMap<usize, Vec<(Nanos, usize)>> = HashMap::new();
    for (at, send) in history.sends.iter().enumerate().filter(|(_, send)| matches!(send.outcome, Outcome::Ok { .. })) {
        sent.entry(send.thread).or_default().push((send.invoked, at));
    }
    sent.values_mut().for_each(|sent| sent.sort_unstable());
    for (watcher, subscription) in history.subscriptions.iter().enumerate() {
        let turns = switches.to_see(&subscription.person, Some(&history.threads[subscription.thread].job));
        let doubts = Times::of(faults.iter().copied().chain(doubtful(history, &turns, bound)));
        let sent = sent.get(&subscription.thread).map_or(&[][..], Vec::as_slice);
        let first = sent.partition_point(|&(invoked, _)| invoked < subscription.since);
        for &(invoked, send) in &sent[first..] {
            let due = invoked.saturating_add(bound);
            if due > subscription.until {
                break;
            }
            if doubts.meet(invoked, due) {
                continue;
            }
            verdict.judged += 1;
            let message = history.sends[send].message.as_str();
            if received.get(&(watcher, message)).is_none_or(|&time| time > due) {
                verdict.find([Event::Subscription(watcher), Event::Send(send)]);
            }
        }
    }
    let mut writers: HashMap<(Option<&str>, usize), Times> = HashMap::new();
    for (at, send) in history.sends.iter().enumerate() {
        let (from, to) = (send.invoked, send.invoked.saturating_add(bound));
        let person = match &send.author {
            Author::Person(person) => Some(person.as_str()),
            Author::Customer => None,
        };
        let doubts = writers.entry((person, send.thread)).or_insert_with(|| {
            let turns = person.map(|person| switches.to_send(person, &history.threads[send.thread].job)).unwrap_or_default();
            Times::of(faults.iter().copied().chain(doubtful(history, &turns, bound)))
        });
        if !doubts.meet(from, to) {
            verdict.judged += 1;
            if !matches!(send.outcome, Outcome::Ok { answered, .. } if answered <= to) {
                verdict.find([Event::Send(at)]);
            }
        }
    }
    verdict
}

/// Spans of time, sorted and apart.
struct Times(Vec<(Nanos, Nanos)>);

impl Times {
    fn of(spans: impl Iterator<Item = (Nanos, Nanos)>) -> Self {
        let mut spans: Vec<_> = spans.collect();
        spans.sort_unstable();
        let mut apart: Vec<(Nanos, Nanos)> = Vec::new();
        for (from, to) in spans {
            match apart.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => apart.push((from, to)),
            }
        }
        Self(apart)
    }

    /// Whether one of them has an instant in common with this one.
    fn meet(&self, from: Nanos, to: Nanos) -> bool {
        let first = self.0.partition_point(|&(_, end)| end < from);
        self.0.get(first).is_some_and(|&(begin, _)| begin <= to)
    }
}
