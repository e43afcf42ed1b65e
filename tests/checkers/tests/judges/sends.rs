use crewline_checkers::history::{Head, Outcome, Switch};
use crewline_checkers::{Event, sends};

use crate::sample::{JOB, Sample, TINA, view};

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    sends::judge(&sample.history).violations.into_iter().map(|violation| violation.events).collect()
}

fn full(person: &str) -> Switch {
    Switch::Full(person.into())
}

#[test]
fn a_send_that_began_after_the_return_and_was_acknowledged_is_found() {
    for switch in [full(TINA), view(TINA), Switch::Chat, Switch::OnJob(TINA.into(), JOB.into())] {
        let mut sample = Sample::new();
        sample.off(switch, (10, 20), 7).sent("m", TINA, 21, 25);
        assert_eq!(found(&sample), [[Event::Send(0), Event::Change(0), Event::Send(0)]]);
    }
}

#[test]
fn with_chat_disabled_the_office_does_not_send_either() {
    let mut sample = Sample::new();
    sample.off(Switch::Chat, (10, 20), 7).sent("m", "olga", 21, 25);
    assert_eq!(found(&sample).len(), 1);
}

#[test]
fn the_customer_texts_whatever_is_off() {
    let mut sample = Sample::new();
    sample.off(Switch::Chat, (10, 20), 7).text("m", 21);
    assert!(found(&sample).is_empty());
}

#[test]
fn one_that_was_refused_or_got_no_answer_is_found_in_a_stream_or_in_the_list() {
    for outcome in [Outcome::Refused { answered: 25 }, Outcome::Unknown] {
        let mut sample = Sample::new();
        sample.off(full(TINA), (10, 20), 7).slipped_in("m", TINA, 21, outcome);
        assert_eq!(found(&sample), [[Event::Send(0), Event::Change(0), Event::Logged(0)]]);
        let stream = sample.follows("theo", 0);
        sample.got(stream, "m", 27);
        assert_eq!(found(&sample), [[Event::Send(0), Event::Change(0), Event::Delivery(0)]]);
        sample.saw("theo", &["m"], 25, 26);
        assert_eq!(found(&sample), [[Event::Send(0), Event::Change(0), Event::Read(0)]]);
    }
}

#[test]
fn one_that_was_refused_and_is_nowhere_is_right() {
    let mut sample = Sample::new();
    sample.off(full(TINA), (10, 20), 7).refused("m", TINA, 21, 25);
    assert!(found(&sample).is_empty());
}

#[test]
fn one_that_was_under_way_at_a_node_that_was_waited_out_may_commit() {
    let mut sample = Sample::new();
    sample.off(full(TINA), (10, 20), 7).waited_out().sent("m", TINA, 19, 25).by(6);
    assert!(found(&sample).is_empty());
    assert_eq!(sends::judge(&sample.history).judged, 1);
}

#[test]
fn one_that_was_under_way_is_found_behind_a_message_that_was_sent_after_every_node_had_confirmed() {
    // Sent before the call returned, and after.
    for (invoked, expected) in [(19, vec![]), (21, vec![vec![Event::Send(1), Event::Change(0), Event::Send(0)]])] {
        let mut sample = Sample::new();
        sample.node([]).off(full(TINA), (10, 20), 7).text("later", invoked).sent("m", TINA, 19, 25);
        assert_eq!(found(&sample), expected);
        sample.waited_out();
        assert!(found(&sample).is_empty(), "there it may commit");
    }
    let mut sample = Sample::new();
    sample.node([]).off(full(TINA), (10, 20), 7).text("later", 21).sent("m", TINA, 19, 25).on(full(TINA), (22, 23), 8);
    assert!(found(&sample).is_empty(), "it may have been judged once more");
}

#[test]
fn one_that_was_under_way_is_found_if_it_was_not_there_yet_when_somebody_looked_after_the_return() {
    for (asked, expected) in [(19, vec![]), (21, vec![vec![Event::Send(0), Event::Change(0), Event::Head(0)]])] {
        let mut sample = Sample::new();
        sample.node([]).off(full(TINA), (10, 20), 7).sent("m", TINA, 18, 25);
        sample.history.heads.push(Head { thread: 0, seq: 0, asked });
        assert_eq!(found(&sample), expected);
        sample.history.heads[0].seq = 1;
        assert!(found(&sample).is_empty(), "it was there");
    }
}

#[test]
fn one_that_was_under_way_is_not_found_where_a_node_has_not_confirmed() {
    let mut sample = Sample::new();
    sample.node([]).node([]).off(full(TINA), (10, 20), 7).text("later", 21).sent("m", TINA, 19, 25);
    sample.history.nodes[1].name = "another".into();
    assert!(found(&sample).is_empty());
}

#[test]
fn one_that_was_under_way_is_found_if_a_view_with_the_revocation_permitted_it() {
    let mut sample = Sample::new();
    sample.off(full(TINA), (10, 20), 7).sent("m", TINA, 19, 25).by(7);
    assert_eq!(found(&sample), [[Event::Send(0), Event::Change(0), Event::Logged(0)]]);
}

#[test]
fn a_grant_permits_what_may_have_been_judged_after_it_began() {
    // Acknowledged before the grant began, and after.
    for (answered, allowed) in [(29, false), (31, true)] {
        let mut sample = Sample::new();
        sample.off(full(TINA), (10, 20), 7).on(full(TINA), (30, 32), 8).sent("m", TINA, 21, answered);
        assert_eq!(found(&sample).is_empty(), allowed);
    }
    // Without an answer it may have been judged at any time, until somebody saw it.
    let mut sample = Sample::new();
    sample.off(full(TINA), (10, 20), 7).on(full(TINA), (30, 32), 8).slipped_in("m", TINA, 21, Outcome::Unknown);
    assert!(found(&sample).is_empty());
    let stream = sample.follows("theo", 0);
    sample.got(stream, "m", 29);
    assert_eq!(found(&sample).len(), 1);
}

#[test]
fn a_grant_of_one_switch_does_not_permit_what_another_forbids() {
    let mut sample = Sample::new();
    sample.off(full(TINA), (10, 20), 7).on(view(TINA), (11, 12), 8).sent("m", TINA, 21, 25);
    assert_eq!(found(&sample).len(), 1);
}

#[test]
fn a_revocation_that_has_not_returned_refuses_nothing() {
    let mut sample = Sample::new();
    sample.turned(full(TINA), true, (10, None), Some(7)).sent("m", TINA, 21, 25);
    assert!(found(&sample).is_empty());
}
