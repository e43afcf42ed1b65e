//! A call that takes access away returns when every node has confirmed it, or cannot hand anything out any more.

use std::time::{Instant, SystemTime};

use crewline::demo::office::create_person;
use crewline_api::permissions::v1 as pb;
use futures_util::{StreamExt, stream};
use pb::access_service_client::AccessServiceClient;
use tokio::join;
use tokio::time::timeout;

use crate::company::{Company, refusal};
use crate::node::{Node, hello};
use crate::permissions_alone::{Alone, LONG_LEASE, SHORT, SHORT_LEASE, SOON};
use crate::running::Running;
use crate::tokens::{Claims, Mint, with_token};
use crate::waiting::until;

/// The nodes, as an operator is told of them.
pub async fn nodes(mint: &Mint) -> Vec<pb::Node> {
    let token = mint.token(Claims::person("operator", "otto", &["*"]));
    let mut access = AccessServiceClient::new(mint.permissions.clone());
    access.list_nodes(with_token(&token, pb::ListNodesRequest {})).await.expect("listed").into_inner().nodes
}

fn at(time: Option<prost_types::Timestamp>) -> SystemTime {
    time.expect("a time").try_into().expect("after 1970")
}

#[tokio::test]
async fn a_revocation_returns_when_the_node_has_acknowledged_it_and_not_before() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let before = node.facts.revision;
    let acknowledging = async {
        let revision = node.change().await.revision;
        // Whatever else the node says, and however often: it has not applied this change.
        for _ in 0..20 {
            node.renew_holding_back(before).await;
            assert!(!alone.is_in_force(revision).await);
        }
        node.acknowledge(revision).await;
        revision
    };
    let (receipt, revision) = join!(alone.revoke(), acknowledging);
    let receipt = receipt.expect("revoked");
    assert_eq!((receipt.revision, receipt.replayed), (revision, false));
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (1, 0));
    let change = alone.audited(revision).await.expect("a change");
    assert_eq!(change.in_force_time, receipt.in_force_time);
    assert_eq!((change.nodes_confirmed, change.nodes_waited_out), (1, 0));
    assert!(at(change.in_force_time) > at(change.commit_time));
}

#[tokio::test]
async fn a_node_that_says_nothing_is_waited_for_until_its_lease_has_run_out() {
    let alone = Alone::with_lease_of(SHORT_LEASE).await;
    let mut node = Node::with_snapshot(&alone.mint, &[&alone.company.tenant]).await;
    let before_the_lease = Instant::now();
    node.renew().await;
    let receipt = alone.revoke().await.expect("revoked");
    assert!(before_the_lease.elapsed() >= SHORT, "the lease still counted: {:?}", before_the_lease.elapsed());
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (0, 1));
    assert!(alone.running.log().contains("a node did not confirm a change"), "it is named in the log");
}

#[tokio::test]
async fn neither_leaving_nor_starting_again_releases_the_lease_of_a_node() {
    let alone = Alone::with_lease_of(SHORT_LEASE).await;
    let before_the_lease = Instant::now();
    drop(alone.node().await);
    let mut again = alone.node().await;
    let acknowledging = async {
        again.change().await;
        again.renew().await;
    };
    let (receipt, ()) = join!(alone.revoke(), acknowledging);
    let receipt = receipt.expect("revoked");
    assert!(before_the_lease.elapsed() >= SHORT);
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (1, 1));
}

#[tokio::test]
async fn without_a_node_that_holds_a_lease_a_revocation_returns_at_once() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let _watches_and_holds_none = Node::with_snapshot(&alone.mint, &[&alone.company.tenant]).await;
    let receipt = alone.revoke().await.expect("revoked");
    assert!(receipt.in_force_time.is_some());
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (0, 0));
}

#[tokio::test]
async fn a_grant_waits_neither_for_nodes_nor_for_the_revocations_before_it() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let _silent = alone.node().await;
    let granted = alone.permit("vera", true).await.expect("granted");
    assert!(granted.in_force_time.is_some());
    alone.revoke_in_haste().await;
    assert!(alone.permit("tina", true).await.expect("granted").in_force_time.is_some());
}

#[tokio::test]
async fn whoever_does_not_wait_is_told_so_and_the_change_goes_on() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    alone.revoke_in_haste().await;
    let change = node.change().await;
    assert_eq!((change.people[0].person_id.as_str(), change.people[0].level()), ("tina", pb::ChatAccess::None));
    let waits = alone.audited(change.revision).await.expect("a change");
    assert_eq!((waits.in_force_time, waits.nodes_confirmed, waits.nodes_waited_out), (None, 0, 0));
    node.renew().await;
    until("it is in force", async || alone.is_in_force(change.revision).await.then_some(())).await;
    assert_eq!(alone.audited(change.revision).await.expect("a change").nodes_confirmed, 1);
}

#[tokio::test]
async fn a_revocation_that_is_repeated_returns_no_sooner_than_the_first() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    alone.revoke_in_haste().await;
    let revision = node.change().await.revision;
    // With its key; with another, where there is nothing left to change, of hers or of anybody's; and so does what takes nothing away.
    alone.revoke_in_haste().await;
    alone.permit_in_haste("tina", false).await;
    alone.permit_in_haste("theo", true).await;
    let rename = pb::Person { person_id: "theo".into(), display_name: "Theo".into(), ..Default::default() };
    assert!(timeout(SOON, alone.company.set_person(rename, "display_name")).await.is_err());
    node.renew().await;
    let replayed = alone.revoke().await.expect("revoked");
    assert_eq!((replayed.revision, replayed.replayed, replayed.nodes_confirmed), (revision, true, 1));
    let nothing_to_change = alone.permit("tina", false).await.expect("revoked");
    assert!(nothing_to_change.revision > revision && nothing_to_change.in_force_time.is_some(), "as of the newest change");
}

