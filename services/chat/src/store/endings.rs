//! Waiting for the end of a write of which nobody knows whether it was committed.

use std::time::Duration;

use tokio::time::sleep;

use super::Store;
use crate::error::Error;
use crate::model::{ContactNumber, PersonId, TenantId, ThreadId};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// What a person's write is about, and so whose lock it holds until it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A thread.
    Thread(ThreadId),
    /// A customer's number.
    Contact(ContactNumber),
    /// What a person has read of a thread.
    Horizon(ThreadId, PersonId),
}

impl Target {
    /// The thread, if it is about one.
    pub fn thread(&self) -> Option<ThreadId> {
        match self {
            Self::Thread(thread) | Self::Horizon(thread, _) => Some(*thread),
            Self::Contact(_) => None,
        }
    }
}

impl Store {
    /// Waits until every write to this target that was under way has ended, however long the database takes to answer.
    pub async fn await_end(&self, tenant: &TenantId, target: &Target) {
        let mut pause = FIRST_RETRY;
        while let Err(error) = self.take_turn(tenant, target).await {
            tracing::warn!(%error, "nobody knows yet whether a write has ended");
            sleep(pause).await;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    /// Takes the lock that those writes take, after them. On SQLite there is one write at a time anyway.
    async fn take_turn(&self, tenant: &TenantId, target: &Target) -> Result<(), Error> {
        let tx = self.db.write().await?;
        match target {
            Target::Thread(thread) => drop(super::threads::lock(&*tx, tenant, *thread).await?),
            Target::Contact(contact) => super::threads::hold(&tx, tenant, contact).await?,
            Target::Horizon(thread, person) => drop(super::horizons::hold(&tx, tenant, person, *thread).await?),
        }
        Ok(())
    }
}
