//! A change: its revision, its audit row, its idempotency key and the facts for the feed, in the transaction that makes it.
//!
//! Revisions are taken from the one row of `head` under its lock, so that their order is the order of commits: who has seen
//! revision r has seen all before it.

use std::sync::atomic::{AtomicI64, Ordering};

use chassis::db::WriteTx;
use chassis::page::Page;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};
use serde::{Deserialize, Serialize};

use super::entities::{changes, head, request_keys, tenants};
use super::in_force::InForce;
use super::rows::revision;
use super::{Store, facts};
use crate::error::Error;
use crate::model::{JobFacts, JobId, PersonFacts, PersonId, Tenant, TenantFacts, TenantId};
use crate::mutant::Mutant;
use crate::revocation::{self, Effect};

/// Who wants a change, and why.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Where.
    pub tenant: TenantId,
    /// The kind and subject of the token: `admin/ada`.
    pub actor: String,
    /// In the actor's words.
    pub reason: String,
    /// For a safe retry.
    pub key: Option<RequestKey>,
}

/// An idempotency key, and what it stands for.
#[derive(Clone, Debug)]
pub struct RequestKey {
    /// As the caller made it.
    pub key: String,
    /// Of the whole request.
    pub request_hash: Vec<u8>,
}

/// What a change made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its revision.
    pub revision: u64,
    /// An earlier call with the same key made it.
    pub replayed: bool,
    /// Known at once of what only grants; for the rest the tenant's changes up to it may have to be waited for.
    pub in_force: Option<InForce>,
}

/// The facts that one change touched, as they are right after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFacts {
    /// The tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts>,
    /// People's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonFacts>,
    /// Jobs'.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobFacts>,
}

/// One entry of the feed.
#[derive(Clone, Debug)]
pub struct FeedEntry {
    /// Its revision.
    pub revision: u64,
    /// Of the tenant's change before it.
    pub prev_revision: u64,
    /// Where.
    pub tenant: TenantId,
    /// What is different now.
    pub facts: ChangedFacts,
}

/// One row of the audit log.
#[derive(Clone, Debug, FromQueryResult)]
#[allow(missing_docs)] // A field is what its name says.
pub struct AuditRow {
    pub revision: i64,
    pub committed_at: i64,
    pub kind: String,
    pub subject: String,
    pub actor: String,
    pub reason: String,
    pub before: Option<String>,
    pub after: String,
    pub idempotency_key: Option<String>,
    pub in_force_at: Option<i64>,
    pub nodes_confirmed: i32,
    pub nodes_waited_out: i32,
}

/// Whose facts a change touches.
#[derive(Debug)]
pub(super) enum Touched {
    Nothing,
    Tenant,
    People(Vec<PersonId>),
    Job(JobId),
}

/// A change under way. Dropped before `commit`, nothing of it happened.
pub(super) struct ChangeTx {
    pub tx: WriteTx,
    pub tenant: tenants::Model,
    touched: Touched,
    /// The facts of what is touched, before any of it was written.
    before: ChangedFacts,
    intent: Intent,
    head: head::Model,
    replayed: Option<Receipt>,
}

impl Store {
    /// Begins a change of an open tenant.
    pub(super) async fn change(&self, intent: Intent) -> Result<ChangeTx, Error> {
        let change = self.change_also_closed(intent).await?;
        if change.tenant.closed { Err(Error::TenantNotAllowed) } else { Ok(change) }
    }

    /// Begins a change of a tenant that may be closed.
    pub(super) async fn change_also_closed(&self, intent: Intent) -> Result<ChangeTx, Error> {
        let drawn = if Mutant::RevisionBeforeLock.planted() { Some(self.draw_revision().await?) } else { None };
        let tx = self.db.write().await?;
        let mut head = head::Entity::find_by_id(1).lock_exclusive().one(&*tx).await?.ok_or(Error::Corrupt("head"))?;
        head.revision = drawn.unwrap_or(head.revision);
        let tenant = tenants::Entity::find_by_id(intent.tenant.as_str()).one(&*tx).await?.ok_or(Error::TenantNotAllowed)?;
        let replayed = match &intent.key {
            Some(key) => replay(&tx, &intent, key).await?,
            None => None,
        };
        Ok(ChangeTx { tx, tenant, touched: Touched::Nothing, before: ChangedFacts::default(), intent, head, replayed })
    }

