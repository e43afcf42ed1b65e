//! One node keeps every promise; each fault is found.

use super::*;
use crate::search::{exhaust, hunt};

fn found(name: &str, fault: Fault, through: &[&str], because: &str) {
    hunt(name, OneNode { fault: Some(fault) }, through, because);
}

#[test]
fn one_node_keeps_every_promise() {
    exhaust("one node", OneNode { fault: None });
}

#[test]
fn a_revocation_that_waits_for_no_lease_is_found() {
    found(
        "no commit-wait",
        Fault::NoCommitWait,
        &["Grant", "Revoke", "Stamp", "Return", "HandOver"],
        "the node holds a lease from before, and nobody has asked it",
    );
}

#[test]
fn a_lease_dated_from_its_receipt_is_found() {
    found(
        "lease dated from receipt, not from send",
        Fault::DatedFromReceipt,
        &["Enter", "Tick", "TakeLease", "Tick", "Tick", "Stamp", "Return", "HandOver"],
        "the answer was under way for a tick, which the service counts and the node does not",
    );
}

#[test]
fn a_lease_without_a_margin_is_found() {
    found(
        "no drift margin",
        Fault::NoMargin,
        &["Enter", "TakeLease", "TickUnseen", "Stamp", "Return", "HandOver"],
        "the node's clock missed a tick, so that its lease outlives the service's",
    );
}

#[test]
fn a_start_that_waits_for_nothing_is_found() {
    found(
        "restart without waiting out old leases",
        Fault::RestartWithoutWaiting,
        &["Grant", "Revoke", "RestartPermissions", "Stamp", "Return", "HandOver"],
        "the lease was in the table that died",
    );
}

#[test]
fn a_lease_that_any_view_can_use_is_found() {
    found(
        "grant carries no revision",
        Fault::GrantWithoutRevision,
        &["Revoke", "Stamp", "Return", "Grant", "TakeLease", "HandOver"],
        "a lease granted after the revocation, which nothing waits for, serves a view from before it",
    );
}

#[test]
fn a_guard_that_is_asked_before_the_message_is_there_is_found() {
    found(
        "check first, fetch the message later",
        Fault::CheckBeforeFetch,
        &["AskEarly", "Apply", "Renew", "Enter", "Stamp", "Return", "Post", "HandOver"],
        "the guard agreed before the revocation, to a message that was sent after it",
    );
}

#[test]
fn a_guard_that_is_asked_when_a_message_is_queued_is_found() {
    found(
        "guard at enqueue",
        Fault::GuardAtEnqueue,
        &["AskEarly", "Apply", "Renew", "Enter", "Stamp", "Return", "HandOver"],
        "the message was queued before the revocation, and leaves after the node has acknowledged it",
    );
}

#[test]
fn an_acknowledgement_before_the_view_is_published_is_found() {
    found(
        "ack before publish",
        Fault::AckBeforePublish,
        &["Receive", "Renew", "Enter", "Stamp", "Return", "HandOver"],
        "the node has confirmed, and still hands out by the view from before",
    );
}

#[test]
fn an_acknowledgement_over_an_open_permit_is_found() {
    found(
        "permit not pinned",
        Fault::PermitNotPinned,
        &["BeginWrite", "Apply", "Renew", "Enter", "Stamp", "Return", "Commit"],
        "the node has confirmed, and a write under the view from before commits",
    );
}

#[test]
fn a_permit_that_ends_with_its_commit_under_way_is_found() {
    found(
        "a commit of unknown outcome keeps no permit",
        Fault::PermitEndsAtDeadline,
        &["BeginWrite", "EndPermit", "Renew", "Enter", "Stamp", "Return", "Commit"],
        "the node took the write for ended, confirmed, and the commit came through",
    );
}

#[test]
fn a_repeated_revocation_that_returns_at_once_is_found() {
    found(
        "a repeated revocation returns early",
        Fault::RepeatReturnsEarly,
        &["Grant", "Revoke", "Return", "HandOver"],
        "the second call returned while the first still waited for the lease",
    );
}

#[test]
fn a_lease_with_the_revision_that_was_last_sent_is_found() {
    found(
        "a grant without the head read",
        Fault::GrantWithoutHeadRead,
        &["Revoke", "Stamp", "Return", "Enter", "Grant", "HandOver"],
        "a lease entered after the wait was over carries the revision from before, and the old view can use it",
    );
}

#[test]
fn a_head_that_is_read_before_the_lease_is_entered_is_found() {
    found(
        "the head read before the lease is entered",
        Fault::HeadReadBeforeEntry,
        &["ReadHead", "Revoke", "Stamp", "Return", "Grant", "HandOver"],
        "the revocation committed in between: it did not see the lease, and the lease did not see it",
    );
}

#[test]
fn a_start_of_a_node_that_releases_its_leases_is_found() {
    found(
        "a node's restart releases its old leases",
        Fault::RestartReleasesLeases,
        &["BeginWrite", "CrashNode", "Renew", "Enter", "Stamp", "Return", "Commit"],
        "the dead incarnation's commit was under way, and the answer does not count it as waited out",
    );
}

#[test]
fn a_lease_that_ran_out_and_is_not_counted_is_found() {
    found(
        "a lease that had run out is not counted",
        Fault::RanOutIsForgotten,
        &["BeginWrite", "Tick", "Tick", "Tick", "Revoke", "Stamp", "Return", "Commit"],
        "the write outlived its lease, nothing was left to wait for, and the answer counts nobody",
    );
}
