use crewline_checkers::history::Switch;
use crewline_checkers::{Event, real_time};

use crate::sample::{JOB, Sample, TINA, view};

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    let verdict = real_time::judge(&sample.history);
    assert_eq!(verdict.judged, sample.history.deliveries.len());
    verdict.violations.into_iter().map(|violation| violation.events).collect()
}

const FOUND: [[Event; 3]; 1] = [[Event::Delivery(0), Event::Send(0), Event::Change(0)]];

#[test]
fn what_was_sent_after_a_revocation_had_returned_is_found_when_it_comes() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).text("m", 21).got(0, "m", 25);
    assert_eq!(found(&sample), FOUND);
}

#[test]
fn each_switch_of_the_person_the_job_and_the_tenant_revokes() {
    let person = || TINA.to_owned();
    let switches = [
        Switch::View(person()),
        Switch::Active(person()),
        Switch::MobileAccess(person()),
        Switch::OnJob(person(), JOB.into()),
        Switch::JobOpen(JOB.into()),
        Switch::Chat,
    ];
    for switch in switches {
        let mut sample = Sample::new();
        sample.off(switch.clone(), (10, 20), 7).text("m", 21).got(0, "m", 25);
        assert_eq!(found(&sample), FOUND, "{switch:?}");
    }
    let others =
        [Switch::Full(person()), Switch::View("theo".into()), Switch::OnJob(person(), "k".into()), Switch::JobOpen("k".into())];
    for switch in others {
        let mut sample = Sample::new();
        sample.off(switch.clone(), (10, 20), 7).text("m", 21).got(0, "m", 25);
        assert!(found(&sample).is_empty(), "{switch:?}");
    }
}

#[test]
fn the_office_needs_no_job_and_reads_without_chat() {
    for (switch, revoked) in [(Switch::Chat, false), (Switch::JobOpen(JOB.into()), false), (view("olga"), true)] {
        let mut sample = Sample::new();
        let stream = sample.follows("olga", 0);
        sample.off(switch, (10, 20), 7).text("m", 21).got(stream, "m", 25);
        assert_eq!(!found(&sample).is_empty(), revoked);
    }
}

#[test]
fn what_was_sent_before_the_return_may_come() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).text("m", 20).got(0, "m", 25);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_revocation_that_did_not_return_forbids_nothing() {
    let mut sample = Sample::new();
    sample.turned(view(TINA), true, (10, None), Some(7)).text("m", 21).got(0, "m", 25);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_grant_that_had_begun_before_it_came_permits_it() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).text("m", 21).on(view(TINA), (24, 30), 8).got(0, "m", 25);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_grant_of_an_earlier_revision_or_a_later_moment_or_of_another_switch_does_not() {
    for (switch, invoked, revision) in [(view(TINA), 5, 6), (view(TINA), 25, 8), (Switch::Active(TINA.into()), 22, 8)] {
        let mut sample = Sample::new();
        sample.off(view(TINA), (10, 20), 7).on(switch, (invoked, 40), revision).text("m", 21).got(0, "m", 25);
        assert_eq!(found(&sample), FOUND);
    }
}

#[test]
fn a_grant_whose_outcome_is_unknown_may_be_the_newest() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).turned(view(TINA), false, (5, None), None).text("m", 21).got(0, "m", 25);
    assert!(found(&sample).is_empty());
}

#[test]
fn of_several_revocations_the_newest_that_had_returned_counts_in_whichever_order_they_returned() {
    for (first, second) in [((10, 20), (11, 30)), ((10, 30), (11, 20))] {
        let mut sample = Sample::new();
        // Back at 8, gone again at 9.
        sample.off(view(TINA), first, 7).on(view(TINA), (12, 13), 8).off(view(TINA), second, 9);
        sample.text("m", 31).got(0, "m", 35);
        assert_eq!(found(&sample), [[Event::Delivery(0), Event::Send(0), Event::Change(2)]]);
    }
}

#[test]
fn one_revoked_between_two_grants_is_judged_at_each_moment() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).on(view(TINA), (30, 31), 8).off(view(TINA), (40, 50), 9);
    sample.text("a", 21).text("b", 41).text("c", 51);
    sample.got(0, "a", 35).got(0, "b", 45).got(0, "c", 55);
    assert_eq!(found(&sample), [[Event::Delivery(2), Event::Send(2), Event::Change(2)]]);
}

#[test]
fn what_an_answer_shows_is_judged_like_what_a_stream_brings() {
    let mut sample = Sample::new();
    // Asked in time, so that the asking is right; what is shown is not.
    sample.text("old", 5).off(view(TINA), (10, 20), 7).text("new", 21).saw(TINA, &["old", "new"], 15, 25);
    let verdict = real_time::judge(&sample.history);
    assert_eq!(verdict.judged, 2);
    assert_eq!(verdict.violations[0].events, [Event::Read(0), Event::Send(1), Event::Change(0)]);
    assert_eq!(verdict.violations.len(), 1);
}

#[test]
fn of_several_grants_the_newest_that_had_begun_counts_in_whichever_order_they_began() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).on(view(TINA), (22, 30), 8).on(view(TINA), (23, 30), 5);
    sample.text("m", 21).got(0, "m", 25);
    assert!(found(&sample).is_empty());
}
