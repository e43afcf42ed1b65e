//! PostgreSQL. Writers run beside each other at READ COMMITTED and are kept apart by the row locks that the stores take; a read
//! is a REPEATABLE READ transaction that cannot write.

use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::{Connections, DbError, MAX_CONNECTIONS, PLACE_TIMEOUT, pool};

const WRITERS: u32 = MAX_CONNECTIONS;
const READERS: u32 = 8;
/// One statement; the longest page takes milliseconds.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// After this long without a word from it, a process that holds locks is taken for frozen, and its transaction is undone.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that lay idle for longer is tried before it is used: one to a server that cannot be reached any more would
/// otherwise keep its first user for as long as TCP tries.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// The advisory lock of whoever migrates: `crew`.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(1668441463)";

/// Connects to the database, which must be there, and brings its schema up to date. Pools fill as they are used.
pub(super) async fn open<M: MigratorTrait>(server: &PgConnectOptions) -> Result<Connections<DatabaseConnection>, DbError> {
    // A connection of its own: a step of a migration may take longer than any call.
    let migrator = Database::connect(options(server, 2, &[])).await?;
    let migrated = migrate::<M>(&migrator).await;
    migrator.close().await?;
    migrated?;
    let writing = [("default_transaction_isolation", "read committed"), ("synchronous_commit", "on")];
    let reading = [("default_transaction_isolation", "repeatable read"), ("default_transaction_read_only", "on")];
    let writer = Database::connect(options(server, WRITERS, &bounded(&writing))).await?;
    let reader = Database::connect(options(server, READERS, &bounded(&reading))).await?;
    Ok(Connections { writer, reader })
}

/// Connects to look at the database alone.
pub(super) async fn open_to_read(server: &PgConnectOptions) -> Result<Connections<DatabaseConnection>, DbError> {
    let reading = [("default_transaction_isolation", "repeatable read"), ("default_transaction_read_only", "on")];
    let reader = Database::connect(options(server, 1, &bounded(&reading))).await?;
    Ok(Connections { writer: reader.clone(), reader })
}

async fn migrate<M: MigratorTrait>(migrator: &DatabaseConnection) -> Result<(), DbError> {
    let encoding = Statement::from_string(DbBackend::Postgres, "SELECT current_setting('server_encoding')");
    let encoding: Option<String> = match migrator.query_one_raw(encoding).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => None,
    };
    if encoding.as_deref() != Some("UTF8") {
        return Err(DbError::Unexpected("the encoding of the database must be UTF8".into()));
    }
    // Who starts second waits here, and then finds nothing left to do.
    let turn = migrator.begin().await?;
    turn.execute_unprepared(MIGRATION_LOCK).await?;
    M::up(migrator, None).await?;
    Ok(turn.commit().await?)
}

/// Settings of a session, so that no transaction pays a round trip for them.
fn bounded(settings: &[(&'static str, &'static str)]) -> Vec<(&'static str, String)> {
    let milliseconds = |duration: Duration| duration.as_millis().to_string();
    let mut all = vec![
        // A plan that is made while a table is nearly empty and kept for ever reads all of it once it has grown.
        ("plan_cache_mode", "force_custom_plan".to_owned()),
        ("statement_timeout", milliseconds(STATEMENT_TIMEOUT)),
        ("lock_timeout", milliseconds(PLACE_TIMEOUT)),
        ("idle_in_transaction_session_timeout", milliseconds(SILENCE_TIMEOUT)),
    ];
    all.extend(settings.iter().map(|&(name, value)| (name, value.to_owned())));
    all
}

fn options(server: &PgConnectOptions, connections: u32, settings: &[(&'static str, String)]) -> ConnectOptions {
    let name = server.get_application_name().unwrap_or("crewline").to_owned();
    let server = server.clone().application_name(&name).statement_cache_capacity(256);
    // Of notices there is one for each start, and none that anybody needs.
    let server = server.options([("client_min_messages", "warning")]);
    let server = server.options(settings.iter().map(|(name, value)| (*name, value))).disable_statement_logging();
    // sea-orm puts the URL that it is given into spans and errors, so it is not given the one with the password.
    let mut options = pool("postgres://by-its-options", connections);
    options.min_connections(0).test_before_acquire_if_idle_for(TRUSTED_IDLE).map_sqlx_postgres_opts(move |_| server.clone());
    options
}
