use crewline_checkers::history::{Nanos, Node};
use crewline_checkers::judge;

use crate::sample::{Sample, TINA, applied, at, handed, view};

/// Messages; twice as many changes; ten watchers, two of whom are revoked half of the time.
const MESSAGES: u64 = 20_000;

#[test]
fn a_long_history_is_judged_without_looking_at_everything_for_everything() {
    let mut sample = Sample::new();
    let mut streams: Vec<_> = (0..8).map(|number| sample.follows(&format!("p{number}"), 0)).collect();
    streams.push(0);
    let mut records = Vec::new();
    for number in 0..MESSAGES {
        let (now, name) = (number * 100, format!("m{number}"));
        sample.off(view(TINA), (now, now + 10), 2 * number + 1);
        records.push(at(now + 5, applied(2 * number + 1)));
        sample.text(&name, now + 20).on(view(TINA), (now + 30, now + 31), 2 * number + 2);
        records.push(at(now + 31, applied(2 * number + 2)));
        for &stream in &streams {
            sample.got_at(stream, number + 1, &name, now + 40);
        }
        records.push(at(now + 40, handed(TINA, 2 * number + 2)));
    }
    sample.history.nodes.push(Node { name: "node".into(), records, frozen: Vec::new() });
    let verdicts = judge(&sample.history, 50);
    for verdict in &verdicts {
        assert!(verdict.violations.is_empty(), "{:?}", verdict.violations[0]);
    }
    let judged: usize = verdicts.iter().map(|verdict| verdict.judged).sum();
    assert!(judged > 600_000, "{judged}");
    let late: Nanos = 45;
    assert!(!judge(&sample.history, late - 30).iter().all(|verdict| verdict.violations.is_empty()));
}
