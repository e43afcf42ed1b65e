//! What people have read. A row per person and thread, in no event and under no thread's lock.

use chassis::db::{Tx, WriteTx};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{OnConflict, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::entities::{messages, read_horizons};
use super::rows::stored;
use crate::access::guard::{Denial, Place};
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{AuthorKind, Horizon, PersonId, TenantId, Thread, ThreadId};

/// What a person says of what they have read.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// Everything up to this event.
    UpTo(u64),
    /// Nothing from this event on; without one, from the customer's newest text on.
    UnreadFrom(Option<u64>),
}

/// What a person has read now, and what is left.
#[derive(Clone, Copy, Debug)]
pub struct ReadState {
    /// Everything up to here counts as read.
    pub seq: u64,
    /// The customer's texts that are left.
    pub unread: u64,
}

impl Store {
    /// Changes what the person of the permit has read.
    pub async fn change_horizon(&self, permit: Permit, id: ThreadId, change: Reading) -> Result<ReadState, Error> {
        let tx = self.db.write().await?;
        let (tenant, person) = (permit.tenant(), &permit.subject().person);
        let thread: Thread = super::threads::find(&*tx, tenant, id).await?.ok_or(Denial::NoThread)?.try_into()?;
        let before = hold(&tx, tenant, person, id).await?;
        let after = Scoped { db: &tx, tenant, thread: &thread }.apply(change, before).await?;
        read_horizons::Entity::update(row(tenant, person, id, after)).exec(&*tx).await?;
        permit.confirm(Some(&Place::from(&thread)))?;
        tx.commit().await?;
        let audience = permit.subject().kind.audience();
        Ok(ReadState { seq: after.counts_from(), unread: after.unread(&thread, audience) })
    }
}

/// Locks what a person has read of a thread. The row is made first, so that two devices of one person find the same to lock, and whoever
/// waits for a write finds one that is not committed.
pub(super) async fn hold(tx: &WriteTx, tenant: &TenantId, person: &PersonId, id: ThreadId) -> Result<Horizon, Error> {
    let key = (tenant.as_str().to_owned(), person.as_str().to_owned(), id.0);
    let unread = row(tenant, person, id, Horizon::default());
    read_horizons::Entity::insert(unread).on_conflict_do_nothing().exec_without_returning(&**tx).await?;
    let found = read_horizons::Entity::find_by_id(key).lock_exclusive().one(&**tx).await?;
    Ok(found.map(Horizon::from).unwrap_or_default())
}

/// A thread, in a transaction.
struct Scoped<'a> {
    db: &'a Tx,
    tenant: &'a TenantId,
    thread: &'a Thread,
}

impl Scoped<'_> {
    async fn apply(&self, change: Reading, before: Horizon) -> Result<Horizon, Error> {
        match change {
            Reading::UpTo(seq) => {
                let seq = seq.min(self.thread.head.seq);
                Ok(before.read_to(seq, self.inbound_at(seq).await?))
            }
            Reading::UnreadFrom(from) => {
                let from = match from {
                    Some(from) => from,
                    None => self.newest_inbound().await?,
                };
                let seq = from.saturating_sub(1).min(self.thread.head.seq);
                Ok(before.unread_after(seq, self.inbound_at(seq).await?))
            }
        }
    }

    /// How many texts the customer had written by the event `seq`.
    async fn inbound_at(&self, seq: u64) -> Result<u64, Error> {
        let newest = self.newest_message(messages::Column::Seq.lte(stored(seq))).await?;
        Ok(newest.map_or(0, |message| message.inbound_count.unsigned_abs()))
    }

    /// The customer's newest text; what follows the newest event if there is none.
    async fn newest_inbound(&self) -> Result<u64, Error> {
        let newest = self.newest_message(messages::Column::AuthorKind.eq(<&str>::from(AuthorKind::Customer))).await?;
        Ok(newest.map_or(self.thread.head.seq + 1, |message| message.seq.unsigned_abs()))
    }

    async fn newest_message(&self, that: SimpleExpr) -> Result<Option<messages::Model>, Error> {
        let query = messages::Entity::find()
            .filter(messages::Column::TenantId.eq(self.tenant.as_str()))
            .filter(messages::Column::ThreadId.eq(self.thread.id.0))
            .filter(that)
            .order_by_desc(messages::Column::Seq);
        Ok(query.one(self.db).await?)
    }
}

/// Who writes has read up to what they write, which is the newest of the thread.
pub(super) async fn read_own(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    person: &PersonId,
    thread: &Thread,
) -> Result<(), Error> {
    let all = Horizon::default().read_to(thread.head.seq, thread.inbound_count);
    let key = [read_horizons::Column::TenantId, read_horizons::Column::PersonId, read_horizons::Column::ThreadId];
    let state = [
        read_horizons::Column::Seq,
        read_horizons::Column::Inbound,
        read_horizons::Column::MarkedSeq,
        read_horizons::Column::InboundRead,
    ];
    let over = OnConflict::columns(key).update_columns(state).to_owned();
    let row = row(tenant, person, thread.id, all);
    read_horizons::Entity::insert(row).on_conflict(over).exec_without_returning(db).await?;
    Ok(())
}

fn row(tenant: &TenantId, person: &PersonId, thread: ThreadId, horizon: Horizon) -> read_horizons::ActiveModel {
    read_horizons::ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        person_id: Set(person.as_str().to_owned()),
        thread_id: Set(thread.0),
        seq: Set(stored(horizon.seq)),
        inbound: Set(stored(horizon.inbound)),
        marked_seq: Set(horizon.marked_unread.map(|mark| stored(mark.seq))),
        inbound_read: Set(stored(horizon.inbound_read())),
    }
}
