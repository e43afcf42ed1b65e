//! The texts for the gateway: handed out in order per number, each with a lease.

use std::time::Duration;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::Store;
use super::entities::{messages, outbound};
use crate::error::Error;
use crate::model::{AttachmentId, Body, BusinessNumber, ContactNumber, Message, TenantId, ThreadId};

/// Texts in one piece.
const BATCH: u64 = 32;
/// Texts of one tenant that are out at a time.
const MAX_OUT: u64 = 256;

/// How texts are handed out.
#[derive(Clone, Copy, Debug)]
pub struct HandOut {
    /// How long the gateway has for each.
    pub lease: Duration,
    /// How often one is handed out that the gateway says nothing of.
    pub limit: u32,
}

/// A text that was handed out.
#[derive(Clone, Debug)]
pub struct OutboundText {
    /// Names the sending.
    pub token: Uuid,
    /// Where it was written.
    pub thread: ThreadId,
    /// The message.
    pub message: Uuid,
    /// The number to send from.
    pub business: BusinessNumber,
    /// The number to send to.
    pub contact: ContactNumber,
    /// The text.
    pub body: Body,
    /// Media.
    pub attachments: Vec<AttachmentId>,
    /// When the lease runs out, in microseconds since 1970.
    pub leased_until: i64,
    /// How often it has been handed out.
    pub hand_outs: u32,
}

/// What there is to do for a gateway.
#[derive(Clone, Debug, Default)]
pub struct Handed {
    /// Texts with a lease from now on.
    pub texts: Vec<OutboundText>,
    /// Texts that must not go out any more, each with what to say of it.
    pub hopeless: Vec<(Uuid, &'static str)>,
}

impl Handed {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.hopeless.is_empty()
    }
}

impl Store {
    /// Hands out what is due: of each number the first text that waits, unless it is out.
    pub async fn hand_out(&self, tenant: &TenantId, how: HandOut) -> Result<Handed, Error> {
        let now = self.clock.wall_micros();
        // Most looks find nothing: they need not wait for the writer.
        if due(tenant, now, 1).one(&self.db.read().await?).await?.is_none() {
            return Ok(Handed::default());
        }
        let tx = self.db.write().await?;
        let out = outbound::Entity::find()
            .filter(outbound::Column::TenantId.eq(tenant.as_str()))
            .filter(outbound::Column::Waiting.eq(true))
            .filter(outbound::Column::Unanswered.gt(0))
            .filter(outbound::Column::NotBefore.gt(now))
            .count(&*tx)
            .await?;
        let rows = due(tenant, now, Ord::min(BATCH, MAX_OUT.saturating_sub(out)))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&*tx)
            .await?;
        let mut handed = Handed::default();
        let leased_until = now + i64::try_from(how.lease.as_micros()).unwrap_or(i64::MAX);
        for row in rows {
            let opted_out = super::opt_outs::is_opted_out(&*tx, tenant, &row.contact_number, &row.business_number).await?;
            if opted_out {
                handed.hopeless.push((row.token, "the customer has opted out"));
            } else if row.unanswered.unsigned_abs() >= how.limit {
                handed.hopeless.push((row.token, "no gateway took it"));
            } else {
                handed.texts.push(lease(&*tx, row, leased_until).await?);
            }
        }
        tx.commit().await?;
        Ok(handed)
    }

    /// How many texts wait, those that are out included; and when the next lease or pause after `looked_at` ends, both in
    /// microseconds since 1970. What waits for anything else waits for one of those, or for an answer.
    pub async fn waiting(&self, tenant: &TenantId, looked_at: i64) -> Result<(u64, Option<i64>), Error> {
        let tx = self.db.read().await?;
        let waiting = outbound::Entity::find()
            .filter(outbound::Column::TenantId.eq(tenant.as_str()))
            .filter(outbound::Column::Waiting.eq(true));
        let later = waiting.clone().filter(outbound::Column::NotBefore.gt(looked_at));
        let next = later.order_by_asc(outbound::Column::NotBefore).one(&tx).await?;
        Ok((waiting.count(&tx).await?, next.map(|row| row.not_before)))
    }
}

/// Of each number the first text that waits, where that is neither out nor put off.
fn due(tenant: &TenantId, now: i64, limit: u64) -> sea_orm::Select<outbound::Entity> {
    let earlier = Alias::new("earlier");
    let before = |column: outbound::Column| Expr::col((earlier.clone(), column));
    let own = |column: outbound::Column| Expr::col((outbound::Entity, column));
    let one_before = Query::select()
        .expr(Expr::val(1))
        .from_as(outbound::Entity, earlier.clone())
        .and_where(before(outbound::Column::TenantId).eq(tenant.as_str()))
        .and_where(before(outbound::Column::Waiting).eq(true))
        .and_where(before(outbound::Column::ContactNumber).eq(own(outbound::Column::ContactNumber)))
        .and_where(before(outbound::Column::Place).lt(own(outbound::Column::Place)))
        .to_owned();
    outbound::Entity::find()
        .filter(outbound::Column::TenantId.eq(tenant.as_str()))
        .filter(outbound::Column::Waiting.eq(true))
        .filter(outbound::Column::NotBefore.lte(now))
        .filter(Expr::exists(one_before).not())
        .order_by_asc(outbound::Column::Place)
        .limit(limit)
}

async fn lease(db: &impl ConnectionTrait, row: outbound::Model, leased_until: i64) -> Result<OutboundText, Error> {
    let leased = outbound::ActiveModel {
        tenant_id: Unchanged(row.tenant_id.clone()),
        token: Unchanged(row.token),
        not_before: Set(leased_until),
        hand_outs: Set(row.hand_outs + 1),
        unanswered: Set(row.unanswered + 1),
        ..Default::default()
    };
    outbound::Entity::update(leased).exec(db).await?;
    let key = (row.tenant_id, row.thread_id, row.seq);
    let message: Message = messages::Entity::find_by_id(key).one(db).await?.ok_or(Error::Corrupt("outbound.seq"))?.try_into()?;
    Ok(OutboundText {
        token: row.token,
        thread: ThreadId(row.thread_id),
        message: row.message_id,
        business: BusinessNumber::trusted(row.business_number),
        contact: ContactNumber::trusted(row.contact_number),
        body: message.body,
        attachments: message.attachments,
        leased_until,
        hand_outs: row.hand_outs.unsigned_abs() + 1,
    })
}
