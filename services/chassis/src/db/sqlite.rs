//! SQLite, in WAL mode with `synchronous=FULL`: a commit that returned survives power loss.
//!
//! Every write transaction is `BEGIN IMMEDIATE` on the one writing connection; a deferred one that upgrades fails at once with
//! "database is locked".

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use sea_orm_migration::MigratorTrait;

use super::{Connections, DbError, PLACE_TIMEOUT, pool};

const READERS: u32 = 4;

/// Opens the database in the file `path`, which is made if need be, and brings its schema up to date.
pub(super) async fn open<M: MigratorTrait>(path: &Path) -> Result<Connections<DatabaseConnection>, DbError> {
    let writer = Database::connect(options(path, 1)).await?;
    M::up(&writer, None).await?;
    let reader = Database::connect(options(path, READERS)).await?;
    Ok(Connections { writer, reader })
}

/// Opens the file beside a process that may be using it.
pub(super) async fn open_to_read(path: &Path) -> Result<Connections<DatabaseConnection>, DbError> {
    let mut options = options(path, 1);
    options.map_sqlx_sqlite_opts({
        let file = path.to_owned();
        move |sqlite| sqlite.filename(&file).create_if_missing(false).read_only(true).busy_timeout(PLACE_TIMEOUT)
    });
    let reader = Database::connect(options).await?;
    Ok(Connections { writer: reader.clone(), reader })
}

fn options(path: &Path, connections: u32) -> ConnectOptions {
    let file = path.to_owned();
    let mut options = pool("sqlite://by-its-name", connections);
    options
        .min_connections(connections)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .filename(&file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(PLACE_TIMEOUT)
                .foreign_keys(true)
                .statement_cache_capacity(256)
        });
    options
}
