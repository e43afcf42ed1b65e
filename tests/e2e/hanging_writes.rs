//! A write that hangs: a revocation of that person waits for its end, for a lease at most, and nobody else's waits.

use std::time::Duration;

use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, TransactionTrait};
use tokio::join;
use tonic::{Request, Status};

use crate::calls;
use crate::changes::{FULL, VIEW, WHY, mask};
use crate::company::{Company, refusal, try_send};
use crate::engine::hold_writers;
use crate::one_at_a_time::until_waited_for;
use crate::running::Running;
use crate::waiting::until;

/// Longer than the writes hang.
const LONG_LEASE: [(&str, &str); 1] = [("CREWLINE_PERMISSIONS__LEASE_MILLIS", "60000")];
/// Far more than a revocation takes that waits for nobody.
const A_WHILE: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Takes somebody's access away, and waits for as long as a call may.
async fn revoke(company: &Company, person: &str) -> Result<pb::ChangeReceipt, Status> {
    let mut update = Request::new(pb::UpdatePermissionsRequest {
        person_id: person.into(),
        update_mask: mask(&[VIEW, FULL]),
        reason: WHY.into(),
        ..Default::default()
    });
    update.set_timeout(LONGEST);
    Ok(company.admin.directory().update_permissions(update).await?.into_inner().receipt.expect("a receipt"))
}

/// Waits until the node has the revocation in its view.
async fn until_applied(company: &Company) {
    until("tina reads nothing", async || calls::get(&company.tina, &company.thread).await.is_err().then_some(())).await;
}

/// Tina's access is taken away, which waits for her write; then the write is let go, and the revocation returns.
async fn assert_waits_until_let_go(company: &Company, held: DatabaseTransaction) {
    let revoking = revoke(company, "tina");
    tokio::pin!(revoking);
    tokio::select! {
        receipt = &mut revoking => panic!("it does not wait: {receipt:?}"),
        () = until_applied(company) => {}
    }
    let waited = tokio::time::timeout(A_WHILE, &mut revoking).await;
    assert!(waited.is_err(), "it does not wait: {waited:?}");
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "2", "too late").await), "CHAT_PERMISSION_REQUIRED");
    held.rollback().await.expect("let go");
    assert_eq!(counts(revoking.await), (1, 0), "confirmed, as soon as it was known");
}

fn counts(receipt: Result<pb::ChangeReceipt, Status>) -> (u32, u32) {
    let receipt = receipt.expect("revoked");
    assert!(receipt.in_force_time.is_some());
    (receipt.nodes_confirmed, receipt.nodes_waited_out)
}

/// Makes what Tina has read of the thread before she says so, and keeps it to itself: her first word of it has to wait.
async fn hold_first_reading(chat: &DatabaseConnection, company: &Company) -> DatabaseTransaction {
    if chat.get_database_backend() != DbBackend::Postgres {
        return hold_writers(chat).await;
    }
    let held = chat.begin().await.expect("begun");
    let insert = format!(
        "INSERT INTO read_horizons (tenant_id, person_id, thread_id, seq, inbound, inbound_read) VALUES ('{}', 'tina', '{}', 0, 0, 0)",
        company.tenant, company.thread
    );
    held.execute_unprepared(&insert).await.expect("inserted");
    held
}

/// Nothing of a write that was refused is in the thread, nor takes its number.
async fn assert_holds_only(company: &Company, bodies: &[&str]) {
    let next = company.text("next", "next").await;
    let messages: Vec<chat::Message> = company.messages().await;
    let expected: Vec<&str> = bodies.iter().copied().chain(["next"]).collect();
    assert_eq!(messages.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(next.seq, u64::try_from(expected.len()).expect("few"), "no number is missing");
}

#[tokio::test]
async fn a_revocation_waits_for_that_persons_write_until_it_is_known_to_have_ended_and_for_nobody_elses() {
    let running = Running::start("all", &LONG_LEASE).await;
    let company = Company::open(&running.callers().await).await;
    let held = hold_writers(&running.chat_database().await).await;
    // Given up, but nobody knows yet what became of it.
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "hangs").await), "STORE_UNAVAILABLE");
    assert_eq!(counts(revoke(&company, "theo").await), (1, 0), "he writes nothing");
    assert_waits_until_let_go(&company, held).await;
    assert_holds_only(&company, &[]).await;
}

#[tokio::test]
async fn a_revocation_waits_for_what_somebody_says_for_the_first_time_that_they_have_read() {
    let running = Running::start("all", &LONG_LEASE).await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let held = hold_first_reading(&running.chat_database().await, &company).await;
    assert_eq!(refusal(calls::read(&company.tina, &company.thread, 1).await), "STORE_UNAVAILABLE");
    assert_waits_until_let_go(&company, held).await;
}

#[tokio::test]
async fn a_write_that_goes_on_hanging_is_waited_for_no_longer_than_a_lease_and_is_never_committed() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    try_send(&company.tina, &company.thread, "0", "before").await.expect("sent");
    let held = hold_writers(&running.chat_database().await).await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "hangs").await), "STORE_UNAVAILABLE");
    assert_eq!(counts(revoke(&company, "tina").await), (0, 1));
    // What a node confirms it confirms up to a revision: whoever comes after her waits for a lease, too, and not for longer.
    counts(revoke(&company, "theo").await);
    held.rollback().await.expect("let go");
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "hangs").await), "CHAT_PERMISSION_REQUIRED");
    assert_holds_only(&company, &["before"]).await;
}

#[tokio::test]
async fn a_write_that_gets_its_turn_after_the_revocation_is_refused_and_the_revocation_confirmed() {
    let running = Running::start("all", &LONG_LEASE).await;
    let company = Company::open(&running.callers().await).await;
    let held = hold_writers(&running.chat_database().await).await;
    let sends = async {
        join!(
            try_send(&company.tina, &company.thread, "1", "one"),
            try_send(&company.tina, &company.thread, "2", "two"),
            try_send(&company.theo, &company.thread, "1", "theo's"),
        )
    };
    let revoking = async {
        until_waited_for(&held).await;
        let letting_go = async {
            until_applied(&company).await;
            held.rollback().await.expect("let go");
        };
        join!(revoke(&company, "tina"), letting_go).0
    };
    let ((one, two, theos), revoked) = join!(sends, revoking);
    assert_eq!([refusal(one), refusal(two)], ["CHAT_PERMISSION_REQUIRED", "CHAT_PERMISSION_REQUIRED"]);
    theos.expect("sent");
    assert_eq!(counts(revoked), (1, 0));
    assert_holds_only(&company, &["theo's"]).await;
}
