//! How far a database is, and how one that was restored begins a history of its own.
//!
//! A restored database goes on from an older moment. With the epoch that it had, a node whose cursor lies before the new head would take the
//! changes after it for those that it knows. With its revisions, an etag or a receipt from after the backup would name another change.

use std::time::Duration;

use chassis::clock::Clock;
use chassis::db::{DatabaseUrl, Db};
use sea_orm::sea_query::Expr;
use sea_orm::{EntityTrait, QuerySelect};

use super::changes::{ChangedFacts, stored};
use super::entities::head;
use super::rows::revision;
use super::{Store, migrations};
use crate::error::Error;
use crate::model::TenantId;

/// How far a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Another one after each restore.
    pub epoch: u64,
    /// The newest revision.
    pub revision: u64,
    /// No lease that may still count was granted for longer.
    pub lease: Duration,
}

/// Revisions that are left out where nobody knows how many were made since the backup.
const LEFT_OUT: u64 = 1_000_000;

impl Store {
    /// How far the database is.
    pub async fn history(&self) -> Result<History, Error> {
        Ok(of(super::head(&self.db.read().await?).await?))
    }

    /// Everything that decides access in a tenant; nothing if there is no such tenant.
    pub async fn deciding(&self, tenant: &TenantId) -> Result<ChangedFacts, Error> {
        let mut facts = ChangedFacts::default();
        match super::tenants::any(&self.db.read().await?, tenant).await {
            Ok(row) => facts.tenant = Some(row.facts()),
            Err(Error::TenantNotAllowed) => return Ok(facts),
            Err(error) => return Err(error),
        }
        let mut next = Some(String::new());
        while let Some(after) = next {
            let mut page = self.people_facts(tenant, &after).await?;
            facts.people.append(&mut page.facts);
            next = page.next;
        }
        let mut next = Some(String::new());
        while let Some(after) = next {
            let mut page = self.jobs_facts(tenant, &after).await?;
            facts.jobs.append(&mut page.facts);
            next = page.next;
        }
        Ok(facts)
    }
}

/// Begins another history in a restored database that no process uses, brings its schema up to date, and tells where it begins.
/// `replaced` is the database that was there before, if it can be asked; `longest` is the longest that any lease can last.
pub async fn begin_anew(url: &DatabaseUrl, clock: Clock, replaced: Option<History>, longest: Duration) -> Result<History, Error> {
    let db = Db::open::<migrations::Migrations>(url).await?;
    let begun = begin(&db, clock.wall_micros().unsigned_abs(), replaced, longest).await;
    db.close().await;
    begun
}

async fn begin(db: &Db, now: u64, replaced: Option<History>, longest: Duration) -> Result<History, Error> {
    let tx = db.write().await?;
    let row = head::Entity::find_by_id(1).lock_exclusive().one(&*tx).await?.ok_or(Error::Corrupt("head"))?;
    let next = of(row).after_restore(replaced, now, longest);
    head::Entity::update_many()
        .col_expr(head::Column::Epoch, Expr::value(stored(next.epoch)))
        .col_expr(head::Column::Revision, Expr::value(stored(next.revision)))
        .col_expr(head::Column::LeaseMillis, Expr::value(i64::try_from(next.lease.as_millis()).unwrap_or(i64::MAX)))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(next)
}

fn of(row: head::Model) -> History {
    let lease = Duration::from_millis(row.lease_millis.unsigned_abs());
    History { epoch: revision(row.epoch), revision: revision(row.revision), lease }
}

impl History {
    /// Where this one goes on once it is restored: in an epoch that neither has had, behind every revision that either may have given out, and
    /// no sooner than the leases that were granted from the replaced one have run out.
    fn after_restore(self, replaced: Option<Self>, now: u64, longest: Duration) -> Self {
        let replaced_epoch = replaced.map_or(0, |replaced| replaced.epoch);
        Self {
            // The calendar may have been set back.
            epoch: now.max(self.epoch + 1).max(replaced_epoch + 1),
            revision: replaced.map_or(self.revision + LEFT_OUT, |replaced| self.revision.max(replaced.revision)),
            lease: self.lease.max(replaced.map_or(longest, |replaced| replaced.lease)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn history(epoch: u64, revision: u64, seconds: u32) -> History {
        History { epoch, revision, lease: SECOND * seconds }
    }

    #[test]
    fn a_restored_database_goes_on_in_a_new_epoch_behind_all_revisions_and_leases() {
        let restored = history(100, 60, 2);
        for (what, replaced, now, expected) in [
            ("the replaced one was ahead", Some(history(100, 90, 2)), 500, history(500, 90, 2)),
            ("with longer leases", Some(history(100, 90, 30)), 500, history(500, 90, 30)),
            ("with shorter ones", Some(history(100, 90, 1)), 500, history(500, 90, 2)),
            ("it was restored before", Some(history(300, 90, 2)), 500, history(500, 90, 2)),
            ("the calendar was set back", Some(history(300, 90, 2)), 200, history(301, 90, 2)),
            ("to before the backup, too", Some(history(90, 90, 2)), 10, history(101, 90, 2)),
            ("the replaced one was behind", Some(history(100, 20, 2)), 500, history(500, 60, 2)),
            ("nobody knows what was there", None, 500, history(500, 1_000_060, 60)),
        ] {
            assert_eq!(restored.after_restore(replaced, now, 60 * SECOND), expected, "{what}");
        }
    }
}
