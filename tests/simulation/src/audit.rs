//! What the databases hold in the end.

use std::error::Error;

use chassis::db::Db;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::book::name_of;
use crate::hosts::Hosts;
use crate::plan::node;
use crate::scene::TENANT;

const MESSAGES: &str = "SELECT m.thread_id, m.seq, m.body, e.access_revision FROM messages m \
     JOIN thread_events e ON e.tenant_id = m.tenant_id AND e.thread_id = m.thread_id AND e.seq = m.seq \
     WHERE m.tenant_id = $1 ORDER BY m.thread_id, m.seq";

/// Writes the messages of all nodes down, and compares each database with itself.
pub async fn databases(hosts: &Hosts) -> Result<(), Box<dyn Error>> {
    for name in (0..hosts.plan.nodes).map(node) {
        let url = hosts.database(&name);
        let db = Db::open_to_read(&url).await?;
        let tx = db.read().await?;
        let messages = Statement::from_sql_and_values(tx.get_database_backend(), MESSAGES, [TENANT.into()]);
        for row in tx.query_all_raw(messages).await? {
            let (thread, seq): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let (body, revision): (String, i64) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
            hosts.book.open().logs(&thread.to_string(), seq.unsigned_abs(), name_of(&body), revision.unsigned_abs());
        }
        drop(tx);
        db.close().await;
        let verified = chat::store::verify::verify(&url, |_| {}).await?;
        for finding in verified.findings {
            hosts.book.open().surprise(format!("{name}: {finding}"));
        }
    }
    Ok(())
}
