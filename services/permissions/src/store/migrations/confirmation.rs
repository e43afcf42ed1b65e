//! Changes that take access away come into force when the nodes of the chat service have confirmed them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, integer};

/// When a change came into force, and how long leases last.
pub struct Confirmation;

impl MigrationName for Confirmation {
    fn name(&self) -> &'static str {
        "0002_changes_in_force"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Confirmation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What a binary from before this step writes is unfinished: it is confirmed by the next start of one from after it.
        let columns = [
            ("changes", big_integer_null("in_force_at")),
            ("changes", integer("nodes_confirmed").default(0).to_owned()),
            ("changes", integer("nodes_waited_out").default(0).to_owned()),
            // Before this step leases lasted two seconds.
            ("head", big_integer("lease_millis").default(2_000_i64).to_owned()),
        ];
        for (table, mut column) in columns {
            manager.alter_table(Table::alter().table(table).add_column(&mut column).to_owned()).await?;
        }
        let connection = manager.get_connection();
        connection.execute_unprepared("UPDATE changes SET in_force_at = committed_at").await?;
        // Both hold the few changes that are not in force. Each is for one question: with one of them alone, SQLite would rather go
        // through all changes, of the tenant or of the database.
        for columns in ["unfinished ON changes (revision)", "unfinished_of_tenant ON changes (tenant_id, revision)"] {
            connection.execute_unprepared(&format!("CREATE INDEX changes_{columns} WHERE in_force_at IS NULL")).await?;
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("going back is not supported: restore a backup".into()))
    }
}
