//! The same change once more, later or at the same moment: it is one change, and whoever asks for it hears of it when it is in force.

use std::sync::atomic::{AtomicBool, Ordering};

use crewline_api::permissions::v1 as pb;
use futures_util::future::join_all;
use tokio::join;
use tonic::Status;

use crate::node::Node;
use crate::permissions_alone::{Alone, LONG_LEASE, SHORT_LEASE};

const TIMES: usize = 20;

/// Makes the same call twenty times at once, which the only node confirms some time later: what all were told when they returned.
async fn at_once(
    alone: &Alone,
    node: &mut Node,
    call: impl AsyncFn() -> Result<pb::ChangeReceipt, Status>,
) -> Vec<pb::ChangeReceipt> {
    let confirmed = AtomicBool::new(false);
    let before = node.facts.revision;
    let calls = join_all((0..TIMES).map(|_| async {
        let receipt = call().await.expect("revoked");
        assert!(confirmed.load(Ordering::SeqCst), "it returned before the node had confirmed");
        receipt
    }));
    let confirming = async {
        let revision = node.change().await.revision;
        for _ in 0..10 {
            node.renew_holding_back(before).await;
            assert!(!alone.is_in_force(revision).await);
        }
        confirmed.store(true, Ordering::SeqCst);
        let (others, _) = node.renew().await;
        assert_eq!(others, [], "there is one change");
        revision
    };
    let (receipts, revision) = join!(calls, confirming);
    for receipt in &receipts {
        assert_eq!((receipt.revision, receipt.nodes_confirmed, receipt.nodes_waited_out), (revision, 1, 0));
        assert_eq!(receipt.in_force_time, receipts[0].in_force_time);
        assert!(receipt.in_force_time.is_some());
    }
    assert_eq!(node.renew().await.0, [], "nor has another come since");
    receipts
}

#[tokio::test]
async fn twenty_revocations_with_one_key_at_the_same_moment_are_one_change_for_which_all_wait() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let receipts = at_once(&alone, &mut node, async || alone.revoke_with_patience().await).await;
    assert_eq!(receipts.iter().filter(|receipt| !receipt.replayed).count(), 1);
}

#[tokio::test]
async fn of_revocations_without_a_key_at_the_same_moment_one_is_a_change_and_the_others_wait_for_it_too() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let receipts = at_once(&alone, &mut node, async || alone.revoke_anew().await).await;
    assert!(receipts.iter().all(|receipt| !receipt.replayed), "there is nothing that they repeat");
}

#[tokio::test]
async fn a_retry_after_a_deadline_that_was_too_short_tells_who_had_to_be_waited_out() {
    let alone = Alone::with_lease_of(SHORT_LEASE).await;
    let mut silent = alone.node().await;
    let ((), revision) = join!(alone.revoke_in_haste(), async { silent.change().await.revision });
    assert!(!alone.is_in_force(revision).await);
    let retried = alone.revoke_with_patience().await.expect("revoked");
    assert_eq!((retried.revision, retried.replayed), (revision, true));
    assert_eq!((retried.nodes_confirmed, retried.nodes_waited_out), (0, 1));
    let change = alone.audited(revision).await.expect("a change");
    assert_eq!((change.in_force_time, change.nodes_waited_out), (retried.in_force_time, 1));
    assert!(change.in_force_time.is_some());
}
