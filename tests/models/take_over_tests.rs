//! A take-over keeps every promise; each fault is found.

use super::*;
use crate::search::{exhaust, hunt};

fn found(name: &str, fault: Fault, through: &[&str], because: &str) {
    hunt(name, TakeOver { fault: Some(fault) }, through, because);
}

#[test]
fn a_take_over_keeps_every_promise() {
    exhaust("take-over", TakeOver { fault: None });
}

#[test]
fn a_lease_that_is_kept_when_the_view_goes_back_is_found() {
    found(
        "lease kept across a resync",
        Fault::LeaseKeptAcrossResync,
        &["Grant", "TakeLease", "Apply", "Renew", "Enter", "Stamp", "Connect", "HandOver"],
        "the node had acknowledged, so that its lease was waited for no more; then its view went back to before the revocation",
    );
}

#[test]
fn a_lease_that_was_asked_for_on_another_stream_is_found() {
    found(
        "a lease of another stream is taken",
        Fault::LeaseOfAnotherStream,
        &["Grant", "Apply", "Renew", "Enter", "Stamp", "Connect", "TakeLease", "HandOver"],
        "the same, with the lease still under way when the node started over",
    );
}

#[test]
fn a_deposed_leader_that_grants_is_found() {
    found(
        "deposed leader grants without reading the head on its session",
        Fault::DeposedLeaderGrants,
        &["LoseSession", "TakeLock(1)", "Renew", "Grant", "Stamp(1)", "Return", "HandOver"],
        "the new leader has waited from its take-over on, and the lease that it cannot know is younger",
    );
}

#[test]
fn a_deposed_leader_that_stamps_is_found() {
    found(
        "deposed leader stamps without its session",
        Fault::DeposedLeaderStamps,
        &["LoseSession", "TakeLock(1)", "Connect(1)", "Grant", "Revoke(0)", "Stamp(0)", "Return", "HandOver"],
        "the node's lease is in the new leader's table, and the old one looked into its own",
    );
}

#[test]
fn a_new_leader_that_waits_for_nothing_is_found() {
    found(
        "take-over without waiting out old leases",
        Fault::TakeOverWithoutWaiting,
        &["Grant", "LoseSession", "TakeLock(1)", "Stamp(1)", "Return", "HandOver"],
        "the lease is in the table of the leader before",
    );
}
