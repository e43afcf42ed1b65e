//! The databases behind a pair of services: SQLite files in the data directory or, with `CREWLINE_TEST_ENGINE=postgres`, schemas
//! of their own in the PostgreSQL database at `CREWLINE_TEST_POSTGRES`.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tempfile::TempDir;

/// Two schemas in the database of a server, dropped with it.
pub struct Schemas {
    server: String,
    number: u64,
}

/// A PostgreSQL server of one test's own.
pub struct Server {
    folder: TempDir,
    pub url: String,
}

impl Schemas {
    /// Empty ones; none on SQLite, whose files the services make themselves.
    pub async fn make() -> Option<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        match std::env::var("CREWLINE_TEST_ENGINE").as_deref() {
            Err(_) | Ok("sqlite") => return None,
            Ok("postgres") => {}
            Ok(other) => panic!("CREWLINE_TEST_ENGINE is sqlite or postgres, not {other}"),
        }
        let server = std::env::var("CREWLINE_TEST_POSTGRES").expect("CREWLINE_TEST_POSTGRES: a server, see tests/run");
        let schemas = Self { server, number: MADE.fetch_add(1, Ordering::SeqCst) };
        execute(&schemas.server, &["permissions", "chat"].map(|service| format!("CREATE SCHEMA {}", schemas.name(service))))
            .await;
        Some(schemas)
    }

    /// Where the data of a service are.
    pub fn url(&self, service: &str) -> String {
        format!("{}?options[search_path]={}", self.server, self.name(service))
    }

    fn name(&self, service: &str) -> String {
        format!("{service}_{}_{}", std::process::id(), self.number)
    }
}

impl Drop for Schemas {
    fn drop(&mut self) {
        let drops = ["permissions", "chat"].map(|service| format!("DROP SCHEMA {} CASCADE", self.name(service)));
        let server = self.server.clone();
        // Nobody waits for it: the server ends after the tests.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(execute(&server, &drops));
        });
    }
}

/// Each outside of a transaction, as some statements must be.
pub async fn execute(url: &str, statements: &[String]) {
    let database = Database::connect(url).await.expect("a database");
    for statement in statements {
        database.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    database.close().await.expect("closed");
}

/// Keeps every writer of the chat service waiting until it is dropped or rolled back.
pub async fn hold_writers(chat: &DatabaseConnection) -> DatabaseTransaction {
    let immediate =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
    let held = chat.begin_with_options(immediate).await.expect("the lock");
    if held.get_database_backend() == sea_orm::DbBackend::Postgres {
        held.execute_unprepared("LOCK TABLE threads IN EXCLUSIVE MODE").await.expect("the lock");
    }
    held
}

impl Server {
    /// A new server, with databases for both services.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let url = tests_postgres("start", folder.path());
        execute(&url, &["CREATE DATABASE permissions".to_owned(), "CREATE DATABASE chat".to_owned()]).await;
        Self { folder, url }
    }

    /// Where the database of a service is.
    pub fn database(&self, service: &str) -> String {
        let (server, _) = self.url.rsplit_once('/').expect("the URL of a database");
        format!("{server}/{service}")
    }

    pub fn kill(&self) {
        tests_postgres("kill", self.folder.path());
    }

    pub fn start_again(&self) {
        tests_postgres("start", self.folder.path());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may not be running: a test that failed left it so.
        let _ended_before = script("kill", self.folder.path()).output();
    }
}

fn tests_postgres(what: &str, folder: &Path) -> String {
    let done = script(what, folder).output().expect("tests/postgres");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text").trim().to_owned()
}

fn script(what: &str, folder: &Path) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres"));
    command.arg(what).arg(folder);
    command
}
