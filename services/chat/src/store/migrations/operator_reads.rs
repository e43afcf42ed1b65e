//! What operators have looked at.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, uuid};

pub(super) struct OperatorReads;

impl MigrationName for OperatorReads {
    fn name(&self) -> &'static str {
        "0003_operator_reads"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for OperatorReads {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let reads = Table::create()
            .table("operator_reads")
            .col(string("tenant_id"))
            // Sorts by time.
            .col(uuid("read_id"))
            .col(string("operator_id"))
            .col(string("rpc"))
            .col(string("about"))
            .col(string("reason"))
            .col(big_integer("read_at"))
            .primary_key(Index::create().col("tenant_id").col("read_id"))
            .to_owned();
        manager.create_table(reads).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("going back is not supported: restore a backup".into()))
    }
}
