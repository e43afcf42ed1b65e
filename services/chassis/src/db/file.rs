//! A SQLite database as a file: a copy of one that is in use, and what is wrong with one.

use std::path::Path;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait;

use super::{DbError, sqlite};

/// What a look at a whole file found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// What is broken: tables and indexes by name, no contents.
    pub damages: Vec<String>,
    /// The steps of the schema that have been taken, in order.
    pub steps: Vec<String>,
}

/// Copies the database in `from`, as it is at one moment, into the new file `to`, which needs no other file beside it. Whoever uses the
/// database goes on; its write-ahead log grows meanwhile.
///
/// `VACUUM INTO` reads in one transaction. SQLite's backup API, page by page, begins anew whenever another process writes: under load it would
/// never end.
pub async fn copy(from: &Path, to: &Path) -> Result<(), DbError> {
    let name = to.to_str().ok_or_else(|| DbError::Unexpected("the name of the copy is not UTF-8".into()))?;
    let file = sqlite::open_to_read(from).await?.reader;
    let copied = file.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [name.into()])).await;
    file.close().await?;
    copied?;
    Ok(())
}

/// Looks at every page and every reference of the database in `path`, and writes nothing.
pub async fn condition(path: &Path) -> Result<Condition, DbError> {
    let file = sqlite::open_to_read(path).await?.reader;
    let found = look(&file).await;
    file.close().await?;
    Ok(found?)
}

/// The steps of its schema that the database in `path` has taken, in order.
pub async fn steps_of(path: &Path) -> Result<Vec<String>, DbError> {
    let file = sqlite::open_to_read(path).await?.reader;
    let found = taken(&file).await;
    file.close().await?;
    Ok(found?)
}

/// The steps that lead to the schema of this program.
pub fn steps<M: MigratorTrait>() -> Vec<String> {
    M::migrations().iter().map(|step| step.name().to_owned()).collect()
}

async fn look(file: &DatabaseConnection) -> Result<Condition, DbErr> {
    let mut condition = Condition::default();
    for row in rows(file, "PRAGMA integrity_check").await? {
        let found: String = row.try_get_by_index(0)?;
        if found != "ok" {
            condition.damages.push(found);
        }
    }
    for row in rows(file, "SELECT DISTINCT \"table\", parent FROM pragma_foreign_key_check").await? {
        let (table, parent): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        condition.damages.push(format!("rows of {table} refer to rows of {parent} that are not there"));
    }
    condition.steps = taken(file).await?;
    Ok(condition)
}

async fn taken(file: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let rows = rows(file, "SELECT version FROM seaql_migrations ORDER BY version").await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

async fn rows(file: &DatabaseConnection, sql: &str) -> Result<Vec<sea_orm::QueryResult>, DbErr> {
    file.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await
}
