//! A change that was committed comes into force whatever becomes of the process that made it.

use std::time::{Duration, Instant};

use tokio::join;

use crate::permissions_alone::{Alone, LONG_LEASE};
use crate::refusals::reason_of;
use crate::waiting::until;

#[tokio::test]
async fn after_a_kill_a_change_comes_into_force_when_no_lease_from_before_can_count_any_more() {
    let mut alone = Alone::with_lease_of("5000").await;
    let mut node = alone.node().await;
    let ((), revision) = join!(alone.revoke_in_haste(), async { node.change().await.revision });
    assert!(!alone.is_in_force(revision).await, "the machine is too slow for this test");
    alone.running.kill();
    let started = Instant::now();
    alone.running.restart().await;
    until("it is in force", async || alone.is_in_force(revision).await.then_some(())).await;
    assert!(
        started.elapsed() >= Duration::from_secs(5),
        "a lease from before the kill may have counted: {:?}",
        started.elapsed()
    );
    let change = alone.audited(revision).await.expect("a change");
    assert_eq!((change.nodes_confirmed, change.nodes_waited_out), (0, 0), "nobody knows who held a lease");
    let replayed = alone.revoke().await.expect("revoked");
    assert_eq!((replayed.revision, replayed.replayed), (revision, true));
}

#[tokio::test]
async fn leases_that_were_granted_for_longer_than_now_are_waited_for_as_long() {
    let mut alone = Alone::with_lease_of("2500").await;
    let _silent = alone.node().await;
    alone.running.kill();
    alone.running.configure("CREWLINE_PERMISSIONS__LEASE_MILLIS", "200");
    let started = Instant::now();
    alone.running.restart().await;
    // Also if the one that knows of it ends soon.
    alone.running.kill();
    alone.running.restart().await;
    alone.revoke().await.expect("revoked");
    assert!(started.elapsed() >= Duration::from_millis(2_500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_call_that_waits_when_the_process_is_told_to_end_is_answered_first() {
    let mut alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let pid = alone.running.process_id().to_string();
    let ending = async {
        let revision = node.change().await.revision;
        assert!(std::process::Command::new("kill").arg(&pid).status().expect("kill").success());
        alone.running.until_logged("draining").await;
        node.acknowledge(revision).await;
        reason_of(&node.end().await)
    };
    let (revoked, ended) = join!(alone.revoke(), ending);
    assert_eq!(revoked.expect("revoked").nodes_confirmed, 1);
    assert_eq!(ended, "DRAINING");
    assert!(alone.running.exit().await.success());
}
