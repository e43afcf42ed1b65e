use crewline_checkers::history::Outcome;
use crewline_checkers::{Event, ledger};

use crate::sample::{Sample, TINA};

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    ledger::judge(&sample.history).violations.into_iter().map(|violation| violation.events).collect()
}

#[test]
fn what_was_acknowledged_must_be_there_and_what_is_unknown_may_be() {
    let mut sample = Sample::new();
    sample.sent("a", TINA, 10, 11).refused("b", TINA, 12, 13).slipped_in("c", TINA, 14, Outcome::Unknown).got(0, "a", 12);
    assert!(found(&sample).is_empty());
    sample.history.log.pop();
    assert!(found(&sample).is_empty());
    sample.history.deliveries.clear();
    sample.history.log.clear();
    assert_eq!(found(&sample), [[Event::Send(0)]]);
}

#[test]
fn what_was_refused_must_not_be_there() {
    let mut sample = Sample::new();
    sample.slipped_in("a", TINA, 10, Outcome::Refused { answered: 11 });
    assert_eq!(found(&sample), [[Event::Logged(0), Event::Send(0)]]);
}

#[test]
fn what_nobody_sent_and_what_came_and_is_gone_is_found() {
    let mut sample = Sample::new();
    sample.text("a", 10).got(0, "a", 11);
    sample.history.sends.clear();
    assert_eq!(found(&sample), [[Event::Logged(0)]]);
    let mut sample = Sample::new();
    sample.text("a", 10).got_at(0, 2, "ghost", 11);
    sample.saw(TINA, &["a", "shade"], 12, 13);
    assert_eq!(found(&sample), [[Event::Delivery(0)], [Event::Read(0)]]);
}