    /// With the fault planted: a number in front of the next revision, as a sequence would draw it.
    async fn draw_revision(&self) -> Result<i64, Error> {
        static DRAWN: AtomicI64 = AtomicI64::new(0);
        let (_, newest) = self.newest().await?;
        DRAWN.fetch_max(stored(newest), Ordering::SeqCst);
        let drawn = DRAWN.fetch_add(1, Ordering::SeqCst);
        // Nobody says that the lock is taken in the order of the numbers.
        tokio::time::sleep(std::time::Duration::from_millis(if drawn % 2 == 0 { 50 } else { 0 })).await;
        Ok(drawn)
    }

    /// Begins the change that makes a tenant, whose row the caller has just written.
    pub(super) async fn change_of_new_tenant(
        &self,
        intent: Intent,
        tenant: tenants::Model,
        tx: WriteTx,
        head: head::Model,
    ) -> ChangeTx {
        ChangeTx { tx, tenant, touched: Touched::Tenant, before: ChangedFacts::default(), intent, head, replayed: None }
    }

    /// Makes the change durable, tells the feed, and has it followed up if it takes something away.
    pub(super) async fn commit<T: Serialize>(
        &self,
        change: ChangeTx,
        kind: &str,
        subject: String,
        before: Option<&T>,
        after: &T,
    ) -> Result<Receipt, Error> {
        let made = change.revision();
        let facts = facts::of(&*change.tx, &change.intent.tenant, &change.touched).await?;
        let policy = Tenant::try_from(change.tenant.clone())?.after_job_end;
        let effect = revocation::effect(&change.before, &facts, policy);
        let committed_at = self.clock.wall_micros();
        let row = changes::ActiveModel {
            tenant_id: Set(change.tenant.tenant_id.clone()),
            revision: Set(made),
            prev_revision: Set(change.tenant.last_revision),
            committed_at: Set(committed_at),
            kind: Set(kind.to_owned()),
            subject: Set(subject),
            actor: Set(change.intent.actor.clone()),
            reason: Set(change.intent.reason.clone()),
            before: Set(before.map(json).transpose()?),
            after: Set(json(after)?),
            facts: Set(json(&facts)?),
            idempotency_key: Set(change.intent.key.as_ref().map(|key| key.key.clone())),
            in_force_at: Set((effect != Effect::TakesAway).then_some(committed_at)),
            nodes_confirmed: Set(0),
            nodes_waited_out: Set(0),
        };
        changes::Entity::insert(row).exec_without_returning(&*change.tx).await?;
        set_revisions(&change.tx, &change.tenant.tenant_id, made).await?;
        change.remember(made).await?;
        let committed = change.tx.commit().await;
        // Also after an error: nobody knows then whether it was committed.
        self.commits.send_replace(());
        if effect == Effect::TakesAway {
            self.follow_up();
        }
        committed?;
        let in_force = (effect == Effect::Grants).then_some(InForce { at: committed_at, confirmed: 0, waited_out: 0 });
        Ok(Receipt { revision: revision(made), replayed: false, in_force })
    }

    /// Ends a change that has nothing to change; its key is remembered all the same.
    pub(super) async fn nothing_to_change(&self, change: ChangeTx) -> Result<Receipt, Error> {
        let newest = change.tenant.last_revision;
        change.remember(newest).await?;
        change.tx.commit().await?;
        Ok(Receipt { revision: revision(newest), replayed: false, in_force: spoiled() })
    }

    /// The entries of the feed after `cursor`, in order, at most `limit`, and the newest revision of the database.
    pub async fn feed(&self, cursor: u64, limit: u64) -> Result<(Vec<FeedEntry>, u64), Error> {
        let tx = self.db.read().await?;
        let newest = revision(super::head(&tx).await?.revision);
        let rows = changes::Entity::find()
            .filter(changes::Column::Revision.gt(stored(cursor)))
            .order_by_asc(changes::Column::Revision)
            .limit(limit)
            .all(&tx)
            .await?;
        let entry = |row: changes::Model| {
            Ok(FeedEntry {
                revision: revision(row.revision),
                prev_revision: revision(row.prev_revision),
                tenant: TenantId::trusted(row.tenant_id),
                facts: serde_json::from_str(&row.facts).map_err(|_| Error::Corrupt("changes.facts"))?,
            })
        };
        Ok((rows.into_iter().map(entry).collect::<Result<_, Error>>()?, newest))
    }

