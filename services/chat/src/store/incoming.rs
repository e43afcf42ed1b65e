//! What the gateway hands in: customers' texts, and automated notifications.

use std::time::Duration;

use chassis::db::WriteTx;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::threads;
use super::sent_ids;
use super::thread_tx::{Draft, ThreadTx};
use super::threads::NewThread;
use super::{Done, Store};
use crate::error::Error;
use crate::model::{
    AttachmentId, Audience, Author, Body, BusinessNumber, ContactNumber, JobId, MessageKind, OptOutWord, Provider,
    ProviderMessageId, TenantId, Thread, ThreadId, opt_out_word,
};
use crate::routing::{self, Candidate, Route};

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
    /// The number that was texted.
    pub business: BusinessNumber,
    /// The text.
    pub body: Body,
    /// Media.
    pub attachments: Vec<AttachmentId>,
}

/// A notification that another system sent.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Whose customer.
    pub tenant: TenantId,
    /// Who sent it.
    pub provider: Provider,
    /// What it is called there.
    pub id: ProviderMessageId,
    /// The customer's number.
    pub contact: ContactNumber,
    /// About what.
    pub job: Option<JobId>,
    /// The text.
    pub body: Body,
}

/// Where something that was handed in is now.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The thread.
    pub thread: ThreadId,
    /// Its event there.
    pub seq: u64,
    /// An earlier call had handed it in.
    pub duplicate: bool,
    /// It opened the thread again.
    pub reopened: bool,
}

impl Store {
    /// Writes a customer's text into the thread that it belongs to. `is_under_way` knows where technicians are working now.
    pub async fn receive(
        &self,
        incoming: Incoming,
        reopen_within: Duration,
        is_under_way: impl Fn(&JobId) -> bool,
    ) -> Result<Done<Received>, Error> {
        let tx = self.db.write().await?;
        let (tenant, contact) = (incoming.tenant.clone(), incoming.contact.clone());
        super::threads::hold(&tx, &tenant, &contact).await?;
        let sent = self.text_id(&incoming);
        if let Some(made) = sent_ids::find(&*tx, &tenant, &sent).await? {
            return self.received_before(tx, &tenant, made).await;
        }
        let candidates = candidates(&tx, &tenant, &contact, is_under_way).await?;
        let route = routing::route(&candidates, self.clock.wall_micros(), reopen_within);
        let row = match route {
            Route::Thread(id) | Route::Reopen(id) => super::threads::lock(&*tx, &tenant, id).await?,
            Route::NewOfficeThread => {
                let new = NewThread { job: None, contact: contact.clone(), business: incoming.business.clone() };
                Some(self.insert(&*tx, &tenant, new).await?)
            }
        };
        let mut thread = ThreadTx::new(self, tx, row.ok_or(Error::Corrupt("threads"))?);
        // Closing takes the lock of the thread alone: it may have come between.
        let reopened = matches!(route, Route::Reopen(_)) || thread.row.open_key.is_none();
        if reopened {
            thread.open_again(Author::system(), 0).await?;
        }
        let word = opt_out_word(&incoming.body);
        let draft = Draft {
            author: Author::customer(),
            body: incoming.body,
            kind: MessageKind::Text,
            audience: Audience::Crew,
            attachments: incoming.attachments,
            business: Some(incoming.business.clone()),
        };
        let message = thread.post(draft, 0).await?;
        thread.remember(sent, message.seq).await?;
        let Thread { id, contact, business, .. } = thread.thread()?;
        let received = Received { thread: id, seq: message.seq, duplicate: false, reopened };
        let (mut tx, own) = thread.release().await?;
        let mut news = vec![own];
        // For the number that the thread texts from now: the one that was texted. Who says yes, or start, without having opted out, is in already.
        let out = word == Some(OptOutWord::Out);
        if word.is_some() && self.write_opt_out(&*tx, &tenant, &contact, &business, out).await? {
            let concerned = super::opt_outs::between(&*tx, &tenant, &contact, &business).await?;
            let (rest, told) = self.tell_opt_out(tx, concerned, &Author::customer(), 0, out).await?;
            tx = rest;
            news.extend(told);
        }
        tx.commit().await?;
        Ok(Done { value: received, news })
    }

    /// Writes a notification into the conversation that it belongs to, if one is open.
    pub async fn record_notification(&self, notification: Notification) -> Result<Done<Option<Received>>, Error> {
        let tx = self.db.write().await?;
        let tenant = notification.tenant.clone();
        super::threads::hold(&tx, &tenant, &notification.contact).await?;
        let sent = self.notification_id(&notification);
        if let Some(made) = sent_ids::find(&*tx, &tenant, &sent).await? {
            let Done { value, news } = self.received_before(tx, &tenant, made).await?;
            return Ok(Done { value: Some(value), news });
        }
        let open = match &notification.job {
            Some(job) => super::threads::open_with_key(&*tx, &tenant, Some(job), &notification.contact).await?,
            None => only_open(&tx, &tenant, &notification.contact).await?,
        };
        let Some(open) = open else { return Ok(Done { value: None, news: Vec::new() }) };
        let row = super::threads::lock(&*tx, &tenant, ThreadId(open.thread_id)).await?.filter(|row| row.open_key.is_some());
        let Some(row) = row else { return Ok(Done { value: None, news: Vec::new() }) };
        let mut thread = ThreadTx::new(self, tx, row);
        let draft = Draft {
            author: Author::system(),
            body: notification.body,
            kind: MessageKind::Automated,
            audience: Audience::Crew,
            attachments: Vec::new(),
            business: None,
        };
        let message = thread.post(draft, 0).await?;
        thread.remember(sent, message.seq).await?;
        let id = ThreadId(thread.row.thread_id);
        thread.commit(None, Some(Received { thread: id, seq: message.seq, duplicate: false, reopened: false })).await
    }

    async fn received_before(&self, tx: WriteTx, tenant: &TenantId, made: sent_ids::Made) -> Result<Done<Received>, Error> {
        let row = super::threads::lock(&*tx, tenant, made.thread).await?.ok_or(Error::Corrupt("sent_ids.thread_id"))?;
        let received = Received { thread: made.thread, seq: made.seq, duplicate: true, reopened: false };
        ThreadTx::new(self, tx, row).unchanged(received)
    }
}

/// The threads that a text of this number may belong to.
async fn candidates(
    tx: &WriteTx,
    tenant: &TenantId,
    contact: &ContactNumber,
    is_under_way: impl Fn(&JobId) -> bool,
) -> Result<Vec<Candidate>, Error> {
    let of_number = || super::threads::with_number(tenant, contact);
    let mut rows = of_number().filter(threads::Column::OpenKey.is_not_null()).all(&**tx).await?;
    if rows.is_empty() {
        rows.extend(of_number().order_by_desc(threads::Column::ClosedAt).one(&**tx).await?);
    }
    let candidate = |row: threads::Model| {
        let thread = Thread::try_from(row)?;
        Ok(Candidate { under_way: thread.job.as_ref().is_some_and(&is_under_way), thread })
    };
    rows.into_iter().map(candidate).collect()
}

/// The open thread of the number, if there is just one.
async fn only_open(tx: &WriteTx, tenant: &TenantId, contact: &ContactNumber) -> Result<Option<threads::Model>, Error> {
    let open = super::threads::with_number(tenant, contact).filter(threads::Column::OpenKey.is_not_null()).limit(2);
    let mut open = open.all(&**tx).await?;
    Ok(if open.len() == 1 { open.pop() } else { None })
}
