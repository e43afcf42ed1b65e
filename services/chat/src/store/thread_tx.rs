//! A write into one thread: under the lock of its row, with what it appends, and what there is to announce afterwards.

use chassis::db::WriteTx;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::entities::{attachments, messages, outbound, threads};
use super::rows::stored;
use super::{Done, News, Store};
use crate::access::guard::Place;
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{
    AttachmentId, Audience, Author, AuthorKind, Body, BusinessNumber, Delivery, DeliveryStatus, Event, JobId, Message,
    MessageKind, Payload, TenantId, Thread, ThreadId, ThreadKey,
};

/// The transaction, and the thread as it is in it.
#[derive(Debug)]
pub(super) struct ThreadTx<'a> {
    pub(super) store: &'a Store,
    pub(super) tx: WriteTx,
    pub(super) row: threads::Model,
    /// The job that the thread was taken from.
    pub(super) left: Option<JobId>,
    events: Vec<Event>,
    to_send: bool,
}

/// A message that is about to be written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) author: Author,
    pub(super) body: Body,
    pub(super) kind: MessageKind,
    pub(super) audience: Audience,
    pub(super) attachments: Vec<AttachmentId>,
    /// The number that the customer texted.
    pub(super) business: Option<BusinessNumber>,
}

impl Draft {
    /// Whether it is for the customer: what people text is, and nothing else.
    fn goes_out(&self) -> bool {
        self.kind == MessageKind::Text && self.author.kind != AuthorKind::Customer
    }
}

impl Store {
    /// Begins a write into a thread, if it is there.
    pub(super) async fn thread_tx(&self, tenant: &TenantId, thread: ThreadId) -> Result<Option<ThreadTx<'_>>, Error> {
        let tx = self.db.write().await?;
        let row = super::threads::lock(&*tx, tenant, thread).await?;
        Ok(row.map(|row| ThreadTx::new(self, tx, row)))
    }
}

impl<'a> ThreadTx<'a> {
    /// Goes on in a transaction that holds the lock of the thread's row, or made it.
    pub(super) fn new(store: &'a Store, tx: WriteTx, row: threads::Model) -> Self {
        Self { store, tx, row, left: None, events: Vec::new(), to_send: false }
    }

    pub(super) fn tenant(&self) -> TenantId {
        TenantId::trusted(self.row.tenant_id.as_str())
    }

    pub(super) fn thread(&self) -> Result<Thread, Error> {
        self.row.clone().try_into()
    }

    pub(super) fn place(&self) -> Result<Place, Error> {
        Ok(Place::from(&self.thread()?))
    }

    /// Appends an event. `access_revision` is the evidence of the permit that allowed it; 0 where no person did.
    pub(super) async fn append(&mut self, audience: Audience, access_revision: u64, payload: Payload) -> Result<Event, Error> {
        let event = self.store.append(&*self.tx, &mut self.row, audience, access_revision, payload).await?;
        self.events.push(event.clone());
        Ok(event)
    }

    /// Appends a message, and the order to send it if it is for the customer.
    pub(super) async fn post(&mut self, draft: Draft, access_revision: u64) -> Result<Message, Error> {
        self.claim_attachments(&draft).await?;
        let (id, token) = (self.store.ids.uuid(), draft.goes_out().then(|| self.store.ids.uuid()));
        let payload = Payload::MessagePosted {
            message_id: id,
            author: draft.author.clone(),
            body: draft.body.clone(),
            message_kind: draft.kind,
            attachments: draft.attachments.clone(),
            outbound: token,
            business: draft.business.clone(),
        };
        let event = self.append(draft.audience, access_revision, payload).await?;
        if draft.author.kind == AuthorKind::Customer {
            self.row.inbound_count += 1;
        }
        if let Some(business) = draft.business.filter(|business| !business.is_empty()) {
            business.as_str().clone_into(&mut self.row.business_number);
        }
        self.row.last_message_seq = self.row.head_seq;
        if draft.audience == Audience::Crew {
            self.row.crew_last_message_seq = self.row.head_seq;
        }
        let delivery = token.map(|_| Delivery { status: DeliveryStatus::Queued, error: String::new(), attempt: 1 });
        let message = Message {
            id,
            seq: event.at.seq,
            author: draft.author,
            body: draft.body,
            kind: draft.kind,
            audience: draft.audience,
            attachments: draft.attachments,
            delivery,
            created_at: event.committed_at,
        };
        let row = self.message_row(&message)?;
        messages::Entity::insert(row.into_active_model()).exec_without_returning(&*self.tx).await?;
        if let Some(token) = token {
            self.send_out(token, message.id, message.seq, 1).await?;
        }
        Ok(message)
    }

