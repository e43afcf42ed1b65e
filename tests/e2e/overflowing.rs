//! More threads of an inbox change at once than it can remember: it looks at all that it shows, once.

use ::chat::store::entities::threads;
use chat::{ThreadState, WatchInboxRequest};
use crewline_api::chat::v1 as chat;
use sea_orm::{EntityTrait, IntoActiveModel};
use uuid::Uuid;

use crate::company::{CUSTOMER, Company};
use crate::inbox_reader::InboxReader;
use crate::metrics::Metrics;
use crate::records::Records;
use crate::waiting::until;

/// An inbox remembers 4,096, and shows 10,000.
const THREADS: usize = 10_050;
const SHOWN: usize = 10_000;
const READS: &str = "crewline_chat_inbox_reads";

/// A closed thread of the customer's about a job of its own, without events.
fn closed(tenant: &str, number: usize) -> threads::Model {
    let at = i64::try_from(number).expect("small") + 1;
    threads::Model {
        tenant_id: tenant.into(),
        thread_id: Uuid::new_v4(),
        job_id: Some(format!("f{number}")),
        contact_number: CUSTOMER.into(),
        state: "closed".into(),
        open_key: None,
        head_seq: 0,
        head_tag: 0,
        crew_seq: 0,
        crew_tag: 0,
        inbound_count: 0,
        floor_seq: 0,
        floor_tag: 0,
        created_at: at,
        updated_at: at,
        business_number: String::new(),
        crew_floor_seq: 0,
        crew_floor_inbound: 0,
        last_message_seq: 0,
        crew_last_message_seq: 0,
        last_outbound_at: 0,
        closed_at: at,
    }
}

#[tokio::test]
async fn an_inbox_in_which_more_changes_than_it_can_remember_becomes_right_and_quiet_again() {
    let (mut running, metrics) = Metrics::pair().await;
    let company = Company::open(&running.callers().await).await;
    running.kill();
    let database = running.chat_database().await;
    let rows: Vec<threads::Model> = (0..THREADS).map(|number| closed(&company.tenant, number)).collect();
    for chunk in rows.chunks(500) {
        let chunk = chunk.iter().map(|row| row.clone().into_active_model());
        threads::Entity::insert_many(chunk).exec_without_returning(&database).await.expect("threads");
    }
    running.restart().await;
    let filter = WatchInboxRequest { state: ThreadState::Closed.into(), ..Default::default() };
    let mut inbox = until("an inbox", async || InboxReader::try_open(&company.olga, filter.clone()).await.ok()).await;
    assert_eq!(inbox.shown.threads.len(), SHOWN);
    assert!(inbox.snapshot_end.expect("an end").truncated, "there are more");

    Records::of(&running).set(&company.olga, CUSTOMER, "", true).await.expect("set");
    inbox.until("all are told", |inbox| inbox.shown.threads.values().all(|thread| thread.contact_opted_out)).await;
    assert!(inbox.removed.is_empty(), "nothing has gone");
    // What is left of it, if anything, is read before the next change is.
    Records::of(&running).set(&company.olga, "+15550100999", "", true).await.expect("set");
    let mut before = metrics.count(READS).await;
    until("it is quiet", async || {
        tokio::task::yield_now().await;
        let now = metrics.count(READS).await;
        (std::mem::replace(&mut before, now) == now).then_some(())
    })
    .await;
    let all = u64::try_from(SHOWN).expect("small") / 32;
    assert!(before < 5 * all, "{before} reads for {all} pages");
}
