//! What a conversation needs beside its messages: the texts out, who has read what, who wants no texts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, integer, string, uuid};

use super::thread_table;

pub(super) struct Conversation;

impl MigrationName for Conversation {
    fn name(&self) -> &'static str {
        "0002_outbound_horizons_opt_outs"
    }
}

fn zero(name: &'static str) -> ColumnDef {
    big_integer(name).default(0).to_owned()
}

fn word(name: &'static str, default: &'static str) -> ColumnDef {
    string(name).default(default).to_owned()
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, columns: Vec<ColumnDef>) -> Result<(), DbErr> {
    // One by one: SQLite adds no two at a time.
    for mut column in columns {
        manager.alter_table(Table::alter().table(table).add_column(&mut column).to_owned()).await?;
    }
    Ok(())
}

async fn index(
    manager: &SchemaManager<'_>,
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    let mut index = Index::create().name(name).table(table).to_owned();
    for column in columns {
        index.col(*column);
    }
    manager.create_index(index).await
}

#[async_trait::async_trait]
impl MigrationTrait for Conversation {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let of_threads = vec![
            word("business_number", ""),
            zero("crew_floor_seq"),
            zero("crew_floor_inbound"),
            zero("last_message_seq"),
            zero("crew_last_message_seq"),
            zero("last_outbound_at"),
            zero("closed_at"),
        ];
        add(manager, "threads", of_threads).await?;
        index(manager, "threads_by_update", "threads", &["tenant_id", "updated_at", "thread_id"]).await?;
        index(manager, "threads_by_job", "threads", &["tenant_id", "job_id"]).await?;

        let of_messages = vec![
            word("kind", "text"),
            word("audience", "crew"),
            word("attachments", "[]"),
            zero("inbound_count"),
            word("delivery_status", ""),
            word("delivery_error", ""),
            integer("delivery_attempt").default(0).to_owned(),
        ];
        add(manager, "messages", of_messages).await?;
        index(manager, "messages_by_id", "messages", &["tenant_id", "thread_id", "message_id"]).await?;
        self.fill_in(manager).await?;

        let horizons = vec![
            string("person_id"),
            big_integer("seq"),
            big_integer("inbound"),
            big_integer("marked_seq").null().to_owned(),
            big_integer("inbound_read"),
        ];
        manager.create_table(thread_table("read_horizons", &["person_id", "thread_id"], horizons)).await?;

        let outbound = vec![
            uuid("token"),
            uuid("message_id"),
            big_integer("seq"),
            integer("attempt"),
            string("contact_number"),
            string("business_number"),
            big_integer("place"),
            boolean("waiting"),
            big_integer("not_before"),
            integer("hand_outs"),
            integer("unanswered"),
            integer("deferrals"),
            string("provider"),
            string("provider_message_id"),
        ];
        manager.create_table(thread_table("outbound", &["token"], outbound)).await?;
        index(manager, "outbound_in_order", "outbound", &["tenant_id", "waiting", "contact_number", "place"]).await?;
        index(manager, "outbound_by_provider", "outbound", &["tenant_id", "provider", "provider_message_id"]).await?;

        let attachments = vec![string("attachment_id"), big_integer("seq")];
        manager.create_table(thread_table("attachments", &["attachment_id"], attachments)).await?;

        let opt_outs = Table::create()
            .table("opt_outs")
            .col(string("tenant_id"))
            .col(string("contact_number"))
            .col(string("business_number"))
            .col(boolean("opted_out"))
            .col(big_integer("updated_at"))
            .primary_key(Index::create().col("tenant_id").col("contact_number").col("business_number"))
            .to_owned();
        manager.create_table(opt_outs).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("going back is not supported: restore a backup".into()))
    }
}

impl Conversation {
    /// What the new columns say of the rows that are there. Messages from before outbound texts were sent by nobody, and stay so.
    async fn fill_in(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(
            "UPDATE messages SET inbound_count = (SELECT COUNT(*) FROM messages m WHERE m.tenant_id = messages.tenant_id \
             AND m.thread_id = messages.thread_id AND m.author_kind = 'customer' AND m.seq <= messages.seq)",
        )
        .await?;
        db.execute_unprepared("UPDATE threads SET last_message_seq = head_seq, crew_last_message_seq = crew_seq").await?;
        Ok(())
    }
}
