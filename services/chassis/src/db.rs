//! The database: SQLite or PostgreSQL, writers and readers, and errors that say what the caller can do about them.

mod error;
pub mod file;
mod postgres;
#[cfg(feature = "simulation")]
mod simulated;
mod sqlite;
mod url;

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Counter;
use sea_orm::{ConnectOptions, ConnectionTrait, DbBackend, DbErr, SqliteTransactionMode, Statement, TransactionOptions};
#[cfg(not(feature = "simulation"))]
use sea_orm::{DatabaseConnection as Connection, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::error::DbError;
#[cfg(feature = "simulation")]
use self::simulated::Connection;
#[cfg(feature = "simulation")]
pub use self::simulated::Tx;
pub use self::url::{BadDatabaseUrl, DatabaseUrl, masked};

/// A transaction. Dropped without a commit it is rolled back.
#[cfg(not(feature = "simulation"))]
pub use sea_orm::DatabaseTransaction as Tx;

/// Writes that may be under way or wait; one more is refused.
const MAX_WRITES: usize = 256;
/// How long a transaction waits for its connection, and for each lock.
const PLACE_TIMEOUT: Duration = Duration::from_millis(1500);

/// The most that a pool holds.
const MAX_CONNECTIONS: u32 = 16;

/// A database. Clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    connections: Connections,
    places: Arc<Semaphore>,
}

#[derive(Clone, Debug)]
struct Connections<C = Connection> {
    writer: C,
    reader: C,
}

/// A write transaction. Dropped without a commit it is rolled back.
#[derive(Debug)]
pub struct WriteTx {
    tx: Tx,
    _place: OwnedSemaphorePermit,
}

impl Db {
    /// Opens the database and brings its schema up to date.
    pub async fn open<M: MigratorTrait>(url: &DatabaseUrl) -> Result<Self, DbError> {
        let to_open = url.clone();
        let opening = async move {
            match &to_open {
                DatabaseUrl::Sqlite(path) => sqlite::open::<M>(path).await,
                DatabaseUrl::Postgres(server) => postgres::open::<M>(server).await,
            }
        };
        #[cfg(feature = "simulation")]
        let opening = simulated::opening(url, opening);
        Ok(Self { connections: opening.await?, places: Arc::new(Semaphore::new(MAX_WRITES)) })
    }

    /// Opens a database that is there, to look at it alone: nothing is made, migrated or written.
    pub async fn open_to_read(url: &DatabaseUrl) -> Result<Self, DbError> {
        let to_open = url.clone();
        let opening = async move {
            match &to_open {
                DatabaseUrl::Sqlite(path) => sqlite::open_to_read(path).await,
                DatabaseUrl::Postgres(server) => postgres::open_to_read(server).await,
            }
        };
        #[cfg(feature = "simulation")]
        let opening = simulated::opening(url, opening);
        Ok(Self { connections: opening.await?, places: Arc::new(Semaphore::new(0)) })
    }

    /// Counts every statement that is executed from now on.
    pub fn counting(mut self, statements: &Counter<u64>) -> Self {
        for connection in [&mut self.connections.reader, &mut self.connections.writer] {
            let statements = statements.clone();
            connection.set_metric_callback(move |_| statements.add(1, &[]));
        }
        self
    }

    /// Closes every connection; SQLite then folds its write-ahead log into the database.
    pub async fn close(&self) {
        for connection in [&self.connections.reader, &self.connections.writer] {
            if let Err(error) = connection.clone().close().await {
                tracing::warn!(error = %DbError::from(error), "a database connection did not close well");
            }
        }
    }

    /// Begins a read: everything that it sees is of one moment.
    pub async fn read(&self) -> Result<Tx, DbError> {
        begin(&self.connections.reader, TransactionOptions::default()).await
    }

    /// Begins a write, when there is a connection for it.
    ///
    /// On SQLite it is the only one. On PostgreSQL others run beside it: what it decides by must be read under a row lock
    /// (`lock_exclusive`, or [`WriteTx::hold`]), and every write must take its locks in the same order.
    pub async fn write(&self) -> Result<WriteTx, DbError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| DbError::QueueFull)?;
        // PostgreSQL knows no such mode.
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(WriteTx { tx: begin(&self.connections.writer, immediate).await?, _place: place })
    }
}

/// Begins in a task of its own: sqlx 0.9.0 gives a connection whose `BEGIN` was cut short back to the pool with the transaction
/// open, and what the next one commits on it never is (transact-rs/sqlx#4393).
async fn begin(connection: &Connection, options: TransactionOptions) -> Result<Tx, DbError> {
    let connection = connection.clone();
    let begun = to_completion(async move {
        for _ in 0..MAX_CONNECTIONS {
            match connection.begin_with_options(options).await {
                // It lay in the pool when its server went away, and is out of it now. Nothing was done on it.
                Err(error) if error::is_lost_connection(&error) => {}
                begun => return begun,
            }
        }
        connection.begin_with_options(options).await
    });
    Ok(begun.await??)
}

impl WriteTx {
    /// Holds `name` against other writes that hold it, until this one ends: for what has no row to lock yet. On SQLite there is
    /// no other write.
    pub async fn hold(&self, name: &str) -> Result<(), DbError> {
        if self.tx.get_database_backend() == DbBackend::Postgres {
            let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
            self.tx.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, lock, [name.into()])).await?;
        }
        Ok(())
    }

    /// Makes everything durable. On an error nobody knows whether it is.
    pub async fn commit(self) -> Result<(), DbError> {
        self.tx.commit().await.map_err(|error: DbErr| match DbError::from(error) {
            DbError::Unexpected(cause) => DbError::Unavailable(cause),
            known => known,
        })
    }
}

impl Deref for WriteTx {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

/// Runs `work` in a task of its own, to its end also when the caller is gone: tonic drops the future of a call whose client
/// hangs up, and a write must not stop half way.
pub async fn to_completion<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, DbError> {
    let span = tracing::Span::current();
    tokio::spawn(tracing::Instrument::instrument(work, span)).await.map_err(|error| DbError::Unexpected(error.to_string()))
}

/// What both engines have in common.
fn pool(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(PLACE_TIMEOUT)
        // Both are on by default, and would put SQL with values into the log.
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

#[cfg(test)]
#[path = "db_tests.rs"]
mod tests;
