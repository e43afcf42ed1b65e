use crewline_checkers::history::Nanos;
use crewline_checkers::{Event, gaps};

use crate::sample::Sample;

fn found(sample: &Sample) -> Vec<Vec<Event>> {
    gaps::judge(&sample.history).violations.into_iter().map(|violation| violation.events).collect()
}

fn three_texts() -> Sample {
    let mut sample = Sample::new();
    sample.text("a", 10).text("b", 20).text("c", 30);
    sample
}

#[test]
fn the_whole_thread_over_two_streams_has_no_gap() {
    let mut sample = three_texts();
    sample.got(0, "a", 11).got(0, "b", 21);
    let resumed = sample.stream(0, 25);
    sample.got(resumed, "c", 31);
    assert!(found(&sample).is_empty());
    assert_eq!(gaps::judge(&sample.history).judged, 3);
}

#[test]
fn numbers_that_are_nobodys_messages_are_no_gap() {
    let mut sample = three_texts();
    sample.history.log[2].seq = 9;
    sample.got(0, "a", 11).got(0, "b", 21).got(0, "c", 31);
    assert!(found(&sample).is_empty());
}

#[test]
fn a_message_left_out_is_found_on_one_stream_and_where_a_subscription_goes_on() {
    let mut sample = three_texts();
    sample.got(0, "a", 11).got(0, "c", 31);
    assert_eq!(found(&sample), [[Event::Delivery(1), Event::Delivery(0)]]);
    let mut sample = three_texts();
    let resumed = sample.stream(0, 15);
    sample.got(0, "a", 11).got(resumed, "c", 31);
    assert_eq!(found(&sample), [[Event::Delivery(1), Event::Delivery(0)]]);
}

#[test]
fn a_message_left_out_at_the_beginning_is_found() {
    let mut sample = three_texts();
    sample.got(0, "b", 21);
    assert_eq!(found(&sample), [[Event::Delivery(0), Event::Subscription(0)]]);
    sample.history.subscriptions[0].after_seq = 1;
    assert!(found(&sample).is_empty());
}

#[test]
fn what_only_another_of_the_audience_saw_is_missed_too() {
    let mut sample = three_texts();
    let theo = sample.follows("theo", 0);
    let times: [Nanos; 3] = [11, 21, 31];
    for (message, time) in ["a", "b", "c"].iter().zip(times) {
        sample.got(theo, message, time);
    }
    sample.history.log.remove(1);
    sample.got(0, "a", 11).got(0, "c", 31);
    assert_eq!(found(&sample), [[Event::Delivery(4), Event::Delivery(3)]]);
}

#[test]
fn what_only_the_office_sees_is_no_gap_to_a_technician() {
    let mut sample = three_texts();
    let olga = sample.follows("olga", 0);
    for (message, time) in [("a", 11), ("b", 21), ("c", 31)] {
        sample.got(olga, message, time);
    }
    sample.history.log.remove(1);
    sample.got(0, "a", 11).got(0, "c", 31);
    assert!(found(&sample).is_empty());
}

#[test]
fn another_order_is_found() {
    let mut sample = three_texts();
    sample.got(0, "a", 11).got(0, "c", 31).got(0, "b", 32);
    assert_eq!(found(&sample).len(), 2);
}

#[test]
fn two_streams_that_tell_of_other_messages_at_one_place_are_found() {
    let mut sample = Sample::new();
    let theo = sample.follows("theo", 0);
    sample.got_at(0, 1, "a", 11).got_at(theo, 1, "b", 12);
    assert_eq!(found(&sample), [[Event::Delivery(1), Event::Delivery(0)]]);
}
