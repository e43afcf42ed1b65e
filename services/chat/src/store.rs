//! The database of this service. One public method is one transaction that can be run again; it gives back what there is to
//! announce after the commit.

pub mod deliveries;
pub mod endings;
pub mod entities;
pub mod events;
pub mod horizons;
pub mod incoming;
pub mod messages;
pub mod migrations;
pub mod operator_reads;
pub mod opt_outs;
pub mod outbound;
mod rows;
pub mod sent_ids;
pub mod states;
mod thread_tx;
pub mod threads;
pub mod verify;
pub mod views;

use std::sync::Arc;

use chassis::clock::Clock;
use chassis::db::{DatabaseUrl, Db, DbError};
use chassis::ids::Ids;
use opentelemetry::metrics::Counter;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::model::{Event, JobId, Thread, ThreadKey};

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

/// What a write gives back: its result, and what there is to announce after the commit.
#[derive(Clone, Debug)]
pub struct Done<T> {
    /// The result.
    pub value: T,
    /// One for each thread that was written to.
    pub news: Vec<News>,
}

/// What a commit brought to a thread.
#[derive(Clone, Debug)]
pub struct News {
    /// Which.
    pub key: ThreadKey,
    /// As it is now.
    pub thread: Thread,
    /// The job that it was taken from.
    pub left: Option<JobId>,
    /// What happened; nothing, if an earlier call did it.
    pub events: Vec<Event>,
    /// There is something to send for the gateway.
    pub to_send: bool,
}

/// Fewer than the database's readers: the rest is for calls.
const CATCH_UP_READERS: usize = 3;

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(
        url: &DatabaseUrl,
        clock: Clock,
        ids: Ids,
        hash_key: &[u8],
        statements: &Counter<u64>,
    ) -> Result<Self, DbError> {
        let db = Db::open::<migrations::Migrations>(url).await?.counting(statements);
        Ok(Self { db, clock, ids, hash_key: hash_key.into(), catch_up: Arc::new(Semaphore::new(CATCH_UP_READERS)) })
    }

    /// Waits for the turn of a stream that reads, so that streams leave connections to the calls.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.catch_up.acquire().await.ok()
    }

    /// Closes the database: the process is about to end.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
