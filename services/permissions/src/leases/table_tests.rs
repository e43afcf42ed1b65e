//! The rules of leases, each by the run that breaks without it.

use super::*;

const TTL: u64 = 2_000;

fn at(millis: u64) -> Moment {
    Moment::from_nanos(millis * 1_000_000)
}

fn id(incarnation: &str) -> NodeId {
    NodeId { name: "west".into(), incarnation: incarnation.into() }
}

fn settled(confirmed: u32, waited_out: &[&str]) -> Verdict {
    Verdict::Settled(Counts { confirmed, waited_out: waited_out.iter().map(|incarnation| id(incarnation)).collect() })
}

/// A table in which the incarnation `1` was granted a lease at 100 ms and revision 5.
fn with_a_lease() -> (Table, watch::Receiver<()>) {
    let mut table = Table::new(at(0));
    let watch = table.join(&id("1"), at(0)).expect("a place");
    renew(&mut table, "1", 100, 5);
    (table, watch)
}

fn renew(table: &mut Table, incarnation: &str, now: u64, revision: u64) {
    let lease = table.enter(&id(incarnation), at(now + TTL));
    table.grant(&id(incarnation), lease, revision, at(now));
}

#[test]
fn a_change_waits_for_a_lease_from_before_it_until_it_is_acknowledged() {
    let (mut table, _watch) = with_a_lease();
    assert_eq!(table.look(6, at(200)), Verdict::Waiting(at(2_100)));
    table.acknowledge(&id("1"), 5, at(300));
    assert_eq!(table.look(6, at(300)), Verdict::Waiting(at(2_100)), "an older change");
    table.acknowledge(&id("1"), 6, at(400));
    assert_eq!(table.look(6, at(400)), settled(1, &[]));
}

#[test]
fn a_change_waits_for_a_lease_until_it_has_run_out() {
    let (mut table, _watch) = with_a_lease();
    assert_eq!(table.look(6, at(2_099)), Verdict::Waiting(at(2_100)));
    assert_eq!(table.look(6, at(2_100)), settled(0, &["1"]));
    table.acknowledge(&id("1"), 6, at(2_200));
    assert_eq!(table.look(6, at(2_200)), settled(0, &["1"]), "too late");
}

#[test]
fn a_lease_with_the_change_in_view_is_not_waited_for() {
    let (mut table, _watch) = with_a_lease();
    assert_eq!(table.look(5, at(200)), settled(0, &[]));
    assert_eq!(table.look(6, at(200)), Verdict::Waiting(at(2_100)));
    renew(&mut table, "1", 1_000, 6);
    assert_eq!(table.look(6, at(1_000)), Verdict::Waiting(at(2_100)), "it extends nothing, and releases nothing");
    assert_eq!(table.look(7, at(1_000)), Verdict::Waiting(at(3_000)));
}

#[test]
fn a_lease_that_was_entered_counts_until_its_revision_is_known() {
    let mut table = Table::new(at(0));
    let _watch = table.join(&id("1"), at(0));
    let lease = table.enter(&id("1"), at(TTL));
    assert_eq!(table.look(6, at(100)), Verdict::Waiting(at(TTL)));
    table.grant(&id("1"), lease, 5, at(200));
    assert_eq!(table.look(6, at(200)), Verdict::Waiting(at(TTL)), "the head was read before the change");
    let lease = table.enter(&id("1"), at(300 + TTL));
    assert_eq!(table.look(7, at(300)), Verdict::Waiting(at(300 + TTL)));
    table.grant(&id("1"), lease, 7, at(400));
    assert_eq!(table.look(7, at(400)), Verdict::Waiting(at(TTL)), "it was read after the change");
}

#[test]
fn a_lease_that_is_entered_after_the_first_look_holds_nothing_up() {
    let (mut table, _watch) = with_a_lease();
    assert_eq!(table.look(6, at(2_000)), Verdict::Waiting(at(2_100)));
    table.enter(&id("1"), at(2_050 + TTL));
    assert_eq!(table.look(6, at(2_100)), settled(0, &["1"]));
}

#[test]
fn a_first_lease_that_turns_out_to_have_the_change_in_view_is_not_counted() {
    let mut table = Table::new(at(0));
    let _watch = table.join(&id("1"), at(0));
    let lease = table.enter(&id("1"), at(TTL));
    assert_eq!(table.look(6, at(100)), Verdict::Waiting(at(TTL)));
    table.grant(&id("1"), lease, 6, at(200));
    assert_eq!(table.look(6, at(200)), settled(0, &[]));
}

