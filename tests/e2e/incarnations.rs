//! Who holds a lease is a node in one incarnation: neither its name nor what comes after it speaks for it.

use crewline_api::permissions::v1 as pb;
use tokio::join;

use crate::node::{Node, hello};
use crate::permissions_alone::{Alone, LONG_LEASE};
use crate::revoking::nodes;

/// A node of the name that all have here, in an incarnation of its own, with a lease.
async fn namesake(alone: &Alone) -> (Node, pb::Hello) {
    let hello = hello();
    let mut node = Node::saying(&alone.mint, &[&alone.company.tenant], hello.clone()).await;
    node.renew().await;
    (node, hello)
}

#[tokio::test]
async fn of_two_nodes_of_one_name_each_is_served_and_listed_and_has_to_confirm() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let ((mut one, first), (mut other, second)) = (namesake(&alone).await, namesake(&alone).await);
    let mut expected = [first.incarnation, second.incarnation];
    expected.sort();
    let listed = nodes(&alone.mint).await;
    assert!(listed.iter().all(|node| node.node_id == "node" && node.connected && node.lease_expire_time.is_some()));
    assert_eq!(listed.iter().map(|node| node.incarnation.as_str()).collect::<Vec<_>>(), expected);

    let before = one.facts.revision;
    let acknowledging = async {
        let revision = one.change().await.revision;
        assert_eq!(other.change().await.revision, revision);
        one.renew().await;
        other.renew_holding_back(before).await;
        assert!(!alone.is_in_force(revision).await, "one has confirmed");
        let applied: Vec<u64> = nodes(&alone.mint).await.iter().map(|node| node.applied).collect();
        assert!(applied.contains(&revision) && applied.contains(&before), "{applied:?}");
        other.acknowledge(revision).await;
    };
    let (receipt, ()) = join!(alone.revoke_anew(), acknowledging);
    let receipt = receipt.expect("revoked");
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (2, 0));
}

#[tokio::test]
async fn the_open_watch_of_an_old_incarnation_is_served_beside_the_new_one_and_confirms_for_itself() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let (mut old, _) = namesake(&alone).await;
    let before = old.facts.revision;
    let (mut new, _) = namesake(&alone).await;
    let acknowledging = async {
        let revision = old.change().await.revision;
        new.change().await;
        new.renew().await;
        for _ in 0..3 {
            let (_, granted_at) = old.renew_holding_back(before).await;
            assert_eq!(granted_at, revision, "its renewals are answered");
            assert!(!alone.is_in_force(revision).await, "the new one does not speak for it");
        }
        old.acknowledge(revision).await;
    };
    let (receipt, ()) = join!(alone.revoke_anew(), acknowledging);
    let receipt = receipt.expect("revoked");
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (2, 0));
}

#[tokio::test]
async fn a_second_watch_of_one_incarnation_takes_the_leases_of_the_first_over() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let (mut first, own) = namesake(&alone).await;
    let before = first.facts.revision;
    let coming_back = async {
        let revision = first.change().await.revision;
        let mut second = Node::saying(&alone.mint, &[&alone.company.tenant], own).await;
        assert!(first.frame().await.expect("a good end").is_none());
        second.renew_holding_back(before).await;
        assert!(!alone.is_in_force(revision).await, "what the first was granted still counts");
        let [listed] = nodes(&alone.mint).await.try_into().expect("one node");
        assert_eq!((listed.connected, listed.applied), (true, before));
        second.acknowledge(revision).await;
        second
    };
    let (receipt, _second) = join!(alone.revoke_anew(), coming_back);
    let receipt = receipt.expect("revoked");
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (1, 0));
}
