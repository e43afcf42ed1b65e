//! Two nodes keep every promise; each fault is found.

use super::*;
use crate::search::{exhaust, hunt};

fn found(name: &str, fault: Fault, through: &[&str], because: &str) {
    hunt(name, TwoNodes { fault: Some(fault) }, through, because);
}

#[test]
fn two_nodes_keep_every_promise() {
    exhaust("two nodes", TwoNodes { fault: None });
}

#[test]
fn a_revision_from_a_sequence_is_found() {
    found(
        "sequence instead of locked revision",
        Fault::SequenceInsteadOfLock,
        &[
            "Draw(Revocation)",
            "Draw(Regrant)",
            "Commit(Regrant)",
            "Grant",
            "Apply",
            "Commit(Revocation)",
            "Stamp",
            "Return",
            "HandOver",
        ],
        "the higher revision committed first; the node is past the revocation without having seen it, and its lease is newer",
    );
}

#[test]
fn a_node_that_looks_dead_and_is_not_waited_for_is_found() {
    found(
        "a node that looks dead is not waited for",
        Fault::LooksDeadIsReleased,
        &["Grant", "Commit(Revocation)", "Part", "Stamp", "Return", "HandOver"],
        "its stream has ended, it lives, and its lease goes on",
    );
}

#[test]
fn a_crashed_node_that_is_not_counted_is_found() {
    found(
        "a node that crashed is not counted",
        Fault::CrashedIsNotCounted,
        &["Commit(Revocation)", "TakeLease", "Crash", "Tick", "Stamp"],
        "it was able to hand out when the revocation was committed, and the answer leaves it out",
    );
}
