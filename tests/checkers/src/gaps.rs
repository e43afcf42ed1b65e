//! Everybody of one audience sees the same messages of a thread in the same order, on however many streams, without a hole.

use std::collections::{BTreeSet, HashMap};

use crate::history::History;
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each delivery, as the one after that before it.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::Gaps);
    let places = Places::of(history, &mut verdict);
    let mut newest: HashMap<usize, (u64, Option<usize>)> = HashMap::new();
    for (at, delivery) in history.deliveries.iter().enumerate() {
        let number = history.streams[delivery.stream].subscription;
        let subscription = &history.subscriptions[number];
        let place = |seq| places.of_seq(history.office.contains(&subscription.person), subscription.thread, seq);
        let (before, previous) = newest.insert(number, (delivery.seq, Some(at))).unwrap_or((subscription.after_seq, None));
        verdict.judged += 1;
        // A repetition is for the judge of doubles, and where it goes on is a place like any other.
        if delivery.seq != before && place(delivery.seq) != place(before) + 1 {
            let previous = previous.map_or(Event::Subscription(number), Event::Delivery);
            verdict.find([Event::Delivery(at), previous]);
        }
    }
    verdict
}

/// The order of all that anybody of an audience saw of a thread.
struct Places {
    seqs: HashMap<(bool, usize), Vec<u64>>,
}

impl Places {
    fn of(history: &History, verdict: &mut Verdict) -> Self {
        let mut seen: HashMap<(bool, usize), BTreeSet<u64>> = HashMap::new();
        let mut messages: HashMap<(usize, u64), (&str, Event)> = HashMap::new();
        let mut agree = |thread, seq, message, event| {
            let (first, before) = *messages.entry((thread, seq)).or_insert((message, event));
            if first != message {
                verdict.find([event, before]);
            }
        };
        for (at, logged) in history.log.iter().enumerate() {
            agree(logged.thread, logged.seq, logged.message.as_str(), Event::Logged(at));
            for office in [false, true] {
                seen.entry((office, logged.thread)).or_default().insert(logged.seq);
            }
        }
        for (at, delivery) in history.deliveries.iter().enumerate() {
            let subscription = &history.subscriptions[history.streams[delivery.stream].subscription];
            agree(subscription.thread, delivery.seq, delivery.message.as_str(), Event::Delivery(at));
            let office = history.office.contains(&subscription.person);
            seen.entry((office, subscription.thread)).or_default().insert(delivery.seq);
        }
        Self { seqs: seen.into_iter().map(|(of, seqs)| (of, seqs.into_iter().collect())).collect() }
    }

    /// How many came up to this number.
    fn of_seq(&self, office: bool, thread: usize, seq: u64) -> usize {
        self.seqs.get(&(office, thread)).map_or(0, |seqs| seqs.partition_point(|&seen| seen <= seq))
    }
}