    /// An attachment belongs to the thread that it came into first. Whoever could take it into another one by its id alone would be given an
    /// address for what they may not see.
    async fn claim_attachments(&self, draft: &Draft) -> Result<(), Error> {
        for id in &draft.attachments {
            let claim = attachments::ActiveModel {
                tenant_id: Set(self.row.tenant_id.clone()),
                attachment_id: Set(id.as_str().to_owned()),
                thread_id: Set(self.row.thread_id),
                seq: Set(self.row.head_seq + 1),
            };
            attachments::Entity::insert(claim).on_conflict_do_nothing().exec_without_returning(&*self.tx).await?;
            let key = (self.row.tenant_id.clone(), id.as_str().to_owned());
            let owner = attachments::Entity::find_by_id(key).one(&*self.tx).await?;
            let sees = |owner: &attachments::Model| {
                let hidden = draft.author.kind == AuthorKind::Technician && owner.seq <= self.row.crew_floor_seq;
                owner.thread_id == self.row.thread_id && !hidden
            };
            // What the gateway hands in is not refused: it knows what the customer sent.
            if draft.author.kind != AuthorKind::Customer && !owner.as_ref().is_some_and(sees) {
                return Err(Error::NotFound("attachment"));
            }
        }
        Ok(())
    }

    /// Orders the sending of a message, behind the texts for the same thread that were ordered before.
    pub(super) async fn send_out(&mut self, token: Uuid, message: Uuid, seq: u64, attempt: u32) -> Result<(), Error> {
        // Behind everything that waits for the number, also if the clock was set back.
        let last: Option<i64> = outbound::Entity::find()
            .select_only()
            .column_as(outbound::Column::Place.max(), "place")
            .filter(outbound::Column::TenantId.eq(self.row.tenant_id.as_str()))
            .filter(outbound::Column::Waiting.eq(true))
            .filter(outbound::Column::ContactNumber.eq(self.row.contact_number.as_str()))
            .into_tuple()
            .one(&*self.tx)
            .await?
            .flatten();
        let behind = last.unwrap_or_default().max(self.row.last_outbound_at) + 1;
        self.row.last_outbound_at = self.store.clock.wall_micros().max(behind);
        self.to_send = true;
        let row = outbound::ActiveModel {
            tenant_id: Set(self.row.tenant_id.clone()),
            token: Set(token),
            thread_id: Set(self.row.thread_id),
            message_id: Set(message),
            seq: Set(stored(seq)),
            attempt: Set(i32::try_from(attempt).unwrap_or(i32::MAX)),
            contact_number: Set(self.row.contact_number.clone()),
            business_number: Set(self.row.business_number.clone()),
            place: Set(self.row.last_outbound_at),
            waiting: Set(true),
            not_before: Set(0),
            hand_outs: Set(0),
            unanswered: Set(0),
            deferrals: Set(0),
            provider: Set(String::new()),
            provider_message_id: Set(String::new()),
        };
        outbound::Entity::insert(row).exec_without_returning(&*self.tx).await?;
        Ok(())
    }

    /// The next text for the number may be handed out.
    pub(super) fn wake_gateway(&mut self) {
        self.to_send = true;
    }

    fn message_row(&self, message: &Message) -> Result<messages::Model, Error> {
        let attachments = serde_json::to_string(&message.attachments).map_err(|_| Error::Corrupt("messages.attachments"))?;
        let delivery = message.delivery.as_ref();
        Ok(messages::Model {
            tenant_id: self.row.tenant_id.clone(),
            thread_id: self.row.thread_id,
            seq: stored(message.seq),
            message_id: message.id,
            author_kind: <&str>::from(message.author.kind).to_owned(),
            author_id: message.author.person.as_ref().map(|person| person.as_str().to_owned()),
            author_name: message.author.name.clone(),
            body: message.body.as_str().to_owned(),
            created_at: message.created_at,
            kind: <&str>::from(message.kind).to_owned(),
            audience: <&str>::from(message.audience).to_owned(),
            attachments,
            inbound_count: self.row.inbound_count,
            delivery_status: delivery.map_or("", |delivery| delivery.status.into()).to_owned(),
            delivery_error: String::new(),
            delivery_attempt: delivery.map_or(0, |delivery| i32::try_from(delivery.attempt).unwrap_or(i32::MAX)),
        })
    }

    /// Writes the thread's row back and commits. A person's write is judged once more, right before.
    pub(super) async fn commit<T>(self, permit: Option<&Permit>, value: T) -> Result<Done<T>, Error> {
        let news = self.news()?;
        if !self.events.is_empty() {
            super::threads::write_back(&*self.tx, self.row).await?;
        }
        if let Some(permit) = permit {
            permit.confirm(Some(&Place::from(&news.thread)))?;
        }
        self.tx.commit().await?;
        Ok(Done { value, news: vec![news] })
    }

    /// Writes the thread's row back, and gives the transaction for the next one.
    pub(super) async fn release(self) -> Result<(WriteTx, News), Error> {
        let news = self.news()?;
        super::threads::write_back(&*self.tx, self.row).await?;
        Ok((self.tx, news))
    }

    /// Nothing to write: an earlier call did. It is announced again, since that call may not have known that it had.
    pub(super) fn unchanged<T>(self, value: T) -> Result<Done<T>, Error> {
        Ok(Done { value, news: vec![self.news()?] })
    }

    fn news(&self) -> Result<News, Error> {
        let thread = self.thread()?;
        let key = ThreadKey { tenant: self.tenant(), thread: thread.id };
        Ok(News { key, left: self.left.clone(), events: self.events.clone(), to_send: self.to_send, thread })
    }
}
