//! The schema, step by step. A step that has landed is never edited.

mod confirmation;
mod first;

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string;

/// All steps.
pub struct Migrations;

impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(first::First), Box::new(confirmation::Confirmation)]
    }
}

/// A table whose key is `tenant_id` and `rest`, and which belongs to a row of `tenants`.
fn tenant_table(name: &'static str, rest: &[&'static str], columns: Vec<ColumnDef>) -> TableCreateStatement {
    let mut key = Index::create();
    key.col("tenant_id");
    let mut table = Table::create();
    table.table(name).col(string("tenant_id"));
    for column in columns {
        table.col(column);
    }
    for column in rest {
        key.col(*column);
    }
    table.primary_key(&mut key).foreign_key(ForeignKey::create().from(name, "tenant_id").to("tenants", "tenant_id")).to_owned()
}

#[cfg(test)]
#[path = "migrations_tests.rs"]
mod tests;
