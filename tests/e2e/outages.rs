//! A database server that goes away and comes back.

use std::time::{Duration, Instant};

use chat::watch_thread_request::Position;
use crewline::party::until_heard;
use crewline_api::chat::v1 as chat;

use crate::company::{Company, refusal, try_send};
use crate::engine::Server;
use crate::reader::Reader;
use crate::running::{PATIENCE, Running};
use crate::tools;

#[tokio::test]
async fn services_find_a_postgresql_again_that_was_killed_and_started_again() {
    if tools::find("CREWLINE_POSTGRES_BIN", "the outage of PostgreSQL").is_none() {
        return;
    }
    let server = Server::start().await;
    let databases = [
        ("CREWLINE_PERMISSIONS__DATABASE_URL", server.database("permissions")),
        ("CREWLINE_CHAT__DATABASE_URL", server.database("chat")),
    ];
    let mut running = Running::start("all", &databases.each_ref().map(|(name, url)| (*name, url.as_str()))).await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = Reader::open(&company.tina, &company.thread).await;
    try_send(&company.olga, &company.thread, "m1", "before").await.expect("sent");
    tina.read_to(1).await;

    server.kill();
    let began = Instant::now();
    let refused = refusal(try_send(&company.olga, &company.thread, "m2", "during").await);
    // The permissions service does not answer renewals meanwhile, so the chat service may notice that first.
    assert!(["STORE_UNAVAILABLE", "ACCESS_UNKNOWN"].contains(&refused.as_str()), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(10), "refused after {:?}", began.elapsed());

    server.start_again();
    let sent = until_heard(async || try_send(&company.olga, &company.thread, "m2", "during").await).await.expect("sent");
    assert_eq!(sent.message.expect("a message").seq, 2);
    let mut resumed = Reader::open_at(&company.tina, &company.thread, Position::Cursor(tina.cursor.clone())).await;
    resumed.read_to(2).await;
    assert_eq!(resumed.bodies, ["during"]);
    // A change of access, so the permissions service writes again, too.
    company.assign("2", &["tina"]).await;

    // What was under way when the server died holds no connection: as many writes at a time as there are writers.
    let began = Instant::now();
    let sends = (0..64).map(|number| {
        let id = format!("after-{number}");
        let company = &company;
        async move { try_send(&company.olga, &company.thread, &id, &id).await.map(|_| ()) }
    });
    for sent in futures_util::future::join_all(sends).await {
        sent.expect("sent");
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert!(running.terminate().await.success());
}
