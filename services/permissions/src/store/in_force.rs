//! Which changes are in force: those that take access away are committed first, and stamped when no lease from before them counts.

use std::time::Duration;

use chassis::db::WriteTx;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::Store;
use super::changes::stored;
use super::entities::{changes, head};
use super::rows::revision;
use crate::error::Error;

/// When a change came into force, and what the nodes of the chat service had to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// In microseconds since 1970.
    pub at: i64,
    /// Nodes that have confirmed it.
    pub confirmed: u32,
    /// Nodes whose leases had to run out.
    pub waited_out: u32,
}

/// A change that is committed and not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its revision.
    pub revision: u64,
    /// In microseconds since 1970.
    pub committed_at: i64,
}

impl Store {
    /// The first changes that are not in force, at most `limit`.
    pub async fn unfinished(&self, limit: u64) -> Result<Vec<Unfinished>, Error> {
        let rows: Vec<(i64, i64)> = unfinished(limit).into_tuple().all(&self.db.read().await?).await?;
        Ok(rows.into_iter().map(|(row, committed_at)| Unfinished { revision: revision(row), committed_at }).collect())
    }

    /// Puts changes in force, all at once.
    pub async fn stamp(&self, stamps: &[(u64, InForce)]) -> Result<(), Error> {
        let tx = self.db.write().await?;
        for (revision, in_force) in stamps {
            changes::Entity::update_many()
                .col_expr(changes::Column::InForceAt, Expr::value(in_force.at))
                .col_expr(changes::Column::NodesConfirmed, Expr::value(counted(in_force.confirmed)))
                .col_expr(changes::Column::NodesWaitedOut, Expr::value(counted(in_force.waited_out)))
                .filter(changes::Column::Revision.eq(stored(*revision)))
                .filter(changes::Column::InForceAt.is_null())
                .exec(&*tx)
                .await?;
        }
        tx.commit().await?;
        self.tell_stamped();
        Ok(())
    }

    /// How a change is in force; none while it, or an older one of its tenant, is not.
    pub async fn in_force(&self, made: u64) -> Result<Option<InForce>, Error> {
        let tx = self.db.read().await?;
        let row: Option<(String, Option<i64>, i32, i32)> = changes::Entity::find()
            .select_only()
            .columns([
                changes::Column::TenantId,
                changes::Column::InForceAt,
                changes::Column::NodesConfirmed,
                changes::Column::NodesWaitedOut,
            ])
            .filter(changes::Column::Revision.eq(stored(made)))
            .into_tuple()
            .one(&tx)
            .await?;
        let (tenant, at, confirmed, waited_out) = row.ok_or(Error::NotFound("change"))?;
        let unfinished: Option<i64> = unfinished_of(&tenant, made).into_tuple().one(&tx).await?;
        let in_force = |at| InForce { at, confirmed: confirmed.unsigned_abs(), waited_out: waited_out.unsigned_abs() };
        Ok(if unfinished.is_some() { None } else { at.map(in_force) })
    }

    /// The last lease from before this start has run out: from now on leases last as long as they do now.
    pub async fn forget_older_leases(&self, ttl: Duration) -> Result<(), Error> {
        let tx = self.db.write().await?;
        set_lease_millis(&tx, millis(ttl)).await?;
        Ok(tx.commit().await?)
    }
}

fn unfinished(limit: u64) -> Select<changes::Entity> {
    changes::Entity::find()
        .select_only()
        .columns([changes::Column::Revision, changes::Column::CommittedAt])
        .filter(changes::Column::InForceAt.is_null())
        .order_by_asc(changes::Column::Revision)
        .limit(limit)
}

/// Of a tenant, up to a revision.
fn unfinished_of(tenant: &str, made: u64) -> Select<changes::Entity> {
    changes::Entity::find()
        .select_only()
        .column(changes::Column::Revision)
        .filter(changes::Column::TenantId.eq(tenant))
        .filter(changes::Column::Revision.lte(stored(made)))
        .filter(changes::Column::InForceAt.is_null())
        .limit(1)
}

/// Notes that leases are granted for `ttl` from now on, and tells for how long the older ones may still count: nothing in a database
/// that is new.
pub(super) async fn begin_leases(tx: &WriteTx, ttl: Duration, new: bool) -> Result<Duration, Error> {
    if new {
        set_lease_millis(tx, millis(ttl)).await?;
        return Ok(Duration::ZERO);
    }
    let older = super::head(&**tx).await?.lease_millis;
    let longest = older.max(millis(ttl));
    set_lease_millis(tx, longest).await?;
    Ok(Duration::from_millis(longest.unsigned_abs()))
}

async fn set_lease_millis(tx: &WriteTx, millis: i64) -> Result<(), Error> {
    head::Entity::update_many().col_expr(head::Column::LeaseMillis, Expr::value(millis)).exec(&**tx).await?;
    Ok(())
}

fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}

fn counted(nodes: u32) -> i32 {
    i32::try_from(nodes).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DbBackend, QueryTrait};
    use sea_orm_migration::MigratorTrait;

    use super::*;
    use crate::store::migrations::Migrations;

    #[tokio::test]
    async fn a_look_at_what_is_unfinished_goes_through_no_other_changes() {
        let db = Database::connect("sqlite::memory:").await.expect("a database");
        Migrations::up(&db, None).await.expect("a schema");
        for (query, index) in
            [(unfinished(1), "changes_unfinished"), (unfinished_of("acme", 1), "changes_unfinished_of_tenant (")]
        {
            let mut explain = query.build(DbBackend::Sqlite);
            explain.sql = format!("EXPLAIN QUERY PLAN {}", explain.sql);
            let row = db.query_one_raw(explain).await.expect("explained").expect("a row");
            let plan: String = row.try_get("", "detail").expect("a text");
            assert!(plan.contains(&format!("INDEX {index}")), "{plan}");
        }
    }
}
