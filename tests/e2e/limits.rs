//! How often who may call, and how many calls of a tenant may be under way: what is over is refused with when to come back, and others do not
//! feel it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::join;
use tonic::Status;
use tonic_types::StatusExt;

use crate::calls;
use crate::company::{Company, try_send};
use crate::permissions_alone::{Alone, LONG_LEASE};
use crate::refusals::reason_of;
use crate::running::Running;
use crate::waiting::until;

/// How long whoever is refused is told to wait.
fn wait_of(status: &Status) -> Duration {
    let wait = status.get_details_retry_info().and_then(|info| info.retry_delay).expect("when to come back");
    assert!(wait > Duration::ZERO, "{status:?}");
    wait
}

#[tokio::test]
async fn who_calls_oftener_than_is_allowed_is_told_when_to_come_back_and_others_go_on() {
    let running = Running::start("all", &[("CREWLINE_SERVER__LIMITS__CALLS_PER_SECOND_PER_CALLER", "2")]).await;
    let company = Company::open(&running.callers().await).await;
    let mut sent = 0;
    let refused = until("tina is refused", async || {
        sent += 1;
        try_send(&company.tina, &company.thread, &format!("m{sent}"), "hello").await.err()
    });
    let refused = refused.await;
    assert_eq!(reason_of(&refused), "RATE_LIMITED");
    assert!(wait_of(&refused) <= Duration::from_millis(500), "{refused:?}");
    assert!(sent > 20, "only {sent} at once");
    try_send(&company.theo, &company.thread, "t", "hello").await.expect("somebody else");
    until("tina may again", async || calls::get(&company.tina, &company.thread).await.ok()).await;
    let written = company.messages().await.len();
    assert_eq!(written, sent, "those that were let in, theo's, and nothing of the one that was not");
}

#[tokio::test]
async fn a_tenant_that_calls_oftener_than_is_allowed_holds_no_other_tenant_up() {
    let running = Running::start("all", &[("CREWLINE_SERVER__LIMITS__CALLS_PER_SECOND_PER_TENANT", "10")]).await;
    let callers = running.callers().await;
    let (company, other) = (Company::open(&callers).await, Company::open(&callers).await);
    // Many at once: one after the other they might be slower than the rate.
    let refused = until("the tenant is refused", async || {
        let answers = join_all((0..50).map(|_| calls::get(&company.olga, &company.thread))).await;
        answers.into_iter().find_map(Result::err)
    });
    assert_eq!(reason_of(&refused.await), "RATE_LIMITED");
    calls::get(&other.olga, &other.thread).await.expect("another tenant");
}

#[tokio::test]
async fn a_tenant_with_as_many_calls_under_way_as_it_may_have_waits_and_no_other_does() {
    let limits = ("CREWLINE_SERVER__LIMITS__CALLS_UNDER_WAY_PER_TENANT", "1");
    let alone = Alone::with(&[("CREWLINE_PERMISSIONS__LEASE_MILLIS", LONG_LEASE), limits]).await;
    let callers = alone.running.callers().await;
    let mut node = alone.node().await;
    // A change that waits for a node.
    let meanwhile = async {
        let revision = node.change().await.revision;
        let refused = alone.permit("theo", true).await.expect_err("one call is under way");
        assert_eq!(reason_of(&refused), "QUEUE_FULL");
        wait_of(&refused);
        Company::without_thread(&callers).await;
        node.acknowledge(revision).await;
    };
    let (revoked, ()) = join!(alone.revoke_with_patience(), meanwhile);
    revoked.expect("revoked");
    until("there is room again", async || alone.permit("theo", true).await.ok()).await;
}