    /// A page of the audit log, newest first.
    pub async fn changes(&self, tenant: &TenantId, subject: &str, page: &Page) -> Result<Vec<AuditRow>, Error> {
        let tx = self.db.read().await?;
        super::tenants::any(&tx, tenant).await?;
        let mut query = audit_rows(tenant);
        if !subject.is_empty() {
            query = query.filter(changes::Column::Subject.eq(subject));
        }
        if let Some(before) = page.after.as_deref().and_then(|token| token.parse::<i64>().ok()) {
            query = query.filter(changes::Column::Revision.lt(before));
        }
        Ok(query.order_by_desc(changes::Column::Revision).limit(page.limit()).into_model::<AuditRow>().all(&tx).await?)
    }

    /// One row of the audit log.
    pub async fn audited(&self, tenant: &TenantId, revision: u64) -> Result<AuditRow, Error> {
        let tx = self.db.read().await?;
        super::tenants::any(&tx, tenant).await?;
        let query = audit_rows(tenant).filter(changes::Column::Revision.eq(stored(revision)));
        query.into_model::<AuditRow>().one(&tx).await?.ok_or(Error::NotFound("change"))
    }
}

impl ChangeTx {
    /// Says whose facts the change touches, before it writes any of them.
    pub async fn touch(&mut self, touched: Touched) -> Result<(), Error> {
        self.before = facts::of(&*self.tx, &self.intent.tenant, &touched).await?;
        self.touched = touched;
        Ok(())
    }

    /// The revision that this change will have.
    pub fn revision(&self) -> i64 {
        self.head.revision + 1
    }

    /// What an earlier call with the same key made.
    pub fn replayed(&self) -> Option<Receipt> {
        self.replayed
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &TenantId {
        &self.intent.tenant
    }

    async fn remember(&self, made: i64) -> Result<(), Error> {
        let Some(key) = &self.intent.key else { return Ok(()) };
        let row = request_keys::ActiveModel {
            tenant_id: Set(self.intent.tenant.as_str().to_owned()),
            actor: Set(self.intent.actor.clone()),
            idempotency_key: Set(key.key.clone()),
            request_hash: Set(key.request_hash.clone()),
            revision: Set(made),
        };
        request_keys::Entity::insert(row).exec_without_returning(&*self.tx).await?;
        Ok(())
    }
}

/// What a repeated change knows of the first one at once: nothing, unless the fault is planted that it does not wait for it.
fn spoiled() -> Option<InForce> {
    Mutant::RepeatReturnsEarly.planted().then_some(InForce { at: 0, confirmed: 0, waited_out: 0 })
}

/// The audit log of a tenant, without the facts, which can be large.
fn audit_rows(tenant: &TenantId) -> Select<changes::Entity> {
    let columns = [
        changes::Column::Revision,
        changes::Column::CommittedAt,
        changes::Column::Kind,
        changes::Column::Subject,
        changes::Column::Actor,
        changes::Column::Reason,
        changes::Column::Before,
        changes::Column::After,
        changes::Column::IdempotencyKey,
        changes::Column::InForceAt,
        changes::Column::NodesConfirmed,
        changes::Column::NodesWaitedOut,
    ];
    changes::Entity::find().select_only().columns(columns).filter(changes::Column::TenantId.eq(tenant.as_str()))
}

async fn replay(tx: &WriteTx, intent: &Intent, key: &RequestKey) -> Result<Option<Receipt>, Error> {
    let id = (intent.tenant.as_str().to_owned(), intent.actor.clone(), key.key.clone());
    match request_keys::Entity::find_by_id(id).one(&**tx).await? {
        None => Ok(None),
        Some(row) if row.request_hash == key.request_hash => {
            Ok(Some(Receipt { revision: revision(row.revision), replayed: true, in_force: spoiled() }))
        }
        Some(_) => Err(Error::KeyReused),
    }
}

async fn set_revisions(tx: &WriteTx, tenant: &str, made: i64) -> Result<(), Error> {
    use sea_orm::sea_query::Expr;
    head::Entity::update_many().col_expr(head::Column::Revision, Expr::value(made)).exec(&**tx).await?;
    tenants::Entity::update_many()
        .col_expr(tenants::Column::LastRevision, Expr::value(made))
        .filter(tenants::Column::TenantId.eq(tenant))
        .exec(&**tx)
        .await?;
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::Corrupt("changes.after"))
}

/// A revision as the database takes it; one beyond its range is beyond every row.
pub(super) fn stored(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}
