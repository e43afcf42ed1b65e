use crewline_checkers::{Event, doubles};

use crate::sample::{Sample, TINA};

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    doubles::judge(&sample.history).violations.into_iter().map(|violation| violation.events).collect()
}

#[test]
fn each_message_once_on_each_subscription_is_right() {
    let mut sample = Sample::new();
    let theo = sample.follows("theo", 0);
    sample.text("a", 10).text("b", 20).got(0, "a", 11).got(0, "b", 21).got(theo, "a", 12).got(theo, "b", 22);
    assert!(found(&sample).is_empty());
    assert_eq!(doubles::judge(&sample.history).judged, 4);
}

#[test]
fn a_message_twice_on_one_stream_or_again_on_the_next_is_found() {
    let mut sample = Sample::new();
    sample.text("a", 10).got(0, "a", 11).got(0, "a", 12);
    assert_eq!(found(&sample), [[Event::Delivery(1), Event::Delivery(0)]]);
    let mut sample = Sample::new();
    let resumed = sample.stream(0, 15);
    sample.text("a", 10).got(0, "a", 11).got(resumed, "a", 16);
    assert_eq!(found(&sample), [[Event::Delivery(1), Event::Delivery(0)]]);
}

#[test]
fn two_messages_of_one_send_are_found_in_the_log_in_streams_and_in_the_answer() {
    let mut sample = Sample::new();
    sample.sent("a", TINA, 10, 11);
    let mut again = sample.history.log[0].clone();
    again.seq = 2;
    sample.history.log.push(again);
    assert_eq!(found(&sample), [[Event::Logged(1), Event::Send(0)]]);

    let mut sample = Sample::new();
    sample.sent("a", TINA, 10, 11);
    let theo = sample.follows("theo", 0);
    sample.got_at(theo, 2, "a", 12);
    assert_eq!(found(&sample), [[Event::Delivery(0), Event::Send(0)]]);
}
