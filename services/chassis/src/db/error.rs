//! Why a database did not do what it was asked, and what the caller can do about it.

use std::time::Duration;

use crewline_api::errors::v1::ErrorReason;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr, sqlx};

use crate::refusal::Refusal;

/// Why the database did not do what it was asked. The texts are for the log.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Too many writes wait already.
    #[error("too many writes are waiting")]
    QueueFull,
    /// No room on the disk.
    #[error("the disk is full")]
    Full,
    /// It did not answer, or gave way to another; a commit may or may not have happened.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// A bug.
    #[error("the database refused: {0}")]
    Unexpected(String),
}

impl From<DbErr> for DbError {
    fn from(error: DbErr) -> Self {
        let cause = cause(&error);
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(cause),
            DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
                match error.as_database_error() {
                    Some(error) if is_postgres(error) => Self::of_postgres(&code(error), cause),
                    Some(error) => Self::of_sqlite(&code(error), cause),
                    None if is_connection(error) => Self::Unavailable(cause),
                    None => Self::Unexpected(cause),
                }
            }
            _ => Self::Unexpected(cause),
        }
    }
}

impl DbError {
    /// By SQLite's primary result code: 5 busy, 6 locked, 10 I/O error, 13 full.
    fn of_sqlite(code: &str, cause: String) -> Self {
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(13) => Self::Full,
            Ok(5 | 6 | 10) => Self::Unavailable(cause),
            _ => Self::Unexpected(cause),
        }
    }

    /// By SQLSTATE.
    fn of_postgres(code: &str, cause: String) -> Self {
        match code {
            // The disk, or memory, is full.
            "53100" | "53200" => Self::Full,
            // A deadlock or conflict was broken at our cost; another write made the row first; a lock or an answer took too
            // long; a standby that cannot write. Run again, it finds what is there now.
            "40001" | "40P01" | "23505" | "55P03" | "57014" | "25P03" | "25006" => Self::Unavailable(cause),
            // Connections, authorization, resources, shutdown and crash, the system below.
            _ if ["08", "28", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Self::Unavailable(cause),
            _ => Self::Unexpected(cause),
        }
    }
}

/// Whether what failed is a connection that was there: the server, or the way to it, is gone.
pub(super) fn is_lost_connection(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else { return false };
    match error.as_database_error() {
        Some(error) => is_postgres(error) && code(error).starts_with("57P"),
        None => matches!(**error, sqlx::Error::Io(_)),
    }
}

/// Whether the connection, rather than what was asked of it, is what failed.
fn is_connection(error: &sqlx::Error) -> bool {
    use sqlx::Error::{BeginFailed, Io, PoolClosed, PoolTimedOut, Tls, WorkerCrashed};
    matches!(error, Io(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed | BeginFailed)
}

fn is_postgres(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<PgDatabaseError>().is_some()
}

fn code(error: &dyn DatabaseError) -> String {
    error.code().unwrap_or_default().into_owned()
}

/// What the log may say: no detail, which carries values of rows, and of PostgreSQL's complaints about a value only the code.
fn cause(error: &DbErr) -> String {
    let (DbErr::Exec(RuntimeErr::SqlxError(sqlx))
    | DbErr::Query(RuntimeErr::SqlxError(sqlx))
    | DbErr::Conn(RuntimeErr::SqlxError(sqlx))) = error
    else {
        return error.to_string();
    };
    match sqlx.as_database_error() {
        Some(database) if is_postgres(database) && code(database).starts_with("22") => format!("SQLSTATE {}", code(database)),
        Some(database) if is_postgres(database) => format!("{} (SQLSTATE {})", database.message(), code(database)),
        Some(database) => database.message().to_owned(),
        None => sqlx.to_string(),
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
mod tests {
    use super::*;

    fn kind(error: DbError) -> &'static str {
        match error {
            DbError::QueueFull => "queue full",
            DbError::Full => "full",
            DbError::Unavailable(_) => "unavailable",
            DbError::Unexpected(_) => "unexpected",
        }
    }

    #[test]
    fn a_sqlstate_says_whether_to_try_again() {
        for (code, expected) in [
            ("08006", "unavailable"),
            ("23505", "unavailable"),
            ("25006", "unavailable"),
            ("28P01", "unavailable"),
            ("40001", "unavailable"),
            ("40P01", "unavailable"),
            ("53100", "full"),
            ("53200", "full"),
            ("53300", "unavailable"),
            ("55P03", "unavailable"),
            ("57014", "unavailable"),
            ("57P01", "unavailable"),
            ("57P05", "unavailable"),
            ("58030", "unavailable"),
            ("22021", "unexpected"),
            ("23503", "unexpected"),
            ("25P02", "unexpected"),
            ("42P01", "unexpected"),
            ("XX000", "unexpected"),
        ] {
            assert_eq!(kind(DbError::of_postgres(code, String::new())), expected, "{code}");
        }
    }

    #[test]
    fn a_result_code_of_sqlite_says_whether_to_try_again() {
        for (code, expected) in
            [("5", "unavailable"), ("517", "unavailable"), ("13", "full"), ("778", "unavailable"), ("2067", "unexpected")]
        {
            assert_eq!(kind(DbError::of_sqlite(code, String::new())), expected, "{code}");
        }
    }
}
