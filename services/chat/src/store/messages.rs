//! Messages: sent by people, received from customers.

use chassis::db::WriteTx;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::entities::{messages, threads};
use super::rows::stored;
use super::sent_ids::{self, Made};
use crate::access::guard::{Denial, Place};
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{
    Audience, Author, AuthorKind, Body, ClientMessageId, ContactNumber, Event, Message, Payload, Provider, ProviderMessageId,
    TenantId, Thread, ThreadId, ThreadKey, ThreadState,
};
use crate::routing::{self, Route};

/// Bytes of text in a page, about: standard clients take answers of 4 MiB. The longest text is far shorter.
const PAGE_BYTES: usize = 1024 * 1024;

/// A message from a person.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where to.
    pub thread: ThreadId,
    /// What the client calls it.
    pub id: ClientMessageId,
    /// The text.
    pub body: Body,
}

/// A text from a customer.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Whose customer.
    pub tenant: TenantId,
    /// Who delivers it.
    pub provider: Provider,
    /// What the provider calls it.
    pub id: ProviderMessageId,
    /// The customer's number.
    pub contact: ContactNumber,
    /// The text.
    pub body: Body,
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

/// A message that is on disk.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Where it went.
    pub key: ThreadKey,
    /// The message.
    pub message: Message,
    /// An earlier call made it.
    pub duplicate: bool,
    /// What to announce; nothing for a duplicate.
    pub event: Option<Event>,
}

impl Store {
    /// Writes a person's message into the thread of the permit.
    pub async fn send(&self, permit: Permit, outgoing: Outgoing) -> Result<Committed, Error> {
        let tx = self.db.write().await?;
        let tenant = permit.tenant().clone();
        let row = super::threads::lock(&*tx, &tenant, outgoing.thread).await?.ok_or(Denial::NoThread)?;
        let sent = self.client_id(outgoing.thread, permit.author(), &outgoing.id, &outgoing.body);
        if let Some(made) = sent_ids::find(&*tx, &tenant, &sent).await? {
            return repeated(&tx, tenant, made).await;
        }
        still_as_permitted(&permit, &Thread::try_from(row.clone())?)?;
        let committed = self.post(&tx, row, permit.author().clone(), outgoing.body, permit.revision()).await?;
        let made = Made { thread: outgoing.thread, seq: committed.message.seq };
        sent_ids::remember(&*tx, &tenant, sent, made).await?;
        permit.confirm()?;
        tx.commit().await?;
        Ok(committed)
    }

    /// Writes a customer's text into the thread that it belongs to.
    pub async fn receive(&self, incoming: Incoming) -> Result<Committed, Error> {
        let tx = self.db.write().await?;
        let tenant = incoming.tenant;
        super::threads::hold(&tx, &tenant, &incoming.contact).await?;
        let sent = self.provider_id(&incoming.provider, &incoming.id, &incoming.contact, &incoming.body);
        if let Some(made) = sent_ids::find(&*tx, &tenant, &sent).await? {
            return repeated(&tx, tenant, made).await;
        }
        let open = super::threads::open_with(&*tx, &tenant, &incoming.contact).await?;
        let row = match routing::route(&open) {
            Route::Thread(thread) => super::threads::lock(&*tx, &tenant, thread).await?.ok_or(Denial::NoThread)?,
            Route::NewOfficeThread => self.insert(&*tx, &tenant, None, incoming.contact).await?,
        };
        let thread = ThreadId(row.thread_id);
        let committed = self.post(&tx, row, Author::customer(), incoming.body, 0).await?;
        sent_ids::remember(&*tx, &tenant, sent, Made { thread, seq: committed.message.seq }).await?;
        tx.commit().await?;
        Ok(committed)
    }

    /// The messages of a thread after `after`, oldest first, at most `limit` and about a mebibyte, and the thread as it was then.
    pub async fn messages(&self, key: &ThreadKey, after: u64, limit: u64) -> Result<Option<MessagePage>, Error> {
        let tx = self.db.read().await?;
        let Some(row) = super::threads::find(&tx, &key.tenant, key.thread).await? else { return Ok(None) };
        let rows = messages::Entity::find()
            .filter(messages::Column::TenantId.eq(key.tenant.as_str()))
            .filter(messages::Column::ThreadId.eq(key.thread.0))
            .filter(messages::Column::Seq.gt(stored(after)))
            .order_by_asc(messages::Column::Seq)
            .limit(limit)
            .all(&tx)
            .await?;
        let mut bytes = 0;
        let fits = |row: &messages::Model| {
            bytes += row.body.len();
            bytes <= PAGE_BYTES
        };
        let read = rows.len();
        let messages: Vec<Message> = rows.into_iter().take_while(fits).map(Message::try_from).collect::<Result<_, _>>()?;
        Ok(Some(MessagePage { thread: row.try_into()?, cut: messages.len() < read, messages }))
    }

    async fn post(
        &self,
        tx: &WriteTx,
        mut thread: threads::Model,
        author: Author,
        body: Body,
        access_revision: u64,
    ) -> Result<Committed, Error> {
        let message_id = self.ids.uuid();
        let payload = Payload::MessagePosted { message_id, author: author.clone(), body: body.clone() };
        let event = self.append(&**tx, &mut thread, Audience::Crew, access_revision, payload).await?;
        if author.kind == AuthorKind::Customer {
            thread.inbound_count += 1;
        }
        super::threads::advance(&**tx, &thread).await?;
        let row = messages::ActiveModel {
            tenant_id: Set(thread.tenant_id.clone()),
            thread_id: Set(thread.thread_id),
            seq: Set(thread.head_seq),
            message_id: Set(message_id),
            author_kind: Set(<&str>::from(author.kind).to_owned()),
            author_id: Set(author.person.as_ref().map(|person| person.as_str().to_owned())),
            author_name: Set(author.name.clone()),
            body: Set(body.as_str().to_owned()),
            created_at: Set(event.committed_at),
        };
        messages::Entity::insert(row).exec_without_returning(&**tx).await?;
        let key = ThreadKey { tenant: TenantId::trusted(thread.tenant_id), thread: ThreadId(thread.thread_id) };
        let message = Message { id: message_id, seq: event.at.seq, author, body, created_at: event.committed_at };
        Ok(Committed { key, message, duplicate: false, event: Some(event) })
    }
}

/// The permit was given before the lock was: what it was given for must still be so.
fn still_as_permitted(permit: &Permit, thread: &Thread) -> Result<(), Denial> {
    let now = Place::from(thread);
    if permit.place() == Some(&now) {
        return Ok(());
    }
    let closed = now.state == ThreadState::Closed && permit.author().kind == AuthorKind::Office;
    Err(if closed { Denial::ThreadClosed } else { Denial::NoThread })
}

async fn repeated(db: &WriteTx, tenant: TenantId, made: Made) -> Result<Committed, Error> {
    let message = find(&**db, &tenant, made).await?;
    Ok(Committed { key: ThreadKey { tenant, thread: made.thread }, message, duplicate: true, event: None })
}

async fn find(db: &impl ConnectionTrait, tenant: &TenantId, made: Made) -> Result<Message, Error> {
    let key = (tenant.as_str().to_owned(), made.thread.0, stored(made.seq));
    messages::Entity::find_by_id(key).one(db).await?.ok_or(Error::Corrupt("sent_ids.seq"))?.try_into()
}
