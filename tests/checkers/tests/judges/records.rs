use crewline_checkers::history::{Record, Recorded, Switch};
use crewline_checkers::{Event, records};

use crate::sample::{JOB, Sample, TINA, applied, at, handed, view};

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    records::judge(&sample.history).violations.into_iter().map(|violation| violation.events).collect()
}

fn revoked_at_seven() -> Sample {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7);
    sample
}

fn in_job(record: Record, job: &str) -> Record {
    match record.what {
        Recorded::Handed { person, view, .. } => {
            Record { at: record.at, what: Recorded::Handed { person, job: Some(job.into()), view } }
        }
        Recorded::Applied(_) => record,
    }
}

#[test]
fn nothing_is_handed_to_whom_an_applied_change_took_it_from() {
    let mut sample = revoked_at_seven();
    sample.node([handed(TINA, 6), applied(6), handed(TINA, 6), applied(7), handed("theo", 7), handed(TINA, 6)]);
    let verdict = records::judge(&sample.history);
    assert_eq!(verdict.judged, 4);
    assert_eq!(found(&sample), [[Event::Record(0, 5), Event::Change(0), Event::Record(0, 3)]]);
}

#[test]
fn an_applied_of_a_later_revision_covers_the_one_before() {
    let mut sample = revoked_at_seven();
    sample.node([applied(9), handed(TINA, 6)]);
    assert_eq!(found(&sample).len(), 1);
}

#[test]
fn nothing_is_handed_by_a_view_that_forbids_it_even_before_it_is_applied() {
    let mut sample = revoked_at_seven();
    sample.node([applied(6), handed(TINA, 7)]);
    assert_eq!(found(&sample), [[Event::Record(0, 1), Event::Change(0), Event::Record(0, 0)]]);
}

#[test]
fn what_was_handed_before_applied_may_be_recorded_after_the_call_began() {
    let mut sample = revoked_at_seven();
    sample.node([at(15, handed(TINA, 6)), at(16, applied(7))]);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_later_grant_permits_it_once_the_view_has_it() {
    let mut sample = revoked_at_seven();
    sample.on(view(TINA), (30, 31), 8);
    sample.node([applied(7), applied(8), handed(TINA, 8)]);
    // The view is published before it may be acknowledged.
    sample.node([applied(7), handed(TINA, 8)]);
    assert!(found(&sample).is_empty());
    // Not by the view of before, which was acknowledged to be gone.
    sample.node([applied(7), handed(TINA, 6), applied(8)]);
    assert_eq!(found(&sample), [[Event::Record(2, 1), Event::Change(0), Event::Record(2, 0)]]);
}

#[test]
fn a_grant_of_another_switch_gives_nothing_back() {
    let mut sample = revoked_at_seven();
    sample.on(Switch::Active(TINA.into()), (30, 31), 8).node([applied(8), handed(TINA, 8)]);
    assert_eq!(found(&sample).len(), 1);
}

#[test]
fn each_incarnation_answers_for_its_own_acknowledgements() {
    let mut sample = revoked_at_seven();
    sample.node([applied(7)]).node([applied(6), handed(TINA, 6)]);
    assert!(found(&sample).is_empty());
}

#[test]
fn no_node_hands_anything_after_the_return_whether_or_not_it_confirmed() {
    let mut sample = revoked_at_seven();
    sample.waited_out().node([at(1, applied(6)), at(21, handed(TINA, 6))]);
    assert_eq!(found(&sample), [[Event::Record(0, 1), Event::Change(0)]]);
    let mut sample = revoked_at_seven();
    sample.waited_out().node([at(1, applied(6)), at(20, handed(TINA, 6))]);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_grant_that_had_begun_permits_it_after_the_return() {
    let mut sample = revoked_at_seven();
    sample.on(view(TINA), (30, 40), 8).node([at(1, applied(6)), at(35, handed(TINA, 6))]);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_frozen_process_may_release_the_one_frame_that_it_had_judged() {
    let mut sample = revoked_at_seven();
    sample.waited_out();
    sample.node([at(50, handed(TINA, 6)), at(51, applied(7))]).frozen(5, 50);
    assert!(found(&sample).is_empty());
    sample.node([at(50, handed(TINA, 6)), at(51, handed(TINA, 6))]).frozen(5, 50);
    assert_eq!(found(&sample), [[Event::Record(1, 1), Event::Change(0)]]);
}

#[test]
fn a_stop_that_was_over_before_the_return_excuses_nothing() {
    let mut sample = revoked_at_seven();
    sample.node([at(50, handed(TINA, 6))]).frozen(5, 15);
    assert_eq!(found(&sample), [[Event::Record(0, 0), Event::Change(0)]]);
}

#[test]
fn a_frozen_process_that_goes_on_applies_before_it_hands() {
    let mut sample = revoked_at_seven();
    sample.node([at(50, applied(7)), at(51, handed(TINA, 6))]).frozen(5, 50);
    assert_eq!(found(&sample).len(), 1);
}

#[test]
fn what_takes_one_job_is_judged_by_records_that_name_the_job() {
    let mut sample = Sample::new();
    sample.off(Switch::OnJob(TINA.into(), JOB.into()), (10, 20), 7);
    sample.node([applied(7), handed(TINA, 7), in_job(handed(TINA, 7), "other"), in_job(handed(TINA, 7), JOB)]);
    assert_eq!(found(&sample), [[Event::Record(0, 3), Event::Change(0), Event::Record(0, 0)]]);
}

#[test]
fn an_acknowledgement_is_not_taken_back_by_an_older_one() {
    let mut sample = revoked_at_seven();
    sample.node([applied(7), applied(6), handed(TINA, 6)]);
    assert_eq!(found(&sample), [[Event::Record(0, 2), Event::Change(0), Event::Record(0, 0)]]);
}

#[test]
fn a_grant_of_unknown_revision_may_be_the_one_that_was_judged_by() {
    let mut sample = revoked_at_seven();
    sample.turned(view(TINA), false, (30, None), None).node([applied(8), handed(TINA, 8)]);
    assert!(found(&sample).is_empty());
}
