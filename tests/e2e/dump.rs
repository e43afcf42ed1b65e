//! Every row of every table of both databases: to see that something was not written.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::running::Running;
use crate::waiting::until;

/// For so long nothing is written before it counts as settled.
const QUIET: Duration = Duration::from_millis(500);

/// The rows of each table, as text and sorted.
#[derive(PartialEq, Eq)]
pub struct Dump(BTreeMap<String, Vec<String>>);

impl Dump {
    /// What is there once nothing is written any more.
    pub async fn settled(running: &Running) -> Self {
        let databases = [running.database("permissions").await, running.database("chat").await];
        let (mut dump, mut since) = (Self::read(&databases).await, Instant::now());
        until("nothing is written any more", async || {
            let next = Self::read(&databases).await;
            if next != dump {
                (dump, since) = (next, Instant::now());
            }
            (since.elapsed() > QUIET).then_some(())
        })
        .await;
        dump
    }

    async fn read([permissions, chat]: &[DatabaseConnection; 2]) -> Self {
        let mut tables = BTreeMap::new();
        for (service, database) in [("permissions", permissions), ("chat", chat)] {
            for table in names_of_tables(database).await {
                let rows = rows(database, &table).await;
                tables.insert(format!("{service}.{table}"), rows);
            }
        }
        Self(tables)
    }

    /// How many tables there are. Each has rows: in one without, nobody would see that nothing is missing.
    pub fn assert_full(&self) -> usize {
        let empty: Vec<&String> = self.0.iter().filter(|(_, rows)| rows.is_empty()).map(|(table, _)| table).collect();
        assert!(empty.is_empty(), "nothing is in {empty:?}");
        self.0.len()
    }

    /// Fails with the rows that came, and those that went.
    pub fn assert_same(&self, after: &Self, what: &str) {
        let mut differences = Vec::new();
        for (table, before, after) in self.0.iter().map(|(table, before)| (table, before, after.0.get(table))) {
            let after = after.unwrap_or_else(|| panic!("{table} is gone"));
            differences.extend(before.iter().filter(|row| !after.contains(row)).map(|row| format!("- {table}: {row}")));
            differences.extend(after.iter().filter(|row| !before.contains(row)).map(|row| format!("+ {table}: {row}")));
        }
        assert!(differences.is_empty(), "{what} left something behind:\n{}", differences.join("\n"));
        assert!(self == after, "{what} left something behind");
    }
}

async fn names_of_tables(database: &DatabaseConnection) -> Vec<String> {
    let names = match database.get_database_backend() {
        DbBackend::Sqlite => "SELECT name AS text FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        _ => "SELECT tablename::text AS text FROM pg_tables WHERE schemaname = current_schema()",
    };
    let names = texts(database, names).await;
    assert!(names.len() > 5, "{names:?}");
    names
}

async fn rows(database: &DatabaseConnection, table: &str) -> Vec<String> {
    let query = match database.get_database_backend() {
        DbBackend::Sqlite => {
            let columns = texts(database, &format!("SELECT name AS text FROM pragma_table_info('{table}')")).await;
            let quoted: Vec<String> = columns.iter().map(|column| format!("'{column} ' || quote(\"{column}\")")).collect();
            format!("SELECT {} AS text FROM \"{table}\"", quoted.join(" || ', ' || "))
        }
        _ => format!("SELECT row_to_json(r)::text AS text FROM \"{table}\" r"),
    };
    let mut rows = texts(database, &query).await;
    rows.sort();
    rows
}

async fn texts(database: &DatabaseConnection, query: &str) -> Vec<String> {
    let rows = database.query_all_raw(Statement::from_string(database.get_database_backend(), query)).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.iter().map(|row| row.try_get("", "text").expect("text")).collect()
}