#[tokio::test]
async fn revocations_of_another_tenant_are_not_waited_for() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let (other, _) = Company::without_thread(&alone.running.callers().await).await;
    let _silent = alone.node().await;
    alone.revoke_in_haste().await;
    // A change that takes nothing away and is no grant.
    let rename = pb::Person { person_id: "tina".into(), display_name: "Tina".into(), ..Default::default() };
    other.set_person(rename, "display_name").await;
}

#[tokio::test]
async fn many_revocations_at_once_are_all_confirmed_by_one_acknowledgement() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let company = &alone.company;
    let all =
        async { join!(company.permit("tina", false, false), company.permit("theo", false, false), company.set_chat(false)) };
    let acknowledging = async {
        for _ in 0..3 {
            node.change().await;
        }
        node.renew().await;
    };
    let ((tina, theo, chat), ()) = join!(all, acknowledging);
    for revision in [tina, theo, chat] {
        let change = alone.audited(revision).await.expect("a change");
        assert_eq!((change.in_force_time.is_some(), change.nodes_confirmed), (true, 1), "{}", change.kind);
    }
}

#[tokio::test]
async fn a_second_watch_of_one_incarnation_ends_the_first_and_two_nodes_of_one_name_are_both_served() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let tenants = [alone.company.tenant.as_str()];
    let hello_of_one = hello();
    let mut first = Node::saying(&alone.mint, &tenants, hello_of_one.clone()).await;
    let mut namesake = Node::with_lease(&alone.mint, &tenants).await;
    let mut second = Node::saying(&alone.mint, &tenants, hello_of_one).await;
    assert!(first.frame().await.expect("a good end").is_none());
    for node in [&mut second, &mut namesake] {
        node.renew().await;
    }
    assert_eq!(nodes(&alone.mint).await.iter().filter(|node| node.connected).count(), 2);
    let acknowledging = async {
        for node in [&mut second, &mut namesake] {
            node.change().await;
            node.renew().await;
        }
    };
    let (receipt, ()) = join!(alone.revoke(), acknowledging);
    assert_eq!(receipt.expect("revoked").nodes_confirmed, 2);
}

#[tokio::test]
async fn the_list_of_nodes_says_how_far_each_is_and_until_when_it_is_waited_for() {
    let alone = Alone::with_lease_of(SHORT_LEASE).await;
    assert_eq!(nodes(&alone.mint).await, []);
    let mut node = alone.node().await;
    let [listed] = nodes(&alone.mint).await.try_into().expect("one node");
    assert_eq!((listed.node_id.as_str(), listed.connected), ("node", true));
    assert_eq!((listed.applied, listed.lag), (node.facts.revision, 0));
    assert!(at(listed.lease_expire_time) > at(listed.last_heard_time));

    alone.company.permit("vera", true, true).await;
    alone.company.reset("vera").await;
    let [behind] = nodes(&alone.mint).await.try_into().expect("one node");
    assert_eq!((behind.applied, behind.lag), (node.facts.revision, 2));
    node.renew().await;
    drop(node);
    let left = until("it has left", async || nodes(&alone.mint).await.into_iter().find(|node| !node.connected)).await;
    assert!(left.lease_expire_time.is_some());
    until("it is forgotten", async || nodes(&alone.mint).await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn only_changes_of_the_tenant_are_found_by_their_revision() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let other = Company::without_thread(&alone.running.callers().await).await.1;
    assert_eq!(refusal(alone.audited(0).await), "INVALID_FIELD");
    for unknown in [other, other + 1, u64::MAX] {
        assert_eq!(refusal(alone.audited(unknown).await), "RESOURCE_NOT_FOUND", "{unknown}");
    }
}

#[tokio::test]
async fn the_chat_service_confirms_a_revocation_by_itself() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let revoked = crewline::demo::office::set_permissions(&company.admin, "tina", false, false).await.expect("revoked");
    let receipt = revoked.into_inner().receipt.expect("a receipt");
    assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (1, 0));
}

/// More than the transport takes in for a reader that does not read.
const PEOPLE: usize = 500;

#[tokio::test]
async fn a_node_that_cannot_keep_up_with_what_it_is_told_can_still_acknowledge() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let company = &alone.company;
    let name = "長".repeat(100);
    stream::iter(0..PEOPLE)
        .for_each_concurrent(4, |number| {
            let (admin, id, name) = (&company.admin, format!("p{number}"), &name);
            async move {
                create_person(admin, &id, name, pb::PersonKind::Technician).await.expect("a person");
            }
        })
        .await;
    let mut node = alone.node().await;
    alone.revoke_in_haste().await;
    let revision = node.change().await.revision;
    // Each tells of everybody, and nobody reads it: the stream stands still.
    for (view, full) in [(true, false), (true, true)] {
        company.set_role("technician", view, full).await;
    }
    node.acknowledge(revision).await;
    until("it is in force", async || alone.is_in_force(revision).await.then_some(())).await;
}
