//! The change feed that `WatchAccess` serves: a snapshot where it is needed, then every change once, in revision order, and an
//! answer to each renewal.
//!
//! A commit only wakes the feed; what it sends it reads from the database, by cursor. A renewal is answered after every change
//! that was committed before it was received: that is what makes a node's view fresh.

mod hearing;
mod snapshot;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_stream::try_stream;
use chassis::clock::Clock;
use chassis::db::to_completion;
use chassis::identity::Identity;
use chassis::lifecycle::Drain;
use chassis::server::LONGEST_STREAM;
use crewline_api::permissions::v1 as pb;
use futures_util::{Stream, StreamExt, pin_mut};
use pb::watch_access_response::Frame as Told;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::{Status, Streaming};

use self::hearing::{Hearing, hello};
use crate::error::Error;
use crate::leases::{Leases, NodeId, Seat};
use crate::metrics::Metrics;
use crate::mutant::Mutant;
use crate::store::Store;

/// Watches of one process: every commit wakes each of them.
pub const MAX_WATCHES: usize = 100;
/// Entries read from the database at once. One can hold every person of a tenant.
const PAGE: u64 = 32;
/// With a fault planted: time for something to happen in between.
const IN_BETWEEN: Duration = Duration::from_millis(100);

/// What one watch needs.
#[derive(Clone)]
pub struct Feed {
    /// The database.
    pub store: Store,
    /// Who may hand something out, and until when.
    pub leases: Leases,
    /// The time.
    pub clock: Clock,
    /// The end.
    pub drain: Drain,
    /// The instruments.
    pub metrics: Metrics,
    /// Watches that may still be opened.
    pub places: Arc<Semaphore>,
}

/// Which tenants a node watches.
struct Watched {
    token: Identity,
    asked: Vec<String>,
}

/// How long a watch may last.
#[derive(Clone, Copy)]
struct Life {
    ends_at: Instant,
    with_its_token: bool,
}

/// Why an open watch looks at the database.
enum Wake {
    Commit,
    Renewal(u64),
    /// The node left, or watches anew.
    Over,
}

impl Feed {
    /// Takes a place for a watch.
    pub fn take_place(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::TooManyWatches)
    }

    /// Serves one watch, for as long as it holds its place.
    pub fn watch(
        self,
        token: Identity,
        mut inbound: Streaming<pb::WatchAccessRequest>,
        place: OwnedSemaphorePermit,
    ) -> impl Stream<Item = Result<pb::WatchAccessResponse, Status>> + Send + 'static {
        try_stream! {
            let mut commits = self.store.commits();
            let hello = hello(&mut inbound).await?;
            tracing::info!(node = hello.node_id, incarnation = hello.incarnation, cursor = hello.cursor, "a node watches");
            let _counted = OpenWatch::count(&self.metrics);
            let _place = place;
            let life = Life::new(token.expires_at.duration_since(self.clock.wall()).unwrap_or_default());
            let watched = Watched { token, asked: hello.tenant_ids };
            let seat = Arc::new(self.leases.join(NodeId { name: hello.node_id, incarnation: hello.incarnation })?);

            let (epoch, newest) = self.read(|store| async move { store.newest().await }).await?;
            let epoch = watched.epoch(epoch);
            let knows = hello.epoch == epoch && hello.cursor <= newest;
            let mut cursor = if knows { hello.cursor } else { newest };
            let mut hearing = Hearing::new(inbound, Arc::clone(&seat), if knows { cursor } else { 0 });
            if !knows {
                // That fault of the chat service's would be noticed here.
                if chassis::mutant::planted("lease-kept-across-resync") {
                    hearing.sends(newest);
                }
                yield response(Told::SnapshotBegin(pb::SnapshotBegin { epoch, revision: newest }));
                let parts = self.parts(&watched);
                pin_mut!(parts);
                while let Some(part) = parts.next().await {
                    yield part?;
                }
                hearing.sends(newest);
                yield response(Told::SnapshotEnd(pb::SnapshotEnd { revision: newest }));
            }

            // What came since the cursor follows at once.
            let mut wake = Wake::Commit;
            loop {
                // Entered before the head is read: the last of the reads below.
                let mut asked = match wake {
                    Wake::Commit => None,
                    Wake::Renewal(n) if Mutant::HeadReadBeforeEntry.planted() => Some((n, None)),
                    Wake::Renewal(n) => Some((n, Some(seat.enter()))),
                    Wake::Over => break,
                };
                if let Some(early) = self.spoiled(&seat, asked, cursor).await? {
                    asked = None;
                    yield early;
                }
                let (before, mut told) = (cursor, cursor);
                loop {
                    let (entries, newest) = self.read(move |store| async move { store.feed(cursor, PAGE).await }).await?;
                    let Some(last) = entries.last().map(|entry| entry.revision) else {
                        cursor = newest.max(cursor);
                        break;
                    };
                    cursor = last;
                    for entry in entries {
                        if watched.includes(entry.tenant.as_str()) {
                            told = entry.revision;
                            self.metrics.changes_sent.add(1, &[]);
                            hearing.sends(told);
                            yield response(Told::Change(entry.into()));
                        }
                    }
                }
                if cursor > before && told < cursor {
                    hearing.sends(cursor);
                    yield response(Told::Checkpoint(pb::Checkpoint { revision: cursor }));
                }
                if let Some((n, lease)) = asked {
                    if lease.is_none() {
                        sleep(IN_BETWEEN).await;
                    }
                    seat.grant(lease.unwrap_or_else(|| seat.enter()), cursor);
                    yield self.lease(n, cursor);
                }
                wake = self.wake(&mut hearing, &seat, &mut commits, life).await?;
            }
        }
    }

    /// Reads in a task of its own: a stream that nobody asks for frames stands still, and must not keep a connection meanwhile.
    async fn read<T: Send + 'static, F>(&self, read: impl FnOnce(Store) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        to_completion(read(self.store.clone())).await?
    }

    fn lease(&self, n: u64, revision: u64) -> pb::WatchAccessResponse {
        response(Told::Lease(pb::Lease { n, revision, ttl: self.leases.ttl().try_into().ok() }))
    }

    /// With a fault planted: grants a lease ahead of the changes that it counts on.
    async fn spoiled(
        &self,
        seat: &Seat,
        asked: Option<(u64, Option<u64>)>,
        cursor: u64,
    ) -> Result<Option<pb::WatchAccessResponse>, Error> {
        let Some((n, Some(lease))) = asked else { return Ok(None) };
        if Mutant::GrantWithoutHeadRead.planted() {
            seat.grant(lease, cursor);
            return Ok(Some(self.lease(n, cursor)));
        }
        if Mutant::GrantWithoutRevision.planted() {
            let (_, newest) = self.read(|store| async move { store.newest().await }).await?;
            seat.grant(lease, newest);
            return Ok(Some(self.lease(n, 0)));
        }
        Ok(None)
    }

    /// Whoever waits for a change to be in force should not have to wait for leases to run out because the node was sent away.
    async fn until_all_in_force(&self) -> Result<(), Error> {
        let mut stamps = self.store.stamps();
        while !self.read(|store| async move { store.unfinished(1).await }).await?.is_empty() {
            stamps.changed().await.map_err(|_| Error::Draining)?;
        }
        Ok(())
    }

    /// Waits for a reason to look at the database, or to end.
    async fn wake(
        &self,
        hearing: &mut Hearing,
        seat: &Seat,
        commits: &mut watch::Receiver<()>,
        life: Life,
    ) -> Result<Wake, Status> {
        let drained = async {
            self.drain.begun().await;
            self.until_all_in_force().await
        };
        let committed = async {
            let changed = commits.changed().await;
            if Mutant::GrantWithoutHeadRead.planted() {
                sleep(IN_BETWEEN).await;
            }
            changed
        };
        tokio::select! {
            renewal = hearing.renewal() => Ok(renewal?.map_or(Wake::Over, Wake::Renewal)),
            Ok(()) = committed => Ok(Wake::Commit),
            () = seat.replaced() => Ok(Wake::Over),
            ended = drained => Err(ended.err().unwrap_or(Error::Draining).into()),
            () = sleep_until(life.ends_at) => Err(life.over().into()),
        }
    }
}

