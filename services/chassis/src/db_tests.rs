//! What the database promises to the stores.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
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

async fn database() -> (TempDir, Db) {
    let folder = TempDir::new().expect("a folder");
    let db = Db::open::<NoTables>(&folder.path().join("test.db")).await.expect("opened");
    let tx = db.write().await.expect("begun");
    tx.execute_unprepared("CREATE TABLE notes (id INTEGER PRIMARY KEY)").await.expect("made");
    tx.commit().await.expect("committed");
    (folder, db)
}

async fn number(db: &impl ConnectionTrait, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.expect("asked").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

#[tokio::test]
async fn a_commit_is_synced_to_the_disk_before_it_returns() {
    let (_folder, db) = database().await;
    // 2 is FULL: the log is synced at every commit.
    assert_eq!(number(&db.writer, "PRAGMA synchronous").await, 2);
    let mode = Statement::from_string(DbBackend::Sqlite, "PRAGMA journal_mode");
    let mode: String = db.writer.query_one_raw(mode).await.expect("asked").expect("a row").try_get_by_index(0).expect("a word");
    assert_eq!(mode, "wal");
    assert_eq!(number(&db.writer, "PRAGMA foreign_keys").await, 1);
}

#[tokio::test]
async fn a_read_sees_one_moment_while_writes_go_on() {
    let (_folder, db) = database().await;
    let read = db.read().await.expect("begun");
    assert_eq!(number(&read, "SELECT count(*) FROM notes").await, 0);
    let tx = db.write().await.expect("begun");
    tx.execute_unprepared("INSERT INTO notes VALUES (1)").await.expect("inserted");
    tx.commit().await.expect("committed");
    assert_eq!(number(&read, "SELECT count(*) FROM notes").await, 0);
    drop(read);
    assert_eq!(number(&db.read().await.expect("begun"), "SELECT count(*) FROM notes").await, 1);
}

#[tokio::test]
async fn a_write_that_is_dropped_leaves_nothing_and_frees_the_writer() {
    let (_folder, db) = database().await;
    let tx = db.write().await.expect("begun");
    tx.execute_unprepared("INSERT INTO notes VALUES (1)").await.expect("inserted");
    drop(tx);
    let next = db.write().await.expect("the writer is free");
    assert_eq!(number(&*next, "SELECT count(*) FROM notes").await, 0);
}

#[tokio::test]
async fn a_write_beyond_the_queue_is_refused_at_once() {
    let (_folder, db) = database().await;
    let _all = Arc::clone(&db.places).acquire_many_owned(u32::try_from(MAX_WAITING_WRITES).expect("small")).await.expect("free");
    assert!(matches!(db.write().await, Err(DbError::QueueFull)));
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
