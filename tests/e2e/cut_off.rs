//! A revocation while the wire to the node is cut or slow, or the node is gone.

use std::time::Duration;

use chat::ClosingReason;
use chat::watch_thread_response::Frame;
use crewline_api::chat::v1 as chat;

use crate::apart::Apart;
use crate::company::{Company, refusal, try_send};
use crate::switchboard::{Cause, Switchboard};

fn tinas_permissions() -> Cause {
    Cause::Permissions("tina".into())
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_is_waited_out_and_holds_by_then() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    company.assert_reaches(&mut tina, "before").await;

    apart.wire.cut();
    assert_eq!(Switchboard::of(&company).turn(&tinas_permissions(), false).await, (0, 1), "confirmed, waited out");
    // Whatever is asked now, the node does not know.
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "too late").await), "ACCESS_UNKNOWN");
    company.text("2", "after the return").await;
    apart.wire.mend();
    assert_eq!(tina.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
    assert_eq!(tina.bodies, ["before"]);
}

#[tokio::test]
async fn over_a_slow_wire_a_revocation_is_confirmed_all_the_same() {
    let apart = Apart::with(&[("CREWLINE_PERMISSIONS__LEASE_MILLIS", "20000")], &[]).await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    company.assert_reaches(&mut tina, "before").await;

    // A round trip is well within the lease.
    apart.wire.slow(Duration::from_millis(200), 50_000);
    assert_eq!(Switchboard::of(&company).turn(&tinas_permissions(), false).await, (1, 0), "confirmed, waited out");
    company.text("2", "after the return").await;
    assert_eq!(tina.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
    assert_eq!(tina.bodies, ["before"]);
}

#[tokio::test]
async fn over_a_wire_that_is_slower_than_the_lease_nothing_is_handed_out() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let (mut tina, mut theo) = (company.watch(&company.tina).await, company.watch(&company.theo).await);
    company.assert_reaches(&mut tina, "before").await;

    // An answer that comes after the lease which it grants has ended is worth nothing.
    apart.wire.slow(Duration::from_millis(1_200), u32::MAX);
    theo.until(|frame| matches!(frame, Frame::Holding(_)).then_some(())).await;
    Switchboard::of(&company).turn(&tinas_permissions(), false).await;
    company.text("2", "after the return").await;
    let passed = tokio::time::timeout(Duration::from_secs(1), theo.frame()).await;
    assert!(passed.is_err(), "held: {passed:?}");
    apart.wire.mend();
    assert_eq!(tina.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
    assert_eq!(tina.bodies, ["before"]);
    theo.hold_and_read_to(2).await;
}

#[tokio::test]
async fn a_node_that_was_killed_is_waited_out_and_its_next_life_hands_the_one_revoked_nothing() {
    let mut apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    company.text("1", "before").await;
    apart.chat.kill();
    let board = Switchboard::of(&company);
    assert_eq!(board.turn(&tinas_permissions(), false).await, (0, 1), "confirmed, waited out");
    // Nobody has a lease any more: there is nothing to wait for.
    assert_eq!(board.turn(&Cause::Permissions("vera".into()), false).await, (0, 0), "confirmed, waited out");
    apart.chat.restart().await;
    let mut theo = company.watch(&company.theo).await;
    theo.read_to(1).await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "too late").await), "CHAT_PERMISSION_REQUIRED");
    // The next life is asked, and nobody else.
    let (confirmed, waited_out) = board.turn(&Cause::Permissions("theo".into()), false).await;
    assert_eq!(confirmed + waited_out, 1);
    assert_eq!(theo.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
}

#[tokio::test]
async fn a_service_that_was_started_again_waits_for_the_leases_that_it_granted_before() {
    let mut apart = Apart::with(&[("CREWLINE_PERMISSIONS__LEASE_MILLIS", "6000")], &[]).await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    company.assert_reaches(&mut tina, "before").await;

    // The node hears of nothing, and its lease goes on for a while.
    apart.wire.cut();
    apart.permissions.kill();
    apart.permissions.restart().await;
    Switchboard::of(&company).turn(&tinas_permissions(), false).await;
    company.text("2", "after the return").await;
    apart.wire.mend();
    assert_eq!(tina.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
    assert_eq!(tina.bodies, ["before"]);
}
