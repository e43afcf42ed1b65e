//! The database of this service. One public method is one transaction that can be run again; it gives back what there is to
//! announce after the commit.

pub mod entities;
pub mod events;
pub mod messages;
pub mod migrations;
mod rows;
pub mod sent_ids;
pub mod threads;

use std::sync::Arc;

use chassis::clock::Clock;
use chassis::db::{DatabaseUrl, Db, DbError};
use chassis::ids::Ids;
use tokio::sync::Semaphore;

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Clock,
    ids: Ids,
    /// The key of the content hashes in `sent_ids`: kept apart from the database, whose bodies may be erased one day.
    hash_key: Arc<[u8]>,
    /// Streams that may read at the same time.
    catch_up: Arc<Semaphore>,
}

/// Fewer than the database's readers: the rest is for calls.
const CATCH_UP_READERS: usize = 3;

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(url: &DatabaseUrl, clock: Clock, ids: Ids, hash_key: &[u8]) -> Result<Self, DbError> {
        let db = Db::open::<migrations::Migrations>(url).await?;
        Ok(Self { db, clock, ids, hash_key: hash_key.into(), catch_up: Arc::new(Semaphore::new(CATCH_UP_READERS)) })
    }

    /// Closes the database: the process is about to end.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
