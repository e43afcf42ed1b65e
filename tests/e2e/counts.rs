//! What a call costs does not grow with the company: the statements that it executes are as many for a hundred thousand threads as for a
//! thousand.

use std::time::Instant;

use ::chat::store::entities::{messages, threads};
use chat::ListThreadsRequest;
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use sea_orm::{DatabaseConnection, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use crate::calls;
use crate::company::{CUSTOMER, Company, JOB, try_send};
use crate::inbox_reader::InboxReader;
use crate::metrics::Metrics;
use crate::waiting::until;

const FEW: usize = 1_000;
const MANY: usize = 100_000;
/// Rows in one statement.
const CHUNK: usize = 1_000;
const STATEMENTS: &str = "crewline_chat_statements";

/// The statements of what was done so far.
struct Ledger {
    metrics: Metrics,
    entries: Vec<(&'static str, u64)>,
    before: (u64, Instant),
}

impl Ledger {
    async fn begin(&mut self) {
        self.before = (self.metrics.count(STATEMENTS).await, Instant::now());
    }

    async fn end(&mut self, what: &'static str) {
        let (before, began) = self.before;
        let took = began.elapsed();
        let statements = self.metrics.count(STATEMENTS).await - before;
        println!("  {what}: {statements} statements, {:.1} ms", took.as_secs_f64() * 1e3);
        self.entries.push((what, statements));
    }
}

/// The statements of each call in a company with so many threads more, with open inboxes of the office and of a technician.
async fn statements(more: usize) -> Vec<(&'static str, u64)> {
    println!("{more} threads");
    let (mut running, metrics) = Metrics::pair().await;
    let company = Company::open(&running.callers().await).await;
    running.kill();
    fill(&running.chat_database().await, &company.tenant, more).await;
    running.restart().await;
    let open =
        async |party: &Party| until("an inbox", async || InboxReader::try_open(party, Default::default()).await.ok()).await;
    let (mut office, mut tina) = (open(&company.olga).await, open(&company.tina).await);
    let thread = company.thread.as_str();
    let mut ledger = Ledger { metrics, entries: Vec::new(), before: (0, Instant::now()) };

    ledger.begin().await;
    try_send(&company.tina, thread, "1", "hello").await.expect("sent");
    for inbox in [&mut office, &mut tina] {
        inbox.until("the message", |inbox| inbox.shown.threads[thread].last_message.is_some()).await;
    }
    ledger.end("SendMessage").await;

    ledger.begin().await;
    company.text("1", "hello").await;
    for inbox in [&mut office, &mut tina] {
        inbox.until_unread(thread, 1).await;
    }
    ledger.end("ReceiveMessage").await;

    ledger.begin().await;
    calls::read(&company.tina, thread, 2).await.expect("read");
    tina.until_unread(thread, 0).await;
    ledger.end("MarkRead").await;

    let first = ListThreadsRequest { page_size: 50, ..Default::default() };
    ledger.begin().await;
    let page = calls::list(&company.olga, first.clone()).await.expect("listed");
    assert_eq!(page.threads.len(), 50);
    ledger.end("ListThreads").await;

    ledger.begin().await;
    let next = ListThreadsRequest { page_token: page.next_page_token, ..first.clone() };
    assert_eq!(calls::list(&company.olga, next).await.expect("listed").threads.len(), 50);
    ledger.end("ListThreads, the next page").await;

    ledger.begin().await;
    let unread = ListThreadsRequest { unread_only: true, ..first.clone() };
    assert_eq!(calls::list(&company.olga, unread).await.expect("listed").threads.len(), 50);
    ledger.end("ListThreads, what is unread").await;

    ledger.begin().await;
    assert_eq!(calls::list_job(&company.olga, JOB).await.threads.len(), 1);
    ledger.end("ListThreads of a job").await;

    ledger.begin().await;
    let with = ListThreadsRequest { contact_number: CUSTOMER.into(), ..first.clone() };
    assert_eq!(calls::list(&company.olga, with).await.expect("listed").threads.len(), 1);
    ledger.end("ListThreads with a number").await;

    ledger.begin().await;
    assert_eq!(calls::list(&company.tina, first).await.expect("listed").threads.len(), 1);
    ledger.end("ListThreads of a technician").await;

    ledger.begin().await;
    assert_eq!(InboxReader::open(&company.theo).await.ids(), [thread]);
    ledger.end("WatchInbox of a technician").await;
    ledger.entries
}

/// Open threads of other jobs and numbers, each with a text that nobody has read. Older than everything else.
async fn fill(database: &DatabaseConnection, tenant: &str, more: usize) {
    let rows: Vec<(threads::Model, messages::Model)> = (1..=more).map(|number| rows(tenant, number)).collect();
    for chunk in rows.chunks(CHUNK) {
        let threads = chunk.iter().map(|(thread, _)| thread.clone().into_active_model());
        threads::Entity::insert_many(threads).exec_without_returning(database).await.expect("threads");
        let messages = chunk.iter().map(|(_, message)| message.clone().into_active_model());
        messages::Entity::insert_many(messages).exec_without_returning(database).await.expect("messages");
    }
}

fn rows(tenant: &str, number: usize) -> (threads::Model, messages::Model) {
    let (job, contact) = (format!("f{number}"), format!("+1666{number:07}"));
    let (thread_id, tag, at) = (Uuid::new_v4(), 1, i64::try_from(number).expect("small"));
    let message = messages::Model {
        tenant_id: tenant.into(),
        thread_id,
        seq: 1,
        message_id: Uuid::new_v4(),
        author_kind: "customer".into(),
        author_id: None,
        author_name: String::new(),
        body: "a text of the usual length, with a question about the appointment".into(),
        created_at: at,
        kind: "text".into(),
        audience: "crew".into(),
        attachments: "[]".into(),
        inbound_count: 1,
        delivery_status: String::new(),
        delivery_error: String::new(),
        delivery_attempt: 0,
    };
    let thread = threads::Model {
        tenant_id: tenant.into(),
        thread_id,
        open_key: Some(format!("{job}/{contact}")),
        job_id: Some(job),
        contact_number: contact,
        state: "open".into(),
        head_seq: 1,
        head_tag: tag,
        crew_seq: 1,
        crew_tag: tag,
        inbound_count: 1,
        floor_seq: 0,
        floor_tag: 0,
        created_at: at,
        updated_at: at,
        business_number: String::new(),
        crew_floor_seq: 0,
        crew_floor_inbound: 0,
        last_message_seq: 1,
        crew_last_message_seq: 1,
        last_outbound_at: 0,
        closed_at: 0,
    };
    (thread, message)
}

#[tokio::test]
async fn a_call_executes_as_many_statements_among_a_hundred_thousand_threads_as_among_a_thousand() {
    let few = statements(FEW).await;
    assert!(few.iter().all(|(_, statements)| *statements > 0), "{few:?}");
    assert_eq!(statements(MANY).await, few);
}
