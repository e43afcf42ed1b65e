//! Who wants no texts, from which number of the tenant (choice A8).

use chassis::db::WriteTx;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::{opt_outs, threads};
use super::thread_tx::ThreadTx;
use super::{Done, News, Store};
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{Audience, Author, BusinessNumber, ContactNumber, Payload, TenantId, ThreadId, ThreadKey};

/// A number that wants no texts from another.
#[derive(Clone, Debug)]
pub struct OptOut {
    /// The customer's.
    pub contact: ContactNumber,
    /// The tenant's.
    pub business: BusinessNumber,
    /// Since when, in microseconds since 1970.
    pub updated_at: i64,
}

impl Store {
    /// Opts a number out, or in again, and says so in its open threads; false if it was so already.
    pub async fn set_opt_out(
        &self,
        permit: Permit,
        contact: ContactNumber,
        business: BusinessNumber,
        opted_out: bool,
    ) -> Result<Done<bool>, Error> {
        let tenant = permit.tenant().clone();
        let tx = self.db.write().await?;
        super::threads::hold(&tx, &tenant, &contact).await?;
        let changed = self.write_opt_out(&*tx, &tenant, &contact, &business, opted_out).await?;
        let concerned = if changed { between(&*tx, &tenant, &contact, &business).await? } else { Vec::new() };
        let (tx, news) = self.tell_opt_out(tx, concerned, permit.author(), permit.revision(), opted_out).await?;
        permit.confirm(None)?;
        tx.commit().await?;
        Ok(Done { value: changed, news })
    }

    /// The numbers that want no texts, after this one, at most `limit`.
    pub async fn opt_outs(
        &self,
        tenant: &TenantId,
        contact: Option<&ContactNumber>,
        after: Option<(String, String)>,
        limit: u64,
    ) -> Result<Vec<OptOut>, Error> {
        let mut query = opt_outs::Entity::find()
            .filter(opt_outs::Column::TenantId.eq(tenant.as_str()))
            .filter(opt_outs::Column::OptedOut.eq(true));
        if let Some(contact) = contact {
            query = query.filter(opt_outs::Column::ContactNumber.eq(contact.as_str()));
        }
        if let Some((contact, business)) = after {
            let same = opt_outs::Column::ContactNumber.eq(contact.as_str()).and(opt_outs::Column::BusinessNumber.gt(business));
            query = query.filter(opt_outs::Column::ContactNumber.gt(contact).or(same));
        }
        let rows = query
            .order_by_asc(opt_outs::Column::ContactNumber)
            .order_by_asc(opt_outs::Column::BusinessNumber)
            .limit(limit)
            .all(&self.db.read().await?)
            .await?;
        let opt_out = |row: opt_outs::Model| OptOut {
            contact: ContactNumber::trusted(row.contact_number),
            business: BusinessNumber::trusted(row.business_number),
            updated_at: row.updated_at,
        };
        Ok(rows.into_iter().map(opt_out).collect())
    }

    /// Says so in the threads that it concerns: an event in those that are open.
    pub(super) async fn tell_opt_out(
        &self,
        mut tx: WriteTx,
        concerned: Vec<threads::Model>,
        actor: &Author,
        access_revision: u64,
        opted_out: bool,
    ) -> Result<(WriteTx, Vec<News>), Error> {
        let mut news = Vec::new();
        for found in concerned {
            let tenant = TenantId::trusted(found.tenant_id.as_str());
            if found.open_key.is_none() {
                let key = ThreadKey { tenant, thread: ThreadId(found.thread_id) };
                news.push(News { key, thread: found.try_into()?, left: None, events: Vec::new(), to_send: false });
                continue;
            }
            let Some(row) = super::threads::lock(&*tx, &tenant, ThreadId(found.thread_id)).await? else { continue };
            let mut thread = ThreadTx::new(self, tx, row);
            let payload = Payload::OptOutChanged { actor: actor.clone(), opted_out };
            thread.append(Audience::Crew, access_revision, payload).await?;
            let (rest, told) = thread.release().await?;
            tx = rest;
            news.push(told);
        }
        Ok((tx, news))
    }

    /// Writes the state down; false if it was so already.
    pub(super) async fn write_opt_out(
        &self,
        db: &impl ConnectionTrait,
        tenant: &TenantId,
        contact: &ContactNumber,
        business: &BusinessNumber,
        opted_out: bool,
    ) -> Result<bool, Error> {
        if !opted_out {
            let back = opt_outs::Entity::update_many()
                .col_expr(opt_outs::Column::OptedOut, Expr::val(false))
                .col_expr(opt_outs::Column::UpdatedAt, Expr::val(self.clock.wall_micros()))
                .filter(that_refuse(tenant, contact.as_str(), business.as_str()));
            return Ok(back.exec(db).await?.rows_affected > 0);
        }
        let key = (tenant.as_str().to_owned(), contact.as_str().to_owned(), business.as_str().to_owned());
        if opt_outs::Entity::find_by_id(key).one(db).await?.is_some_and(|row| row.opted_out) {
            return Ok(false);
        }
        let row = opt_outs::ActiveModel {
            tenant_id: Set(tenant.as_str().to_owned()),
            contact_number: Set(contact.as_str().to_owned()),
            business_number: Set(business.as_str().to_owned()),
            opted_out: Set(opted_out),
            updated_at: Set(self.clock.wall_micros()),
        };
        let key = [opt_outs::Column::TenantId, opt_outs::Column::ContactNumber, opt_outs::Column::BusinessNumber];
        let over = OnConflict::columns(key).update_columns([opt_outs::Column::OptedOut, opt_outs::Column::UpdatedAt]).to_owned();
        opt_outs::Entity::insert(row).on_conflict(over).exec_without_returning(db).await?;
        Ok(true)
    }
}

/// The threads of a number that text from this number of the tenant, by id: the order in which they are locked.
pub(super) async fn between(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    contact: &ContactNumber,
    business: &BusinessNumber,
) -> Result<Vec<threads::Model>, Error> {
    let query = super::threads::with_number(tenant, contact).filter(may_text_from(business.as_str()));
    let mut rows = query.all(db).await?;
    // Not by the database: SQLite would read all of the tenant's threads, which have this order, rather than sort a few.
    rows.sort_by_key(|row| row.thread_id);
    Ok(rows)
}

/// Whether a number wants no texts from a number of the tenant.
pub(super) async fn is_opted_out(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    contact: &str,
    business: &str,
) -> Result<bool, Error> {
    Ok(opt_outs::Entity::find().filter(that_refuse(tenant, contact, business)).one(db).await?.is_some())
}

/// The refusals of a customer's number that concern a number of the tenant. Where the gateway chooses, nobody here knows which one it is: it may be
/// any that was refused.
fn that_refuse(tenant: &TenantId, contact: &str, business: &str) -> Condition {
    let known = (!business.is_empty()).then(|| opt_outs::Column::BusinessNumber.eq(business));
    Condition::all()
        .add(opt_outs::Column::TenantId.eq(tenant.as_str()))
        .add(opt_outs::Column::ContactNumber.eq(contact))
        .add(opt_outs::Column::OptedOut.eq(true))
        .add_option(known)
}

/// Threads that text from this number of the tenant, or from one that nobody knows here.
fn may_text_from(business: &str) -> Condition {
    match business {
        "" => Condition::all(),
        known => Condition::all().add(threads::Column::BusinessNumber.is_in([known, ""])),
    }
}
