//! The change feed that `WatchAccess` serves: a snapshot where it is needed, then every change once, in revision order, and an
//! answer to each renewal.
//!
//! A commit only wakes the feed; what it sends it reads from the database, by cursor. A renewal is answered after every change
//! that was committed before it was received: that is what makes a node's view fresh.

use std::future::Future;
use std::sync::Arc;
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
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Status, Streaming};

use crate::error::Error;
use crate::metrics::Metrics;
use crate::model::{JobFacts, PersonFacts, TenantId};
use crate::store::Store;
use crate::wire::tenant_access;

/// Watches of one process: every commit wakes each of them.
pub const MAX_WATCHES: usize = 100;
/// Entries read from the database at once. One can hold every person of a tenant.
const PAGE: u64 = 32;
/// Technicians in one part of a snapshot, counted once for each job that they are on; one job may have more.
const PART_TECHNICIANS: usize = 10_000;
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
    /// Watches that may still be opened.
    pub places: Arc<Semaphore>,
}

/// Which tenants a node watches.
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
            let expiry = Instant::now() + token.expires_at.duration_since(self.clock.wall()).unwrap_or_default();
            let watched = Watched { token, asked: hello.tenant_ids };

            let (epoch, newest) = self.read(|store| async move { store.newest().await }).await?;
            let epoch = watched.epoch(epoch);
            let mut cursor = hello.cursor;
            if hello.epoch != epoch || cursor > newest {
                // Read piece by piece while changes go on. Each piece may be newer than the revision that the snapshot names;
                // the changes after that revision follow, and a node skips those that a tenant's own part has in it.
                cursor = newest;
                yield response(Told::SnapshotBegin(pb::SnapshotBegin { epoch, revision: newest }));
                let mut after = String::new();
                while let Some((tenant, revision)) = self.read(move |store| async move { store.tenant_after(&after).await }).await? {
                    after = tenant.id.to_string();
                    if !watched.includes(&after) {
                        continue;
                    }
                    yield part(&tenant.id, Some(tenant_access(&tenant.id, tenant.facts(), revision)), Vec::new(), Vec::new());
                    let mut next = Some(String::new());
                    while let Some(from) = next {
                        let id = tenant.id.clone();
                        let page = self.read(move |store| async move { store.people_facts(&id, &from).await }).await?;
                        next = page.next;
                        yield part(&tenant.id, None, page.facts, Vec::new());
                    }
                    let mut next = Some(String::new());
                    while let Some(from) = next {
                        let id = tenant.id.clone();
                        let page = self.read(move |store| async move { store.jobs_facts(&id, &from).await }).await?;
                        next = page.next;
                        for jobs in by_size(page.facts) {
                            yield part(&tenant.id, None, Vec::new(), jobs);
                        }
                    }
                }
                yield response(Told::SnapshotEnd(pb::SnapshotEnd { revision: newest }));
            }

            // What came since the cursor follows at once.
            let mut wake = Wake::Commit;
            loop {
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
                wake = self.wake(&mut inbound, &mut commits, expiry, cursor).await?;
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

fn part(
    id: &TenantId,
    tenant: Option<pb::TenantAccess>,
    people: Vec<PersonFacts>,
    jobs: Vec<JobFacts>,
) -> pb::WatchAccessResponse {
    let people = people.into_iter().map(Into::into).collect();
    let jobs = jobs.into_iter().map(Into::into).collect();
    response(Told::SnapshotPart(pb::SnapshotPart { tenant_id: id.to_string(), tenant, people, jobs }))
}

/// Cuts jobs into parts whose crews fit into one frame.
fn by_size(jobs: Vec<JobFacts>) -> Vec<Vec<JobFacts>> {
    let mut parts: Vec<Vec<JobFacts>> = Vec::new();
    let mut technicians = PART_TECHNICIANS;
    for job in jobs {
        technicians += job.technicians.len();
        match parts.last_mut() {
            Some(part) if technicians <= PART_TECHNICIANS => part.push(job),
            _ => {
                technicians = job.technicians.len();
                parts.push(vec![job]);
            }
        }
    }
    parts
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
