//! What the database promises to the stores, on SQLite and, where `CREWLINE_TEST_POSTGRES` names a server, on PostgreSQL.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use sea_orm::Database;
use sea_orm_migration::MigrationTrait;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

struct NoTables;

impl MigratorTrait for NoTables {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

/// A database of one test alone.
struct Scratch {
    db: Db,
    /// On PostgreSQL its schema and the name that its sessions go by.
    name: String,
    _folder: TempDir,
}

async fn sqlite() -> Scratch {
    let folder = TempDir::new().expect("a folder");
    let db = Db::open::<NoTables>(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).await.expect("opened");
    Scratch { db, name: String::new(), _folder: folder }.with_notes().await
}

async fn postgres() -> Option<Scratch> {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("CREWLINE_TEST_POSTGRES").ok()?;
    let name = format!("test_{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::SeqCst));
    let outside = Database::connect(&server).await.expect("a server");
    outside.execute_unprepared(&format!("CREATE SCHEMA {name}")).await.expect("made");
    let url = format!("{server}?options[search_path]={name}&application_name={name}");
    let db = Db::open::<NoTables>(&url.parse().expect("a URL")).await.expect("opened");
    Some(Scratch { db, name, _folder: TempDir::new().expect("a folder") }.with_notes().await)
}

async fn both() -> Vec<Scratch> {
    let mut all = vec![sqlite().await];
    all.extend(postgres().await);
    all
}

impl Scratch {
    async fn with_notes(self) -> Self {
        let tx = self.db.write().await.expect("begun");
        tx.execute_unprepared("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT UNIQUE)").await.expect("made");
        tx.commit().await.expect("committed");
        self
    }

    async fn insert(&self, id: u32) {
        let tx = self.db.write().await.expect("begun");
        tx.execute_unprepared(&format!("INSERT INTO notes (id) VALUES ({id})")).await.expect("inserted");
        tx.commit().await.expect("committed");
    }
}

async fn number(db: &impl ConnectionTrait, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("asked").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

async fn word(db: &impl ConnectionTrait, sql: &str) -> String {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("asked").expect("a row");
    row.try_get_by_index(0).expect("a word")
}

#[tokio::test]
async fn a_commit_is_synced_to_the_disk_before_it_returns() {
    let sqlite = sqlite().await;
    let writer = &sqlite.db.connections.writer;
    // 2 is FULL: the log is synced at every commit.
    assert_eq!(number(writer, "PRAGMA synchronous").await, 2);
    assert_eq!(word(writer, "PRAGMA journal_mode").await, "wal");
    assert_eq!(number(writer, "PRAGMA foreign_keys").await, 1);
    let Some(postgres) = postgres().await else { return };
    assert_eq!(word(&postgres.db.connections.writer, "SHOW synchronous_commit").await, "on");
}

#[tokio::test]
async fn a_read_sees_one_moment_while_writes_go_on() {
    for scratch in both().await {
        let read = scratch.db.read().await.expect("begun");
        assert_eq!(number(&read, "SELECT count(*) FROM notes").await, 0);
        scratch.insert(1).await;
        assert_eq!(number(&read, "SELECT count(*) FROM notes").await, 0);
        drop(read);
        assert_eq!(number(&scratch.db.read().await.expect("begun"), "SELECT count(*) FROM notes").await, 1);
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_leaves_nothing_and_frees_its_connection() {
    for scratch in both().await {
        // More often than there are connections.
        for _ in 0..20 {
            let tx = scratch.db.write().await.expect("the writer is free");
            assert_eq!(number(&*tx, "SELECT count(*) FROM notes").await, 0);
            tx.execute_unprepared("INSERT INTO notes (id) VALUES (1)").await.expect("inserted");
        }
    }
}

#[tokio::test]
async fn a_write_beyond_the_queue_is_refused_at_once() {
    for Scratch { db, .. } in both().await {
        let _all = Arc::clone(&db.places).acquire_many_owned(u32::try_from(MAX_WRITES).expect("small")).await.expect("free");
        assert!(matches!(db.write().await, Err(DbError::QueueFull)));
    }
}

#[tokio::test]
async fn on_postgresql_a_write_sees_what_was_committed_before_its_statement_and_a_read_cannot_write() {
    let Some(scratch) = postgres().await else { return };
    let tx = scratch.db.write().await.expect("begun");
    assert_eq!(number(&*tx, "SELECT count(*) FROM notes").await, 0);
    scratch.insert(1).await;
    assert_eq!(number(&*tx, "SELECT count(*) FROM notes").await, 1);
    let read = scratch.db.read().await.expect("begun");
    let refused = read.execute_unprepared("INSERT INTO notes (id) VALUES (2)").await.expect_err("refused");
    assert!(refused.to_string().contains("read-only"), "{refused}");
}

#[tokio::test]
async fn on_postgresql_a_name_is_held_by_one_write_at_a_time_and_waited_for_only_so_long() {
    let Some(scratch) = postgres().await else { return };
    let first = scratch.db.write().await.expect("begun");
    first.hold("a").await.expect("held");
    let second = scratch.db.write().await.expect("begun beside it");
    second.hold("b").await.expect("another name");
    let began = Instant::now();
    assert!(matches!(second.hold("a").await, Err(DbError::Unavailable(_))));
    assert!(began.elapsed() < 5 * PLACE_TIMEOUT, "{:?}", began.elapsed());
    first.commit().await.expect("committed");
    scratch.db.write().await.expect("begun").hold("a").await.expect("free again");
}

#[tokio::test]
async fn on_postgresql_a_caller_who_is_gone_at_any_moment_leaves_no_transaction_open() {
    let Some(scratch) = postgres().await else { return };
    let mut acknowledged = 0;
    for number in 1..=400 {
        let work = async {
            let read = scratch.db.read().await.expect("begun");
            assert!(number_of_notes(&read).await >= acknowledged);
            drop(read);
            scratch.insert(number).await;
        };
        tokio::select! {
            biased;
            () = work => acknowledged += 1,
            // It is cut anywhere between its first step and its last.
            () = async { for _ in 0..(number % 20).pow(3) { tokio::task::yield_now().await } } => {}
        }
    }
    let open = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}' AND state LIKE 'idle in transaction%'",
        scratch.name
    );
    // What is still on its way rolls back by itself; what is stuck would be there until the server's time-out.
    let began = Instant::now();
    let outside = Database::connect(std::env::var("CREWLINE_TEST_POSTGRES").expect("a server")).await.expect("connected");
    while number(&outside, &open).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(4), "a transaction is open that nobody has");
        tokio::task::yield_now().await;
    }
    println!("{acknowledged} of 400 were not cut");
    assert!(acknowledged < 400, "nothing was cut");
    for _ in 0..2 * MAX_CONNECTIONS {
        let (read, write) = (scratch.db.read().await.expect("begun"), scratch.db.write().await.expect("begun"));
        assert!(number_of_notes(&read).await >= acknowledged && number_of_notes(&*write).await >= acknowledged);
    }
}

async fn number_of_notes(db: &impl ConnectionTrait) -> i64 {
    number(db, "SELECT count(*) FROM notes").await
}

#[tokio::test]
async fn what_postgresql_refuses_is_told_without_values_of_rows() {
    let Some(scratch) = postgres().await else { return };
    for (statement, expected) in [
        ("INSERT INTO notes VALUES (1, 'secret'), (2, 'secret')", "23505"),
        ("INSERT INTO notes VALUES ('secret')", "SQLSTATE 22P02"),
    ] {
        let tx = scratch.db.write().await.expect("begun");
        let refused = DbError::from(tx.execute_unprepared(statement).await.expect_err("refused"));
        let told = format!("{refused} {refused:?}");
        assert!(told.contains(expected) && !told.contains("secret"), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_the_password() {
    // Nobody listens at port 1.
    let url = "postgres://ann:hunter2@127.0.0.1:1/crewline".parse().expect("a URL");
    let error = Db::open::<NoTables>(&url).await.expect_err("nobody there");
    assert!(matches!(error, DbError::Unavailable(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn work_goes_on_to_its_end_when_its_caller_is_gone() {
    let (begun, has_begun) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel();
    let (done, is_done) = oneshot::channel();
    let caller = tokio::spawn(to_completion(async move {
        begun.send(()).expect("the test waits");
        may_go_on.await.expect("told");
        done.send(()).expect("the test waits");
    }));
    has_begun.await.expect("begun");
    caller.abort();
    assert!(caller.await.expect_err("gone").is_cancelled());
    go_on.send(()).expect("the work is alive");
    is_done.await.expect("done");
}
