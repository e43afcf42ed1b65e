//! A database from before a step is as good after it as one that was made by it.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, EntityTrait, QueryOrder};
use sea_orm_migration::MigratorTrait;

use super::Migrations;
use crate::store::entities::{messages, threads};

/// A thread with a customer's text, an answer and another text, as the first step kept them.
const OLD: &str = "
INSERT INTO threads (tenant_id, thread_id, job_id, contact_number, state, open_key, head_seq, head_tag, crew_seq, crew_tag,
                     inbound_count, floor_seq, floor_tag, created_at, updated_at)
VALUES ('acme', x'00000000000000000000000000000001', '7', '+15550100', 'open', '7/+15550100', 3, 9, 3, 9, 2, 0, 0, 1, 3);
INSERT INTO messages (tenant_id, thread_id, seq, message_id, author_kind, author_id, author_name, body, created_at)
VALUES ('acme', x'00000000000000000000000000000001', 1, x'0000000000000000000000000000000a', 'customer', NULL, '', 'one', 1),
       ('acme', x'00000000000000000000000000000001', 2, x'0000000000000000000000000000000b', 'technician', 'tina', 'Tina', 'two', 2),
       ('acme', x'00000000000000000000000000000001', 3, x'0000000000000000000000000000000c', 'customer', NULL, '', 'three', 3);
";

async fn before_the_second_step() -> DatabaseConnection {
    let db = Database::connect("sqlite::memory:").await.expect("a database");
    Migrations::up(&db, Some(1)).await.expect("the first step");
    db.execute_unprepared(OLD).await.expect("rows of that time");
    db
}

#[tokio::test]
async fn what_was_kept_before_texts_went_out_counts_as_it_did_and_is_sent_by_nobody() {
    let db = before_the_second_step().await;
    Migrations::up(&db, None).await.expect("the steps since");
    let thread = threads::Entity::find().one(&db).await.expect("read").expect("kept");
    assert_eq!((thread.last_message_seq, thread.crew_last_message_seq, thread.closed_at), (3, 3, 0));
    let kept = messages::Entity::find().order_by_asc(messages::Column::Seq).all(&db).await.expect("read");
    let counted: Vec<(i64, &str, &str)> =
        kept.iter().map(|row| (row.inbound_count, row.kind.as_str(), row.delivery_status.as_str())).collect();
    assert_eq!(counted, [(1, "text", ""), (1, "text", ""), (2, "text", "")]);
}