#[test]
fn neither_the_end_of_a_watch_nor_a_new_incarnation_releases_a_lease() {
    let (mut table, watch) = with_a_lease();
    table.leave(&id("1"), &watch);
    let _second = table.join(&id("2"), at(200));
    table.acknowledge(&id("2"), 6, at(200));
    assert_eq!(table.look(6, at(200)), Verdict::Waiting(at(2_100)));
    assert_eq!(table.look(6, at(2_100)), settled(0, &["1"]));
}

#[test]
fn a_second_watch_of_one_incarnation_takes_the_place_of_the_first() {
    let (mut table, first) = with_a_lease();
    let second = table.join(&id("1"), at(200)).expect("a place");
    assert!(first.has_changed().is_err() && second.has_changed().is_ok());
    table.leave(&id("1"), &first);
    assert!(table.nodes(at(200))[0].connected, "the first left after the second had come");
    table.leave(&id("1"), &second);
    assert!(!table.nodes(at(200))[0].connected);
}

#[test]
fn after_a_start_every_change_waits_until_the_older_leases_have_run_out() {
    let mut table = Table::new(at(TTL));
    assert_eq!(table.look(6, at(0)), Verdict::Waiting(at(TTL)));
    assert_eq!(table.look(6, at(TTL)), settled(0, &[]));
}

#[test]
fn a_change_waits_for_every_node_and_as_long_as_for_the_slowest() {
    let (mut table, _watch) = with_a_lease();
    let _second = table.join(&id("2"), at(300));
    renew(&mut table, "2", 300, 5);
    assert_eq!(table.look(6, at(400)), Verdict::Waiting(at(2_300)));
    table.acknowledge(&id("2"), 6, at(500));
    assert_eq!(table.look(6, at(500)), Verdict::Waiting(at(2_100)));
    assert_eq!(table.look(6, at(2_100)), settled(1, &["1"]));
}

#[test]
fn whoever_is_gone_is_forgotten_when_nothing_waits_for_them() {
    let (mut table, watch) = with_a_lease();
    table.look(6, at(200));
    table.leave(&id("1"), &watch);
    assert_eq!(table.nodes(at(2_200)).len(), 1, "not yet counted");
    assert_eq!(table.look(6, at(2_200)), settled(0, &["1"]));
    assert!(table.forget_but(&BTreeSet::from([7]), at(2_200)));
    assert_eq!((table.nodes(at(2_200)), table.waiting()), (Vec::new(), 0));
}

#[test]
fn leases_stay_few_and_the_oldest_still_counts() {
    let (mut table, _watch) = with_a_lease();
    table.look(6, at(100));
    for step in 1..=200 {
        renew(&mut table, "1", 100 + step, 5 + step);
    }
    assert!(table.nodes[&id("1")].leases.len() <= MAX_LEASES);
    let Verdict::Waiting(until) = table.look(6, at(400)) else { panic!("the lease at 5 counts") };
    assert!(until >= at(2_100) && until <= at(300 + TTL));
    for _ in 0..200 {
        renew(&mut table, "1", 500, 300);
    }
    assert!(table.nodes[&id("1")].leases.len() <= MAX_LEASES);
}

#[test]
fn a_table_holds_a_thousand_nodes_and_makes_room_when_their_leases_run_out() {
    let mut table = Table::new(at(0));
    for number in 0..MAX_NODES {
        let node = id(&number.to_string());
        let watch = table.join(&node, at(0)).expect("a place");
        table.enter(&node, at(TTL));
        table.leave(&node, &watch);
    }
    assert!(table.join(&id("more"), at(TTL - 1)).is_none());
    assert!(table.join(&id("more"), at(TTL)).is_some());
}

#[test]
fn what_goes_on_while_a_change_waits_does_not_make_it_wait_longer() {
    let (mut table, _watch) = with_a_lease();
    assert_eq!(table.look(6, at(200)), Verdict::Waiting(at(2_100)));
    // More leases than are told apart, each at a revision of its own.
    for number in 0..100 {
        renew(&mut table, "1", 210 + number * 10, 7 + number);
        assert_eq!(table.look(6, at(210 + number * 10)), Verdict::Waiting(at(2_100)), "after {number} others");
    }
    assert_eq!(table.look(6, at(2_100)), settled(0, &["1"]));
}
