//! A send that is under way when its sender loses access: the node confirms when it has ended, and no sooner.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use crate::apart::Apart;
use crate::company::{Company, try_send};
use crate::engine::hold_writers;
use crate::refusals::reason_of;
use crate::switchboard::{Cause, Switchboard};

/// One at least has its permit when the revocation comes.
const AT_ONCE: usize = 8;
const A_MOMENT: Duration = Duration::from_millis(300);

/// Tina sends, several messages at once and one after the other, until she is told that she may not.
fn tina_sends(company: &Arc<Company>) -> JoinHandle<()> {
    let company = Arc::clone(company);
    tokio::spawn(async move {
        let send = async |sender: usize| {
            for number in 0.. {
                let id = format!("{sender}-{number}");
                let sent = try_send(&company.tina, &company.thread, &id, &id).await;
                if sent.is_err_and(|status| reason_of(&status) == "CHAT_PERMISSION_REQUIRED") {
                    return;
                }
            }
        };
        join_all((0..AT_ONCE).map(send)).await;
    })
}

#[tokio::test]
async fn a_revocation_waits_for_the_sends_of_the_one_revoked_and_nobody_elses() {
    // So long that only a node which does not confirm is waited out.
    let apart = Apart::with(&[("CREWLINE_PERMISSIONS__LEASE_MILLIS", "60000")], &[]).await;
    let company = Arc::new(Company::open(&apart.callers().await).await);
    let board = Switchboard::of(&company);
    let writer = hold_writers(&apart.chat.chat_database().await).await;
    let sending = tina_sends(&company);
    // What tina has under way is in nobody else's way.
    assert_eq!(board.turn(&Cause::Permissions("theo".into()), false).await, (1, 0), "confirmed, waited out");
    let mut revocation = tokio::spawn(async move { board.turn(&Cause::Permissions("tina".into()), false).await });
    let returned = tokio::time::timeout(A_MOMENT, &mut revocation).await;
    assert!(returned.is_err(), "it returned with a send under way: {returned:?}");
    writer.rollback().await.expect("released");

    assert_eq!(revocation.await.expect("returned"), (1, 0), "confirmed, waited out");
    // The node has finished or refused everything.
    let there = company.messages().await;
    sending.await.expect("settled");
    assert_eq!(company.messages().await, there);
}

#[tokio::test]
async fn a_send_that_cannot_end_holds_a_revocation_up_for_a_lease_at_most() {
    let apart = Apart::start().await;
    let company = Arc::new(Company::open(&apart.callers().await).await);
    let board = Switchboard::of(&company);
    let writer = hold_writers(&apart.chat.chat_database().await).await;
    let sending = tina_sends(&company);
    board.turn(&Cause::Permissions("theo".into()), false).await;
    assert_eq!(board.turn(&Cause::Permissions("tina".into()), false).await, (0, 1), "confirmed, waited out");
    writer.rollback().await.expect("released");
    sending.await.expect("settled");
    // Those that were under way had a time, which was up before the lease.
    assert_eq!(company.messages().await, []);
}
