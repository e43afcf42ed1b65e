use crewline_checkers::history::{Outcome, Switch};
use crewline_checkers::{Event, liveness};

use crate::sample::{JOB, Sample, TINA, view};

const BOUND: u64 = 10;

/// How much was judged, and what was found.
fn judged(sample: &Sample) -> (usize, Vec<Vec<Event>>) {
    let verdict = liveness::judge(&sample.history, BOUND);
    (verdict.judged, verdict.violations.into_iter().map(|violation| violation.events).collect())
}

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    judged(sample).1
}

const MISSED: [[Event; 2]; 1] = [[Event::Subscription(0), Event::Send(0)]];

#[test]
fn who_is_allowed_all_the_while_has_to_get_it_within_the_bound() {
    for (received, late) in [(Some(110), false), (Some(111), true), (None, true)] {
        let mut sample = Sample::new();
        sample.text("m", 100);
        if let Some(received) = received {
            sample.got(0, "m", received);
        }
        // The watcher, and the customer, who must be heard.
        assert_eq!(judged(&sample), (2, if late { MISSED.map(Vec::from).to_vec() } else { Vec::new() }), "{received:?}");
    }
}

#[test]
fn denying_everybody_is_found() {
    let mut sample = Sample::new();
    sample.follows("theo", 0);
    sample.text("a", 100).text("b", 200).refused("c", TINA, 300, 301);
    assert_eq!(found(&sample).len(), 5);
}

#[test]
fn who_loses_it_meanwhile_need_not_get_it() {
    // A revocation that begins before the bound is over, one that is not undone, and one that is undone too late.
    for (revoked, granted) in [((110, 120), None), ((10, 20), None), ((10, 20), Some((50, 91)))] {
        let mut sample = Sample::new();
        sample.text("m", 100).off(view(TINA), revoked, 7);
        if let Some(granted) = granted {
            sample.on(view(TINA), granted, 8);
        }
        assert!(found(&sample).is_empty(), "{revoked:?} {granted:?}");
    }
}

#[test]
fn who_has_it_back_or_loses_it_later_or_loses_something_else_has_to_get_it() {
    let mut sample = Sample::new();
    sample.text("m", 100).off(view(TINA), (10, 20), 7).on(view(TINA), (50, 89), 8).off(view(TINA), (111, 112), 9);
    assert_eq!(found(&sample), MISSED);
    for switch in [Switch::Full(TINA.into()), view("theo"), Switch::OnJob(TINA.into(), "other".into())] {
        let mut sample = Sample::new();
        sample.text("m", 100).off(switch, (10, 20), 7);
        assert_eq!(found(&sample), MISSED);
    }
}

#[test]
fn a_grant_before_the_revocation_gives_nothing_back() {
    let mut sample = Sample::new();
    sample.text("m", 100).on(Switch::JobOpen(JOB.into()), (5, 6), 6).off(Switch::JobOpen(JOB.into()), (10, 20), 7);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_revocation_of_unknown_outcome_excuses_for_ever() {
    let mut sample = Sample::new();
    sample.text("m", 100).turned(view(TINA), true, (10, None), None).on(view(TINA), (50, 60), 8);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_time_of_faults_excuses() {
    for (from, to, excused) in [(90, 100, true), (110, 120, true), (104, 105, true), (90, 99, false), (111, 120, false)] {
        let mut sample = Sample::new();
        sample.text("m", 100).fault(from, to);
        assert_eq!(found(&sample).is_empty(), excused, "{from}");
    }
}

#[test]
fn only_who_follows_all_the_while_is_asked_for_it() {
    for (since, until, asked) in [(100, 110, true), (101, 500, false), (0, 109, false)] {
        let mut sample = Sample::new();
        sample.text("m", 100);
        (sample.history.subscriptions[0].since, sample.history.subscriptions[0].until) = (since, until);
        assert_eq!(!found(&sample).is_empty(), asked, "{since}");
    }
}

#[test]
fn who_may_send_is_answered_well_and_in_time() {
    let mut sample = Sample::new();
    sample.sent("m", TINA, 100, 105).got(0, "m", 105);
    assert!(found(&sample).is_empty());
    let answers = [Outcome::Ok { seq: 1, answered: 111 }, Outcome::Refused { answered: 105 }, Outcome::Unknown];
    for outcome in answers {
        sample.history.sends[0].outcome = outcome;
        assert_eq!(found(&sample), [[Event::Send(0)]]);
    }
    sample.off(Switch::Full(TINA.into()), (10, 20), 7);
    assert!(found(&sample).is_empty());
}

#[test]
fn of_several_grants_the_first_that_returned_gives_it_back() {
    let mut sample = Sample::new();
    sample.text("m", 100).off(view(TINA), (10, 20), 7).on(view(TINA), (50, 200), 8).on(view(TINA), (60, 70), 9);
    assert_eq!(found(&sample), MISSED);
}
