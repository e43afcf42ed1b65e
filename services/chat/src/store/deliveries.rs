//! What became of the texts: acknowledgements of the gateway, and delivery reports.

use std::time::Duration;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::entities::outbound;
use super::thread_tx::ThreadTx;
use super::{Done, Store};
use crate::error::Error;
use crate::model::{Delivery, DeliveryStatus, Provider, ProviderMessageId, TenantId, ThreadId};

/// The longest pause that a gateway's "try later" makes.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// A text, as the gateway names it.
#[derive(Clone, Debug)]
pub enum Sending {
    /// By the token that it was handed out with.
    Token(Uuid),
    /// By the id that the provider gave it.
    ProviderText(ProviderText),
}

/// The id that a provider gave to a text.
#[derive(Clone, Debug)]
pub struct ProviderText {
    /// Who.
    pub provider: Provider,
    /// What.
    pub id: ProviderMessageId,
}

/// What became of a text that was handed out.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The provider has it.
    Accepted(ProviderText),
    /// It will never be sent.
    Rejected(String),
    /// Not now.
    TryLater,
}

/// How far a text has come.
#[derive(Clone, Debug)]
pub struct Report {
    /// How far.
    pub status: DeliveryStatus,
    /// What was said of a failure.
    pub error: String,
}

impl Store {
    /// Writes down what became of a text; the first answer counts. Gives the message's status.
    pub async fn acknowledge(&self, tenant: &TenantId, token: Uuid, outcome: Outcome) -> Result<Done<DeliveryStatus>, Error> {
        let (tx, row) = self.sending_tx(tenant, &Sending::Token(token)).await?;
        // A report may have overtaken it: then it still says what the provider calls the text.
        let names = matches!(outcome, Outcome::Accepted(_)) && row.provider.is_empty();
        // A pause that was asked for already is not asked for again.
        let repeated = matches!(outcome, Outcome::TryLater) && row.unanswered == 0;
        if repeated || (!row.waiting && !names) {
            return tx.unchanged_delivery(&row).await;
        }
        match outcome {
            Outcome::Accepted(text) => {
                let given = outbound::ActiveModel {
                    provider: Set(text.provider.as_str().to_owned()),
                    provider_message_id: Set(text.id.as_str().to_owned()),
                    ..key(&row)
                };
                outbound::Entity::update(given).exec(&*tx.tx).await?;
                tx.report(&row, Report { status: DeliveryStatus::Accepted, error: String::new() }).await
            }
            Outcome::Rejected(error) => tx.report(&row, Report { status: DeliveryStatus::Failed, error }).await,
            Outcome::TryLater => {
                let deferrals = row.deferrals + 1;
                let pause = Duration::from_secs(1).saturating_mul(1 << deferrals.clamp(0, 6)).min(MAX_PAUSE);
                let later = outbound::ActiveModel {
                    not_before: Set(self.clock.wall_micros() + i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)),
                    unanswered: Set(0),
                    deferrals: Set(deferrals),
                    ..key(&row)
                };
                outbound::Entity::update(later).exec(&*tx.tx).await?;
                tx.commit(None, DeliveryStatus::Queued).await
            }
        }
    }

    /// Writes down how far a text has come, if it is further than what is known. Gives the message's status.
    pub async fn report_delivery(
        &self,
        tenant: &TenantId,
        text: &Sending,
        report: Report,
    ) -> Result<Done<DeliveryStatus>, Error> {
        let (tx, row) = self.sending_tx(tenant, text).await?;
        tx.report(&row, report).await
    }

    /// Gives a text up that waits.
    pub async fn give_up(&self, tenant: &TenantId, token: Uuid, why: &str) -> Result<Done<DeliveryStatus>, Error> {
        let (tx, row) = self.sending_tx(tenant, &Sending::Token(token)).await?;
        if !row.waiting {
            return tx.unchanged_delivery(&row).await;
        }
        tx.report(&row, Report { status: DeliveryStatus::Failed, error: why.to_owned() }).await
    }

    /// Begins a write into the thread of a text, whose row is read under the thread's lock.
    async fn sending_tx(&self, tenant: &TenantId, text: &Sending) -> Result<(ThreadTx<'_>, outbound::Model), Error> {
        let query = outbound::Entity::find().filter(outbound::Column::TenantId.eq(tenant.as_str()));
        let query = match text {
            Sending::Token(token) => query.filter(outbound::Column::Token.eq(*token)),
            Sending::ProviderText(text) => query
                .filter(outbound::Column::Provider.eq(text.provider.as_str()))
                .filter(outbound::Column::ProviderMessageId.eq(text.id.as_str())),
        };
        // A provider that gives an id twice means the newest.
        let found = query
            .order_by_desc(outbound::Column::Place)
            .one(&self.db.read().await?)
            .await?
            .ok_or(Error::NotFound("outbound text"))?;
        let tx = self.thread_tx(tenant, ThreadId(found.thread_id)).await?.ok_or(Error::Corrupt("outbound.thread_id"))?;
        let token = (found.tenant_id, found.token);
        let row = outbound::Entity::find_by_id(token).one(&*tx.tx).await?.ok_or(Error::NotFound("outbound text"))?;
        Ok((tx, row))
    }
}

impl ThreadTx<'_> {
    async fn report(mut self, row: &outbound::Model, report: Report) -> Result<Done<DeliveryStatus>, Error> {
        let mut message = self.message(row.message_id).await?.ok_or(Error::Corrupt("outbound.message_id"))?;
        let Some(known) = message.delivery.clone() else { return Err(Error::Corrupt("messages.delivery_status")) };
        // What is said of an earlier sending says nothing of the one that is under way.
        let newer = known.attempt == row.attempt.unsigned_abs() && known.status.moves_to(report.status);
        if row.waiting {
            // Whoever says anything of it has it, or will never have it.
            self.wake_gateway();
            outbound::Entity::update(outbound::ActiveModel { waiting: Set(false), ..key(row) }).exec(&*self.tx).await?;
        }
        if !newer {
            return self.commit(None, known.status).await;
        }
        message.delivery = Some(Delivery { status: report.status, error: report.error, attempt: known.attempt });
        self.update_delivery(&message, row.token, 0).await?;
        self.commit(None, report.status).await
    }

    async fn unchanged_delivery(self, row: &outbound::Model) -> Result<Done<DeliveryStatus>, Error> {
        let message = self.message(row.message_id).await?.ok_or(Error::Corrupt("outbound.message_id"))?;
        let status = message.delivery.map(|delivery| delivery.status).ok_or(Error::Corrupt("messages.delivery_status"))?;
        self.unchanged(status)
    }
}

fn key(row: &outbound::Model) -> outbound::ActiveModel {
    outbound::ActiveModel { tenant_id: Unchanged(row.tenant_id.clone()), token: Unchanged(row.token), ..Default::default() }
}
