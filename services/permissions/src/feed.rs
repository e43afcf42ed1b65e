//! The change feed that `WatchAccess` serves: a snapshot where it is needed, then every change once, in revision order, and an
//! answer to each renewal.
//!
//! A commit only wakes the feed; what it sends it reads from the database, by cursor. A renewal is answered after every change
//! that was committed before it was received: that is what makes a node's view fresh.

use std::future::Future;
use std::time::Duration;

use async_stream::try_stream;
use chassis::clock::Clock;
use chassis::db::to_completion;
use chassis::identity::Identity;
use chassis::ids::is_external_id;
use chassis::lifecycle::Drain;
use chassis::refusal::Refusal;
use crewline_api::errors::v1::ErrorReason;
use crewline_api::permissions::v1 as pb;
use futures_util::Stream;
use pb::watch_access_request::Frame as Asked;
use pb::watch_access_response::Frame as Told;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};

use crate::error::Error;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::facts::Snapshot;
use crate::wire::tenant_access;

/// Entries read from the database at once.
const PAGE: u64 = 200;
/// People or jobs in one part of a snapshot.
const PART: usize = 500;
/// Tenants that one node may name.
const MAX_TENANTS: usize = 1_000;
/// A node that has not introduced itself by then is cut.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// A node that renews nothing for so long is gone: it renews twice a second.
const SILENCE: Duration = Duration::from_secs(30);

/// What one watch needs.
#[derive(Clone)]
pub struct Feed {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The end.
    pub drain: Drain,
    /// The instruments.
    pub metrics: Metrics,
}

/// Which tenants a node watches.
#[derive(Clone)]
struct Watched {
    token: Identity,
    asked: Vec<String>,
}

/// Why an open watch looks at the database.
enum Wake {
    Commit,
    Renewal(pb::Renew),
    NodeLeft,
}

impl Feed {
    /// Serves one watch.
    pub fn watch(
        self,
        token: Identity,
        mut inbound: Streaming<pb::WatchAccessRequest>,
    ) -> impl Stream<Item = Result<pb::WatchAccessResponse, Status>> + Send + 'static {
        try_stream! {
            let mut commits = self.store.commits();
            let hello = hello(&mut inbound).await?;
            tracing::info!(node = hello.node_id, incarnation = hello.incarnation, cursor = hello.cursor, "a node watches");
            let _counted = OpenWatch::count(&self.metrics);
            let expiry = Instant::now() + token.expires_at.duration_since(self.clock.wall()).unwrap_or_default();
            let watched = Watched { token, asked: hello.tenant_ids };

            let mut cursor = hello.cursor;
            let (_, newest) = self.read(move |store| async move { store.feed(cursor, 0).await }).await?;
            if hello.epoch != self.read(|store| async move { store.epoch().await }).await? || cursor > newest {
                let wanted = watched.clone();
                let snapshot = self.read(|store| async move { store.snapshot(|tenant| wanted.includes(tenant)).await }).await?;
                cursor = snapshot.revision;
                for frame in frames(snapshot) {
                    yield frame;
                }
            }

            loop {
                let wake = self.wake(&mut inbound, &mut commits, expiry, cursor).await?;
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
                            yield response(Told::Change(entry.into()));
                        }
                    }
                }
                if cursor > before && told < cursor {
                    yield response(Told::Checkpoint(pb::Checkpoint { revision: cursor }));
                }
                match wake {
                    Wake::Commit => {}
                    Wake::Renewal(renew) => yield response(Told::Renewed(pb::Renewed { n: renew.n, revision: cursor })),
                    Wake::NodeLeft => break,
                }
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

    /// Waits for a reason to look at the database, or to end.
    async fn wake(
        &self,
        inbound: &mut Streaming<pb::WatchAccessRequest>,
        commits: &mut watch::Receiver<u64>,
        expiry: Instant,
        sent: u64,
    ) -> Result<Wake, Status> {
        let asked = tokio::select! {
            asked = timeout(SILENCE, inbound.message()) => {
                asked.map_err(|_| Refusal::invalid("renew", "must come twice a second"))??
            }
            Ok(()) = commits.changed() => return Ok(Wake::Commit),
            () = self.drain.begun() => return Err(Error::Draining.into()),
            () = sleep_until(expiry) => return Err(Error::TokenExpired.into()),
        };
        match asked.map(|request| request.frame) {
            None => Ok(Wake::NodeLeft),
            Some(Some(Asked::Renew(renew))) if renew.applied > sent => {
                Err(Refusal::invalid("renew.applied", "must be a revision that was sent on this stream").into())
            }
            Some(Some(Asked::Renew(renew))) => Ok(Wake::Renewal(renew)),
            Some(_) => Err(Refusal::invalid("frame", "must be a renewal after the hello").into()),
        }
    }
}

impl Watched {
    fn includes(&self, tenant: &str) -> bool {
        self.token.names(tenant) && (self.asked.is_empty() || self.asked.iter().any(|asked| asked == tenant))
    }
}

async fn hello(inbound: &mut Streaming<pb::WatchAccessRequest>) -> Result<pb::Hello, Status> {
    let first =
        timeout(HELLO_WITHIN, inbound.message()).await.map_err(|_| Refusal::new(ErrorReason::Deadline, "no hello came"))??;
    let Some(pb::WatchAccessRequest { frame: Some(Asked::Hello(hello)) }) = first else {
        return Err(Refusal::invalid("frame", "must be a hello first").into());
    };
    if !is_external_id(&hello.node_id) {
        return Err(Refusal::invalid("hello.node_id", "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -").into());
    }
    if !is_external_id(&hello.incarnation) {
        return Err(Refusal::invalid("hello.incarnation", "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -").into());
    }
    if hello.tenant_ids.len() > MAX_TENANTS {
        return Err(Refusal::invalid("hello.tenant_ids", "must name at most 1,000 tenants").into());
    }
    Ok(hello)
}

fn response(frame: Told) -> pb::WatchAccessResponse {
    pb::WatchAccessResponse { frame: Some(frame) }
}

/// The snapshot in frames: each tenant's first part carries its own facts.
fn frames(snapshot: Snapshot) -> Vec<pb::WatchAccessResponse> {
    let revision = snapshot.revision;
    let mut frames = vec![response(Told::SnapshotBegin(pb::SnapshotBegin { epoch: snapshot.epoch, revision }))];
    for found in snapshot.tenants {
        let id = found.tenant.id.to_string();
        let part =
            |tenant, people, jobs| response(Told::SnapshotPart(pb::SnapshotPart { tenant_id: id.clone(), tenant, people, jobs }));
        let own = tenant_access(&found.tenant.id, found.tenant.facts(), found.last_revision);
        frames.push(part(Some(own), Vec::new(), Vec::new()));
        for people in found.people.chunks(PART) {
            frames.push(part(None, people.iter().cloned().map(Into::into).collect(), Vec::new()));
        }
        for jobs in found.jobs.chunks(PART) {
            frames.push(part(None, Vec::new(), jobs.iter().cloned().map(Into::into).collect()));
        }
    }
    frames.push(response(Told::SnapshotEnd(pb::SnapshotEnd { revision })));
    frames
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
