//! Idempotency: what a client or provider message id made, kept for ever.

use hmac::{Hmac, Mac};
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait};
use sha2::Sha256;

use super::Store;
use super::entities::sent_ids;
use super::incoming::{Incoming, Notification};
use super::messages::{Again, Writing};
use super::rows::stored;
use crate::error::Error;
use crate::model::{AttachmentId, Author, JobId, MessageKind, TenantId, ThreadId};

/// Who named a message, and how.
#[derive(Clone, Debug)]
pub(super) struct SentId {
    origin: String,
    id: String,
    content_hash: Vec<u8>,
}

/// What an id made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub thread: ThreadId,
    pub seq: u64,
}

impl Store {
    /// The id of a client: unique for the author in the thread.
    pub(super) fn client_id(&self, author: &Author, writing: &Writing) -> SentId {
        let mut content = vec![writing.body.as_str()];
        if writing.kind != MessageKind::Text {
            content.extend(["kind", writing.kind.into(), writing.audience.into()]);
        }
        if !writing.attachments.is_empty() {
            content.push("attachments");
            content.extend(writing.attachments.iter().map(AttachmentId::as_str));
        }
        SentId {
            origin: by_person(writing.thread, author),
            id: writing.id.as_str().to_owned(),
            content_hash: self.hash(&content),
        }
    }

    /// The id of an order to send again: one of the client's like the others.
    pub(super) fn resend_id(&self, author: &Author, again: &Again) -> SentId {
        let content_hash = self.hash(&["resend", &again.message.to_string()]);
        SentId { origin: by_person(again.thread, author), id: again.id.as_str().to_owned(), content_hash }
    }

    /// The id of a provider: unique for the provider.
    pub(super) fn text_id(&self, incoming: &Incoming) -> SentId {
        let mut content = vec![incoming.contact.as_str(), incoming.body.as_str()];
        if !incoming.business.is_empty() {
            content.extend(["business", incoming.business.as_str()]);
        }
        if !incoming.attachments.is_empty() {
            content.push("attachments");
            content.extend(incoming.attachments.iter().map(AttachmentId::as_str));
        }
        let origin = format!("provider/{}", incoming.provider);
        SentId { origin, id: incoming.id.as_str().to_owned(), content_hash: self.hash(&content) }
    }

    /// The id of a system that sends notifications.
    pub(super) fn notification_id(&self, notification: &Notification) -> SentId {
        let job = notification.job.as_ref().map_or("", JobId::as_str);
        let content_hash = self.hash(&[notification.contact.as_str(), job, notification.body.as_str()]);
        let origin = format!("notifications/{}", notification.provider);
        SentId { origin, id: notification.id.as_str().to_owned(), content_hash }
    }

    fn hash(&self, parts: &[&str]) -> Vec<u8> {
        // HMAC takes a key of any length; the type does not know that.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.hash_key) else { return Vec::new() };
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().to_vec()
    }
}

fn by_person(thread: ThreadId, author: &Author) -> String {
    format!("thread/{thread}/person/{}", author.person.as_ref().map_or("", |person| person.as_str()))
}

/// What the id made, if it was used; an error if it was used for something else. Under the lock of the writer, so that there is no race.
pub(super) async fn find(db: &impl ConnectionTrait, tenant: &TenantId, sent: &SentId) -> Result<Option<Made>, Error> {
    let key = (tenant.as_str().to_owned(), sent.origin.clone(), sent.id.clone());
    match sent_ids::Entity::find_by_id(key).one(db).await? {
        None => Ok(None),
        Some(row) if row.content_hash == sent.content_hash => {
            Ok(Some(Made { thread: ThreadId(row.thread_id), seq: row.seq.unsigned_abs() }))
        }
        Some(_) => Err(Error::IdReused),
    }
}

/// Remembers what the id made.
pub(super) async fn remember(db: &impl ConnectionTrait, tenant: &TenantId, sent: SentId, made: Made) -> Result<(), Error> {
    let row = sent_ids::ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        origin: Set(sent.origin),
        sent_id: Set(sent.id),
        thread_id: Set(made.thread.0),
        seq: Set(stored(made.seq)),
        content_hash: Set(sent.content_hash),
    };
    sent_ids::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}
