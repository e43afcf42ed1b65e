//! The schema, step by step. A step that has landed is never edited.

mod conversation;
mod first;
mod operator_reads;

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, uuid};

/// All steps.
pub struct Migrations;

impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(first::First), Box::new(conversation::Conversation), Box::new(operator_reads::OperatorReads)]
    }
}

/// A table whose key is `tenant_id` and `key`, and whose rows belong to a thread.
fn thread_table(name: &'static str, key: &[&'static str], columns: Vec<ColumnDef>) -> TableCreateStatement {
    let mut primary = Index::create();
    primary.col("tenant_id");
    for column in key {
        primary.col(*column);
    }
    let mut table = Table::create();
    table.table(name).col(string("tenant_id")).col(uuid("thread_id"));
    for column in columns {
        table.col(column);
    }
    let mut belongs = ForeignKey::create()
        .from_tbl(name)
        .from_col("tenant_id")
        .from_col("thread_id")
        .to_tbl("threads")
        .to_col("tenant_id")
        .to_col("thread_id")
        .to_owned();
    table.primary_key(&mut primary).foreign_key(&mut belongs).to_owned()
}

#[cfg(test)]
#[path = "migrations_tests.rs"]
mod tests;
