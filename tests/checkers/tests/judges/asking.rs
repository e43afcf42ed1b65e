use crewline_checkers::{Event, asking};

use crate::sample::{Sample, TINA, view};

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    asking::judge(&sample.history).violations.into_iter().map(|violation| violation.events).collect()
}

#[test]
fn a_stream_that_is_asked_for_after_the_return_tells_nothing() {
    let mut sample = Sample::new();
    sample.text("old", 5).off(view(TINA), (10, 20), 7);
    let stream = sample.stream(0, 21);
    assert!(found(&sample).is_empty());
    sample.history.streams[stream].opened = Some(22);
    sample.got(stream, "old", 23);
    let opened = vec![Event::Stream(stream), Event::Change(0)];
    assert_eq!(found(&sample), [opened, vec![Event::Delivery(0), Event::Change(0), Event::Stream(stream)]]);
}

#[test]
fn a_stream_that_was_asked_for_before_the_return_may_still_bring_what_had_left() {
    let mut sample = Sample::new();
    sample.text("old", 5).off(view(TINA), (10, 20), 7);
    let stream = sample.stream(0, 20);
    sample.history.streams[stream].opened = Some(22);
    sample.got(stream, "old", 23);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_read_that_begins_after_the_return_tells_nothing_until_a_grant_has_begun() {
    for (asked, answered, allowed) in [(20, 25, true), (21, 25, false), (21, 41, true)] {
        let mut sample = Sample::new();
        sample.off(view(TINA), (10, 20), 7).on(view(TINA), (40, 50), 8).read(TINA, asked, answered);
        assert_eq!(found(&sample).is_empty(), allowed, "{asked}");
    }
}

#[test]
fn the_reads_of_others_go_on() {
    let mut sample = Sample::new();
    sample.off(view(TINA), (10, 20), 7).read("theo", 21, 25);
    assert!(found(&sample).is_empty());
}
