//! The database of this service. One public method is one transaction that can be run again; it gives back what there is to
//! announce after the commit.

pub mod entities;
pub mod events;
pub mod messages;
pub mod migrations;
mod rows;
pub mod sent_ids;
pub mod threads;

use std::path::Path;
use std::sync::Arc;

use chassis::clock::Clock;
use chassis::db::{Db, DbError};
use chassis::ids::Ids;

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Clock,
    ids: Ids,
    /// The key of the content hashes in `sent_ids`: kept apart from the database, whose bodies may be erased one day.
    hash_key: Arc<[u8]>,
}

impl Store {
    /// Opens the database in the file `path` and brings its schema up to date.
    pub async fn open(path: &Path, clock: Clock, ids: Ids, hash_key: &[u8]) -> Result<Self, DbError> {
        Ok(Self { db: Db::open::<migrations::Migrations>(path).await?, clock, ids, hash_key: hash_key.into() })
    }
}
