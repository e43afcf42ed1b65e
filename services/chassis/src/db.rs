//! The database: one writer, several readers, and errors that say what the caller can do about them.
//!
//! SQLite in WAL mode with `synchronous=FULL`: a commit that returned survives power loss. Every write transaction is
//! `BEGIN IMMEDIATE` on the one writing connection; a deferred one that upgrades fails at once with "database is locked".

use std::future::Future;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crewline_api::errors::v1::ErrorReason;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// Writes that may wait for the writer; one more is refused.
const MAX_WAITING_WRITES: usize = 256;
/// How long a transaction waits for its connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(1500);
const READERS: u32 = 4;

/// A database. Clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    places: Arc<Semaphore>,
}

/// A write transaction. Dropped without a commit it is rolled back.
#[derive(Debug)]
pub struct WriteTx {
    tx: DatabaseTransaction,
    _place: OwnedSemaphorePermit,
}

/// Why the database did not do what it was asked. The texts are for the log.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Too many writes wait already.
    #[error("too many writes are waiting")]
    QueueFull,
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// It did not answer; a commit may or may not have happened.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// A bug.
    #[error("the database refused: {0}")]
    Unexpected(String),
}

impl Db {
    /// Opens the SQLite database in the file `path`, which is made if need be, and brings its schema up to date.
    pub async fn open<M: MigratorTrait>(path: &Path) -> Result<Self, DbError> {
        let writer = Database::connect(options(path, 1)).await?;
        M::up(&writer, None).await?;
        let reader = Database::connect(options(path, READERS)).await?;
        Ok(Self { writer, reader, places: Arc::new(Semaphore::new(MAX_WAITING_WRITES)) })
    }

    /// Closes every connection; SQLite then folds its write-ahead log into the database.
    pub async fn close(&self) {
        for connection in [&self.reader, &self.writer] {
            if let Err(error) = connection.clone().close().await {
                tracing::warn!(cause = cause(&error), "a database connection did not close well");
            }
        }
    }

    /// Begins a read: everything that it sees is of one moment.
    pub async fn read(&self) -> Result<DatabaseTransaction, DbError> {
        Ok(self.reader.begin().await?)
    }

    /// Begins a write, when those before it have ended.
    pub async fn write(&self) -> Result<WriteTx, DbError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| DbError::QueueFull)?;
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(WriteTx { tx: self.writer.begin_with_options(immediate).await?, _place: place })
    }
}

impl WriteTx {
    /// Makes everything durable. On an error nobody knows whether it is.
    pub async fn commit(self) -> Result<(), DbError> {
        self.tx.commit().await.map_err(|error| match DbError::from(error) {
            DbError::Unexpected(cause) => DbError::Unavailable(cause),
            known => known,
        })
    }
}

impl Deref for WriteTx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.tx
    }
}

/// Runs `work` in a task of its own, to its end also when the caller is gone: tonic drops the future of a call whose client
/// hangs up, and a write must not stop half way.
pub async fn to_completion<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, DbError> {
    let span = tracing::Span::current();
    tokio::spawn(tracing::Instrument::instrument(work, span)).await.map_err(|error| DbError::Unexpected(error.to_string()))
}

fn options(path: &Path, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
    options
        .max_connections(connections)
        .min_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        // Both are on by default, and would put SQL with values into the log.
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(ACQUIRE_TIMEOUT)
                .foreign_keys(true)
                .statement_cache_capacity(256)
        });
    options
}

impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(cause(&error)),
            DbErr::Exec(RuntimeErr::SqlxError(sqlx)) | DbErr::Query(RuntimeErr::SqlxError(sqlx)) => {
                let code = sqlx.as_database_error().and_then(|error| error.code());
                // SQLite's primary result codes: 5 busy, 6 locked, 10 I/O error, 13 full.
                match code.as_deref().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
                    Some(13) => Self::Full,
                    Some(5 | 6 | 10) => Self::Unavailable(cause(&error)),
                    _ => Self::Unexpected(cause(&error)),
                }
            }
            _ => Self::Unexpected(cause(&error)),
        }
    }
}

/// What the log may say: the driver's message without details, which can carry values of rows.
fn cause(error: &DbErr) -> String {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(sqlx)) | DbErr::Query(RuntimeErr::SqlxError(sqlx)) => match sqlx.as_database_error() {
            Some(database) => database.message().to_owned(),
            None => sqlx.to_string(),
        },
        other => other.to_string(),
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        match error {
            DbError::QueueFull => {
                Refusal::new(ErrorReason::QueueFull, "too many writes are waiting").retry_after(Duration::from_millis(250))
            }
            DbError::Full => {
                tracing::error!("the disk is full");
                Refusal::new(ErrorReason::StorageFull, "there is no room to store this").retry_after(Duration::from_secs(10))
            }
            DbError::Unavailable(cause) => {
                tracing::warn!(cause, "the database did not answer");
                Refusal::new(ErrorReason::StoreUnavailable, "the database did not answer; a write may have been committed")
                    .retry_after(Duration::from_millis(500))
            }
            DbError::Unexpected(cause) => {
                tracing::error!(cause, "the database refused");
                Refusal::new(ErrorReason::Internal, "something went wrong here")
            }
        }
    }
}

#[cfg(test)]
#[path = "db_tests.rs"]
mod tests;
