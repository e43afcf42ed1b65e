//! Messages that people write, and the messages of a thread.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entities::messages;
use super::rows::stored;
use super::sent_ids::{self, Made, SentId};
use super::thread_tx::{Draft, ThreadTx};
use super::{Done, Store};
use crate::access::guard::Denial;
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{
    AttachmentId, Audience, Body, ClientMessageId, DeliveryStatus, Message, MessageKind, Payload, Thread, ThreadId, ThreadKey,
};

/// Bytes of text in a page, about: standard clients take answers of 4 MiB. The longest text is far shorter.
const PAGE_BYTES: usize = 1024 * 1024;

/// What a person writes.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Where to.
    pub thread: ThreadId,
    /// What the client calls it.
    pub id: ClientMessageId,
    /// The text.
    pub body: Body,
    /// A text for the customer, or a note.
    pub kind: MessageKind,
    /// Who sees it.
    pub audience: Audience,
    /// Media.
    pub attachments: Vec<AttachmentId>,
}

/// A message that is to be sent again.
#[derive(Clone, Debug)]
pub struct Again {
    /// Where.
    pub thread: ThreadId,
    /// Which.
    pub message: Uuid,
    /// What the client calls the order.
    pub id: ClientMessageId,
}

/// A message that is on disk.
#[derive(Clone, Debug)]
pub struct Written {
    /// The message, as it is now.
    pub message: Message,
    /// An earlier call made it.
    pub duplicate: bool,
}

/// Messages of a thread, and the thread as it was when they were read: one snapshot.
#[derive(Clone, Debug)]
pub struct MessagePage {
    /// The thread.
    pub thread: Thread,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// More were read, and would have made the page too large.
    pub cut: bool,
}

impl Store {
    /// Writes a person's message into a thread.
    pub async fn write(&self, permit: Permit, writing: Writing) -> Result<Done<Written>, Error> {
        let mut tx = match writing.kind {
            // The texts of a number are committed in the order of their places: what is out has none before it that is still to come.
            MessageKind::Text => self.thread_tx_with_contact(&permit, writing.thread).await?,
            _ => self.thread_tx(permit.tenant(), writing.thread).await?.ok_or(Denial::NoThread)?,
        };
        let sent = self.client_id(permit.author(), &writing);
        if let Some(made) = sent_ids::find(&*tx.tx, permit.tenant(), &sent).await? {
            return tx.repeated(&permit, made).await;
        }
        // What concerns the thread is told before what concerns the customer.
        permit.confirm(Some(&tx.place()?))?;
        if writing.kind == MessageKind::Text {
            tx.refuse_opted_out().await?;
        }
        let draft = Draft {
            author: permit.author().clone(),
            body: writing.body,
            kind: writing.kind,
            audience: writing.audience,
            attachments: writing.attachments,
            business: None,
        };
        let message = tx.post(draft, permit.revision()).await?;
        if message.kind == MessageKind::Text {
            super::horizons::read_own(&*tx.tx, permit.tenant(), &permit.subject().person, &tx.thread()?).await?;
        }
        tx.remember(sent, message.seq).await?;
        tx.commit(Some(&permit), Written { message, duplicate: false }).await
    }

    /// Orders the sending of a message that has failed.
    pub async fn resend(&self, permit: Permit, again: Again) -> Result<Done<Written>, Error> {
        let mut tx = self.thread_tx_with_contact(&permit, again.thread).await?;
        let sent = self.resend_id(permit.author(), &again);
        if let Some(made) = sent_ids::find(&*tx.tx, permit.tenant(), &sent).await? {
            return tx.repeated(&permit, made).await;
        }
        permit.confirm(Some(&tx.place()?))?;
        let audience = permit.subject().kind.audience();
        let first = tx.thread()?.first_available(audience);
        let found = tx.message(again.message).await?;
        let seen = found.filter(|message| audience.sees(message.audience) && message.seq >= first);
        let mut message = seen.ok_or(Error::NotFound("message"))?;
        let mut delivery = message.delivery.clone().filter(|delivery| delivery.status.has_failed()).ok_or(Error::NotFailed)?;
        tx.refuse_opted_out().await?;
        delivery.attempt += 1;
        (delivery.status, delivery.error) = (DeliveryStatus::Queued, String::new());
        let token = self.ids.uuid();
        tx.send_out(token, message.id, message.seq, delivery.attempt).await?;
        message.delivery = Some(delivery);
        tx.update_delivery(&message, token, permit.revision()).await?;
        tx.remember(sent, message.seq).await?;
        tx.commit(Some(&permit), Written { message, duplicate: false }).await
    }

