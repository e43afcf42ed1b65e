//! Threads, events, messages, and what each id made.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, binary, string, string_null, text, uuid};

use super::thread_table;

pub(super) struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "0001_threads_events_messages"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let threads = Table::create()
            .table("threads")
            .col(string("tenant_id"))
            .col(uuid("thread_id"))
            .col(string_null("job_id"))
            .col(string("contact_number"))
            .col(string("state"))
            .col(string_null("open_key"))
            .col(big_integer("head_seq"))
            .col(big_integer("head_tag"))
            .col(big_integer("crew_seq"))
            .col(big_integer("crew_tag"))
            .col(big_integer("inbound_count"))
            .col(big_integer("floor_seq"))
            .col(big_integer("floor_tag"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .primary_key(Index::create().col("tenant_id").col("thread_id"))
            .to_owned();
        manager.create_table(threads).await?;
        let one_open = Index::create()
            .name("threads_one_open_per_key")
            .table("threads")
            .col("tenant_id")
            .col("open_key")
            .unique()
            .to_owned();
        manager.create_index(one_open).await?;
        let by_contact =
            Index::create().name("threads_by_contact").table("threads").col("tenant_id").col("contact_number").to_owned();
        manager.create_index(by_contact).await?;

        let events = vec![
            big_integer("seq"),
            big_integer("tag"),
            string("audience"),
            big_integer("office_prev_seq"),
            big_integer("office_prev_tag"),
            big_integer("crew_prev_seq"),
            big_integer("crew_prev_tag"),
            big_integer("access_revision"),
            big_integer("committed_at"),
            text("payload"),
        ];
        manager.create_table(thread_table("thread_events", &["thread_id", "seq"], events)).await?;

        let messages = vec![
            big_integer("seq"),
            uuid("message_id"),
            string("author_kind"),
            string_null("author_id"),
            string("author_name"),
            text("body"),
            big_integer("created_at"),
        ];
        manager.create_table(thread_table("messages", &["thread_id", "seq"], messages)).await?;

        let sent = vec![string("origin"), string("sent_id"), big_integer("seq"), binary("content_hash")];
        manager.create_table(thread_table("sent_ids", &["origin", "sent_id"], sent)).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("going back is not supported: restore a backup".into()))
    }
}
