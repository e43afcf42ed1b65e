use crewline_checkers::{Event, commit_order};

use crate::sample::{Sample, TINA, view};

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    commit_order::judge(&sample.history).violations.into_iter().map(|violation| violation.events).collect()
}

const FOUND: [[Event; 3]; 1] = [[Event::Delivery(0), Event::Logged(0), Event::Change(0)]];

#[test]
fn what_a_view_with_the_revocation_permitted_is_found_when_it_comes() {
    for revision in [7, 8] {
        let mut sample = Sample::new();
        // Under way together, so that real time says nothing.
        sample.off(view(TINA), (10, 40), 7).text("m", 15).by(revision).got(0, "m", 25);
        assert_eq!(found(&sample), FOUND);
    }
}

#[test]
fn what_a_view_before_the_revocation_permitted_may_come() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).text("m", 15).by(6).got(0, "m", 25);
    assert_eq!(commit_order::judge(&sample.history).judged, 1);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_revocation_counts_by_its_revision_even_if_the_call_did_not_return() {
    let mut sample = Sample::new();
    sample.turned(view(TINA), true, (10, None), Some(7)).text("m", 15).by(7).got(0, "m", 25);
    assert_eq!(found(&sample), FOUND);
}

#[test]
fn a_grant_since_permits_it_if_it_had_begun() {
    for (invoked, allowed) in [(24, true), (26, false)] {
        let mut sample = Sample::new();
        sample.off(view(TINA), (10, 20), 7).on(view(TINA), (invoked, 30), 9).text("m", 15).by(8).got(0, "m", 25);
        assert_eq!(found(&sample).is_empty(), allowed);
    }
}

#[test]
fn a_grant_before_the_revocation_does_not_permit_it() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).on(view(TINA), (5, 6), 5).text("m", 15).by(8).got(0, "m", 25);
    assert_eq!(found(&sample), FOUND);
}

#[test]
fn what_an_answer_shows_is_judged_like_what_a_stream_brings() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 40), 7).text("m", 15).by(7).saw(TINA, &["m"], 20, 25);
    assert_eq!(found(&sample), [[Event::Read(0), Event::Logged(0), Event::Change(0)]]);
}

#[test]
fn a_message_without_a_revision_is_not_judged() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).text("m", 21).got(0, "m", 25);
    assert_eq!(commit_order::judge(&sample.history).judged, 0);
}
