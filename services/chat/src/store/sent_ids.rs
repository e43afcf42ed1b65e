//! Idempotency: what a client or provider message id made, kept for ever.

use hmac::{Hmac, Mac};
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait};
use sha2::Sha256;

use super::Store;
use super::entities::sent_ids;
use super::rows::stored;
use crate::error::Error;
use crate::model::{Author, Body, ClientMessageId, ContactNumber, Provider, ProviderMessageId, TenantId, ThreadId};

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
    pub(super) fn client_id(&self, thread: ThreadId, author: &Author, id: &ClientMessageId, body: &Body) -> SentId {
        let person = author.person.as_ref().map_or("", |person| person.as_str());
        let origin = format!("thread/{thread}/person/{person}");
        SentId { origin, id: id.as_str().to_owned(), content_hash: self.hash(&[body.as_str()]) }
    }

    /// The id of a provider: unique for the provider.
    pub(super) fn provider_id(
        &self,
        provider: &Provider,
        id: &ProviderMessageId,
        contact: &ContactNumber,
        body: &Body,
    ) -> SentId {
        let content_hash = self.hash(&[contact.as_str(), body.as_str()]);
        SentId { origin: format!("provider/{provider}"), id: id.as_str().to_owned(), content_hash }
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