    /// The messages of a thread after `after` that `audience` sees, oldest first, at most `limit` and about a mebibyte, and the thread
    /// as it was then.
    pub async fn messages(
        &self,
        key: &ThreadKey,
        audience: Audience,
        after: u64,
        limit: u64,
    ) -> Result<Option<MessagePage>, Error> {
        let tx = self.db.read().await?;
        let Some(row) = super::threads::find(&tx, &key.tenant, key.thread).await? else { return Ok(None) };
        let thread = Thread::try_from(row)?;
        let mut query = messages::Entity::find()
            .filter(messages::Column::TenantId.eq(key.tenant.as_str()))
            .filter(messages::Column::ThreadId.eq(key.thread.0))
            .filter(messages::Column::Seq.gt(stored(after.max(thread.first_available(audience) - 1))));
        if audience == Audience::Crew {
            query = query.filter(messages::Column::Audience.eq(<&str>::from(Audience::Crew)));
        }
        let rows = query.order_by_asc(messages::Column::Seq).limit(limit).all(&tx).await?;
        let mut bytes = 0;
        let fits = |row: &messages::Model| {
            bytes += row.body.len();
            bytes <= PAGE_BYTES
        };
        let read = rows.len();
        let messages: Vec<Message> = rows.into_iter().take_while(fits).map(Message::try_from).collect::<Result<_, _>>()?;
        Ok(Some(MessagePage { thread, cut: messages.len() < read, messages }))
    }

    /// One message of a thread, if there is such a one that `audience` sees, and the thread as it was then.
    pub async fn message(
        &self,
        key: &ThreadKey,
        audience: Audience,
        id: Uuid,
    ) -> Result<Option<(Thread, Option<Message>)>, Error> {
        let tx = self.db.read().await?;
        let Some(row) = super::threads::find(&tx, &key.tenant, key.thread).await? else { return Ok(None) };
        let thread = Thread::try_from(row)?;
        let first = thread.first_available(audience);
        let found = find_by_id(&tx, key, id).await?;
        Ok(Some((thread, found.filter(|message| audience.sees(message.audience) && message.seq >= first))))
    }
}

impl ThreadTx<'_> {
    fn key(&self) -> ThreadKey {
        ThreadKey { tenant: self.tenant(), thread: ThreadId(self.row.thread_id) }
    }

    /// A message of this thread.
    pub(super) async fn message(&self, id: Uuid) -> Result<Option<Message>, Error> {
        find_by_id(&*self.tx, &self.key(), id).await
    }

    /// The message that an earlier call made, as it is now; for somebody who may still have it.
    async fn repeated(self, permit: &Permit, made: Made) -> Result<Done<Written>, Error> {
        let key = (self.row.tenant_id.clone(), made.thread.0, stored(made.seq));
        let found = messages::Entity::find_by_id(key).one(&*self.tx).await?.ok_or(Error::Corrupt("sent_ids.seq"))?;
        permit.confirm_repeated(&self.place()?)?;
        self.unchanged(Written { message: found.try_into()?, duplicate: true })
    }

    /// Remembers what the id made in this thread.
    pub(super) async fn remember(&self, sent: SentId, seq: u64) -> Result<(), Error> {
        let made = Made { thread: ThreadId(self.row.thread_id), seq };
        sent_ids::remember(&*self.tx, &self.tenant(), sent, made).await
    }

    async fn refuse_opted_out(&self) -> Result<(), Error> {
        let (contact, business) = (&self.row.contact_number, &self.row.business_number);
        let opted_out = super::opt_outs::is_opted_out(&*self.tx, &self.tenant(), contact, business).await?;
        if opted_out { Err(Error::OptedOut) } else { Ok(()) }
    }

    /// Writes down how far a message has come, as its `delivery` says, and tells of it.
    pub(super) async fn update_delivery(&mut self, message: &Message, token: Uuid, access_revision: u64) -> Result<(), Error> {
        let Some(delivery) = &message.delivery else { return Err(Error::Corrupt("messages.delivery_status")) };
        let update = messages::ActiveModel {
            tenant_id: sea_orm::ActiveValue::Unchanged(self.row.tenant_id.clone()),
            thread_id: sea_orm::ActiveValue::Unchanged(self.row.thread_id),
            seq: sea_orm::ActiveValue::Unchanged(stored(message.seq)),
            delivery_status: sea_orm::ActiveValue::Set(<&str>::from(delivery.status).to_owned()),
            delivery_error: sea_orm::ActiveValue::Set(delivery.error.clone()),
            delivery_attempt: sea_orm::ActiveValue::Set(i32::try_from(delivery.attempt).unwrap_or(i32::MAX)),
            ..Default::default()
        };
        messages::Entity::update(update).exec(&*self.tx).await?;
        let payload = Payload::DeliveryUpdated {
            message_id: message.id,
            message_seq: message.seq,
            status: delivery.status,
            error: delivery.error.clone(),
            attempt: delivery.attempt,
            outbound: token,
        };
        // Of what is hidden from the crew it hears nothing either.
        let hidden = stored(message.seq) <= self.row.crew_floor_seq;
        let audience = if hidden { Audience::Office } else { message.audience };
        self.append(audience, access_revision, payload).await?;
        Ok(())
    }
}

async fn find_by_id(db: &impl ConnectionTrait, key: &ThreadKey, id: Uuid) -> Result<Option<Message>, Error> {
    let query = messages::Entity::find()
        .filter(messages::Column::TenantId.eq(key.tenant.as_str()))
        .filter(messages::Column::ThreadId.eq(key.thread.0))
        .filter(messages::Column::MessageId.eq(id));
    query.one(db).await?.map(Message::try_from).transpose()
}
