//! Nothing comes twice on one subscription, and no send made two messages.

use std::collections::HashMap;

use crate::history::{History, Outcome};
use crate::verdict::{Event, Rule, Verdict};

/// Looks at each delivery, and at each place in a thread where a message is said to be.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::new(Rule::Doubles);
    let mut came: HashMap<(usize, &str), usize> = HashMap::new();
    let mut places: HashMap<&str, (usize, u64, Event)> = HashMap::new();
    for (at, delivery) in history.deliveries.iter().enumerate() {
        verdict.judged += 1;
        let subscription = history.streams[delivery.stream].subscription;
        if let Some(before) = came.insert((subscription, delivery.message.as_str()), at) {
            verdict.find([Event::Delivery(at), Event::Delivery(before)]);
        }
    }
    let sent = history.sends.iter().enumerate().filter_map(|(at, send)| match send.outcome {
        Outcome::Ok { seq, .. } => Some((send.message.as_str(), send.thread, seq, Event::Send(at))),
        Outcome::Refused { .. } | Outcome::Unknown => None,
    });
    let logged = history
        .log
        .iter()
        .enumerate()
        .map(|(at, logged)| (logged.message.as_str(), logged.thread, logged.seq, Event::Logged(at)));
    let delivered = history.deliveries.iter().enumerate().map(|(at, delivery)| {
        let thread = history.subscriptions[history.streams[delivery.stream].subscription].thread;
        (delivery.message.as_str(), thread, delivery.seq, Event::Delivery(at))
    });
    for (message, thread, seq, event) in sent.chain(logged).chain(delivered) {
        let (first_thread, first_seq, first) = *places.entry(message).or_insert((thread, seq, event));
        if (first_thread, first_seq) != (thread, seq) {
            verdict.find([event, first]);
        }
    }
    verdict
}
