//! What a node says that it must not say, or says of what it does not know: no revocation comes into force by it, and none waits for it longer
//! than for a lease.

use std::time::Instant;

use crewline_api::permissions::v1 as pb;
use pb::watch_access_request::Frame as Say;
use tokio::join;

use crate::node::{Node, hello};
use crate::permissions_alone::{Alone, LONG_LEASE, SHORT, SHORT_LEASE};
use crate::refusals::reason_of;

/// What breaks the protocol right after the first renewal, when the change of this revision is the newest that was sent.
fn misdeeds(newest: u64) -> Vec<Say> {
    let renew = |n, applied| Say::Renew(pb::Renew { n, applied });
    vec![
        // What would acknowledge the change, if it were taken.
        renew(1, newest),
        renew(0, newest),
        renew(2, newest + 1),
        renew(2, u64::MAX),
        // A cursor acknowledges nothing, and a hello comes once.
        Say::Hello(pb::Hello { cursor: newest, ..hello() }),
    ]
}

#[tokio::test]
async fn a_node_that_breaks_the_protocol_neither_releases_a_revocation_nor_holds_it_longer_than_its_lease() {
    let alone = Alone::with_lease_of(SHORT_LEASE).await;
    for misdeed in 0..misdeeds(0).len() {
        let mut node = Node::with_snapshot(&alone.mint, &[&alone.company.tenant]).await;
        let before_the_lease = Instant::now();
        node.renew().await;
        let misbehaving = async {
            let frame = misdeeds(node.change().await.revision).swap_remove(misdeed);
            node.say(frame.clone()).await;
            assert_eq!(reason_of(&node.end().await), "INVALID_FIELD", "{frame:?}");
        };
        let (receipt, ()) = join!(alone.revoke_anew(), misbehaving);
        let receipt = receipt.expect("in force all the same");
        assert!(before_the_lease.elapsed() >= SHORT, "misdeed {misdeed} released it: {:?}", before_the_lease.elapsed());
        assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (0, 1), "misdeed {misdeed}");
        alone.permit("tina", true).await.expect("granted again");
    }
}

#[tokio::test]
async fn who_acknowledges_before_the_hello_is_refused_and_confirms_nothing() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let acknowledging = async {
        let revision = node.change().await.revision;
        let mut hasty = Node::connect(&alone.mint, &[&alone.company.tenant]).await;
        hasty.acknowledge(revision).await;
        assert_eq!(reason_of(&hasty.end().await), "INVALID_FIELD");
        let mut nobody = Node::connect(&alone.mint, &[&alone.company.tenant]).await;
        nobody.say_nothing().await;
        assert_eq!(reason_of(&nobody.end().await), "INVALID_FIELD");
        assert!(!alone.is_in_force(revision).await);
        node.acknowledge(revision).await;
    };
    let (receipt, ()) = join!(alone.revoke_anew(), acknowledging);
    assert_eq!(receipt.expect("revoked").nodes_confirmed, 1);
}

#[tokio::test]
async fn a_cursor_acknowledges_nothing_be_it_known_from_the_future_or_of_another_epoch() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let tenants = [alone.company.tenant.as_str()];
    let own = hello();
    let mut node = Node::saying(&alone.mint, &tenants, own.clone()).await;
    node.renew().await;
    let (epoch, before) = (node.facts.epoch, node.facts.revision);
    let coming_back = async {
        let revision = node.change().await.revision;
        for (epoch, cursor) in [(epoch, revision + 1), (epoch, u64::MAX), (epoch + 1, revision), (0, revision), (0, 0)] {
            let mut back = Node::saying(&alone.mint, &tenants, pb::Hello { epoch, cursor, ..own.clone() }).await;
            assert_eq!(back.facts.revision, revision, "a snapshot of now");
            // It goes on to say how far it was before.
            back.renew_holding_back(before).await;
            assert!(!alone.is_in_force(revision).await, "epoch {epoch}, cursor {cursor}");
        }
        let mut back = Node::connect(&alone.mint, &tenants).await;
        back.facts = node.facts.clone();
        back.say(Say::Hello(pb::Hello { epoch, cursor: revision, ..own })).await;
        back.renew_holding_back(before).await;
        assert!(!alone.is_in_force(revision).await, "a cursor that can be served");
        back.acknowledge(revision).await;
        back
    };
    let (receipt, _back) = join!(alone.revoke_anew(), coming_back);
    let receipt = receipt.expect("revoked");
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (1, 0), "one node, however often it came back");
}

#[tokio::test]
async fn whatever_else_goes_on_a_silent_node_is_waited_for_no_longer_than_its_lease() {
    let alone = Alone::with_lease_of("3000").await;
    let mut node = alone.node().await;
    let before = node.facts.revision;
    let revoked = alone.revoke_anew();
    tokio::pin!(revoked);
    let mut others = 0;
    let receipt = loop {
        // Each is a revision of its own, at which the node gets a lease of its own; none is the confirmation.
        let another = async {
            alone.company.assign_to(&format!("other-{others}"), "1", &["vera"]).await;
            node.renew_holding_back(before).await;
        };
        tokio::select! {
            receipt = &mut revoked => break receipt,
            () = another => others += 1,
        }
    };
    let receipt = receipt.unwrap_or_else(|status| panic!("still not in force after {others} others: {status}"));
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (0, 1));
}