impl Life {
    fn new(of_token: Duration) -> Self {
        Self { ends_at: Instant::now() + of_token.min(LONGEST_STREAM), with_its_token: of_token <= LONGEST_STREAM }
    }

    /// Why it is over, when it is.
    fn over(self) -> Error {
        if self.with_its_token { Error::TokenExpired } else { Error::Draining }
    }
}

impl Watched {
    fn includes(&self, tenant: &str) -> bool {
        self.token.names(tenant) && (self.asked.is_empty() || self.asked.iter().any(|asked| asked == tenant))
    }

    /// The epoch as this watch is told it: with other tenants it is another one, so that a node whose token names more or
    /// fewer than before begins with a snapshot.
    fn epoch(&self, of_database: u64) -> u64 {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names.join(",")
        };
        let digest = Sha256::new_with_prefix(of_database.to_be_bytes())
            .chain_update(sorted(&self.token.tenants))
            .chain_update(";")
            .chain_update(sorted(&self.asked))
            .finalize();
        digest.first_chunk().map_or(of_database, |bytes| u64::from_be_bytes(*bytes))
    }
}

fn response(frame: Told) -> pb::WatchAccessResponse {
    pb::WatchAccessResponse { frame: Some(frame) }
}

/// Counts a watch while it is open.
struct OpenWatch(Metrics);

impl OpenWatch {
    fn count(metrics: &Metrics) -> Self {
        metrics.watches.add(1, &[]);
        Self(metrics.clone())
    }
}

impl Drop for OpenWatch {
    fn drop(&mut self) {
        self.0.watches.add(-1, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_ends_with_its_token_and_never_later_than_any_stream_may() {
        let hour = LONGEST_STREAM;
        for (of_token, lasts, with_its_token) in
            [(Duration::ZERO, Duration::ZERO, true), (hour / 2, hour / 2, true), (hour, hour, true), (hour * 12, hour, false)]
        {
            let began = Instant::now();
            let life = Life::new(of_token);
            assert!(life.ends_at - began >= lasts && life.ends_at - Instant::now() <= lasts, "{of_token:?}");
            assert_eq!(matches!(life.over(), Error::TokenExpired), with_its_token, "{of_token:?}");
        }
    }
}
