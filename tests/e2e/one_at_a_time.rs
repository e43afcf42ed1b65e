//! Of a number's texts one is out at a time, also where two threads of it are written to at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement, TransactionTrait};

use crate::company::{CUSTOMER, Company, try_send};
use crate::gateway::Gateway;
use crate::running::Running;
use crate::waiting::until;

const A_WHILE: Duration = Duration::from_millis(300);

/// Keeps whoever writes that Tina has read something waiting, after all else that a send does. On SQLite nobody else writes meanwhile anyway.
async fn hold_reading(chat: &DatabaseConnection) -> DatabaseTransaction {
    let held = chat.begin().await.expect("begun");
    if held.get_database_backend() == DbBackend::Postgres {
        held.execute_unprepared("SELECT 1 FROM read_horizons WHERE person_id = 'tina' FOR UPDATE").await.expect("held");
    }
    held
}

/// Waits until somebody waits for it.
pub async fn until_waited_for(held: &DatabaseTransaction) {
    let engine = held.get_database_backend();
    if engine == DbBackend::Postgres {
        let waits = "SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))";
        let waits = Statement::from_string(engine, waits);
        until("a send waits", async || held.query_one_raw(waits.clone()).await.expect("asked")).await;
    }
}

#[tokio::test]
async fn a_text_that_is_committed_late_does_not_go_out_beside_the_one_behind_it() {
    let running = Running::pair().await;
    let company = Arc::new(Company::open(&running.callers().await).await);
    let second = company.start_thread("1002", CUSTOMER).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    try_send(&company.tina, &company.thread, "0", "before").await.expect("sent");
    gateway.accept_next().await;

    let held = hold_reading(&running.chat_database().await).await;
    let late = tokio::spawn({
        let company = Arc::clone(&company);
        async move { try_send(&company.tina, &company.thread, "1", "one").await }
    });
    until_waited_for(&held).await;
    let other = tokio::spawn({
        let company = Arc::clone(&company);
        async move { try_send(&company.olga, &second, "2", "another").await }
    });
    let first = gateway.next_within(A_WHILE).await;
    held.rollback().await.expect("let go");
    let (late, other) = join(late, other).await;
    late.expect("a call").expect("sent");
    other.expect("a call").expect("sent");
    let first = match first {
        Some(first) => first,
        None => gateway.next().await,
    };
    assert_eq!(gateway.next_within(A_WHILE).await.map(|text| text.body), None, "beside {}", first.body);
    gateway.accept(&first).await;
    assert_ne!(gateway.accept_next().await.body, first.body);
}
