//! The leases of the chat service's nodes: who may hand something out, by which revision, and until when changes wait for them.
//!
//! A node hands nothing out without a lease, and a change that takes access away waits for every lease from before it. So a
//! lease is entered first, then the head is read, then the lease leaves with that revision: a change that is committed in between finds
//! it here, or is in the revision that it leaves with.

mod table;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::clock::{Clock, Moment};
use tokio::sync::{Notify, watch};

use self::table::Table;
pub use self::table::{Counts, NodeId, NodeState, Verdict};
use crate::error::Error;

/// All leases. Clones share them.
#[derive(Clone, Debug)]
pub struct Leases {
    clock: Clock,
    ttl: Duration,
    table: Arc<Mutex<Table>>,
    /// Told of all that a change may have waited for.
    moved: Arc<Notify>,
}

/// The place of one watch; it is left when this is dropped.
#[derive(Debug)]
pub struct Seat {
    leases: Leases,
    id: NodeId,
    replaced: watch::Receiver<()>,
}

impl Leases {
    /// Leases for `ttl` from when they are entered. Until `older_until` some may count that a process before this one granted.
    pub fn new(clock: Clock, ttl: Duration, older_until: Moment) -> Self {
        let table = Arc::new(Mutex::new(Table::new(older_until)));
        Self { clock, ttl, table, moved: Arc::default() }
    }

    /// How long a lease lasts.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// A watch of this node opens; one that is open for the same incarnation is ended.
    pub fn join(&self, id: NodeId) -> Result<Seat, Error> {
        let replaced = self.with(|table, now| table.join(&id, now)).ok_or(Error::TooManyWatches)?;
        Ok(Seat { leases: self.clone(), id, replaced })
    }

    /// Looks how far a committed change is.
    pub fn look(&self, revision: u64) -> Verdict {
        self.with(|table, now| table.look(revision, now))
    }

    /// All other changes are in force. Tells whether there were any.
    pub fn forget_but(&self, unfinished: impl Iterator<Item = u64>) -> bool {
        self.with(|table, now| table.forget_but(&unfinished.collect(), now))
    }

    /// Waits until a change may have moved on. For one task alone.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// All nodes that watch, or whose leases count, and the time.
    pub fn nodes(&self) -> (Vec<NodeState>, Moment) {
        self.with(|table, now| (table.nodes(now), now))
    }

    /// Does what a change may wait for.
    fn moving(&self, act: impl FnOnce(&mut Table, Moment)) {
        let waited_for = self.with(|table, now| {
            act(table, now);
            table.waiting() > 0
        });
        if waited_for {
            self.moved.notify_one();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Table, Moment) -> T) -> T {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut table, self.clock.now())
    }
}

impl Seat {
    /// Enters a lease, before the head is read.
    pub fn enter(&self) -> u64 {
        self.leases.with(|table, now| table.enter(&self.id, now + self.leases.ttl))
    }

    /// The head was read after the lease was entered: it may leave with this revision.
    pub fn grant(&self, lease: u64, revision: u64) {
        self.leases.moving(|table, now| table.grant(&self.id, lease, revision, now));
    }

    /// The node has applied all changes up to this revision.
    pub fn acknowledge(&self, applied: u64) {
        self.leases.moving(|table, now| table.acknowledge(&self.id, applied, now));
    }

    /// Waits until another watch of the same incarnation takes this one's place.
    pub async fn replaced(&self) {
        // It is never sent to, only closed.
        let _closed = self.replaced.clone().changed().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leases.with(|table, _| table.leave(&self.id, &self.replaced));
    }
}
