//! Keeps the view: one access watch, renewed twice a second, opened again whenever it breaks.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chassis::clock::{Clock, Moment};
use chassis::ids::Ids;
use chassis::lifecycle::Drain;
use chassis::token::TokenSource;
use crewline_api::permissions::v1 as pb;
use pb::access_service_client::AccessServiceClient;
use pb::watch_access_request::Frame as Say;
use pb::watch_access_response::Frame as Told;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::Access;
use super::view::{Change, Gap, JobFacts, Level, PersonFacts, TenantFacts, TenantView, View};
use crate::model::{JobId, PersonId, PersonKind, TenantId};

const RENEW_EVERY: Duration = Duration::from_millis(500);
/// A watch on which nothing comes for so long is given up: renewals are answered at once.
const SILENCE: Duration = Duration::from_secs(3);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// A snapshot part holds 500 entries, a change at most every person of a tenant.
const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// What the subscription needs.
pub struct Subscription {
    /// The view that it keeps.
    pub access: Access,
    /// The permissions service.
    pub permissions: Endpoint,
    /// The token that it shows there.
    pub token: TokenSource,
    /// The name of this node.
    pub node: String,
    /// New at each start.
    pub incarnation: String,
    /// The time.
    pub clock: Clock,
    /// Randomness, for pauses.
    pub ids: Ids,
    /// The end.
    pub drain: Drain,
    /// Told once the view is there.
    pub ready: watch::Sender<bool>,
}

/// Why a watch ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the permissions service cannot be reached: {0}")]
    Transport(#[from] tonic::transport::Error),
    #[error("the permissions service says {:?}: {}", .0.code(), .0.message())]
    Status(#[from] Status),
    #[error("there is no token for the permissions service: {0}")]
    Token(#[from] chassis::token::KeyError),
    #[error("the permissions service ended the watch")]
    Over,
    #[error("nothing came for {SILENCE:?}")]
    Silence,
    #[error(transparent)]
    Gap(#[from] Gap),
    #[error("the permissions service sent what it must not send: {0}")]
    Protocol(&'static str),
}

impl Subscription {
    /// Keeps the view until the process drains.
    pub async fn run(self) {
        let drained = self.drain.begun();
        tokio::select! {
            () = drained => {}
            () = self.keep() => {}
            () = tell_when_stale(&self.access, self.clock) => {}
        }
    }

    async fn keep(&self) {
        let mut pause = FIRST_RETRY;
        loop {
            let began = self.clock.now();
            let Err(ended) = self.watch().await;
            tracing::warn!(cause = %ended, "the access watch ended; it is opened again");
            if matches!(ended, Ended::Gap(_) | Ended::Protocol(_)) {
                // What is known no longer fits what is told: start from nothing, and hand nothing out until then.
                self.access.lease.drop_now();
                self.access.replace(View::default());
            }
            if self.clock.now().since(began) > LAST_RETRY {
                pause = FIRST_RETRY;
            }
            sleep(self.ids.jitter(pause)).await;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    /// One watch, until it breaks.
    async fn watch(&self) -> Result<std::convert::Infallible, Ended> {
        let channel = timeout(CONNECT_WITHIN, self.permissions.connect()).await.map_err(|_| Ended::Silence)??;
        let mut client = AccessServiceClient::new(channel).max_decoding_message_size(MAX_FRAME_BYTES);
        let (say, said) = mpsc::channel(8);
        let (epoch, cursor) = self.access.cursor();
        let hello = pb::Hello {
            node_id: self.node.clone(),
            incarnation: self.incarnation.clone(),
            tenant_ids: Vec::new(),
            epoch,
            cursor,
        };
        send(&say, Say::Hello(hello))?;
        let mut told = timeout(SILENCE, self.open(&mut client, said)).await.map_err(|_| Ended::Silence)??;

        let mut renewals = Renewals::default();
        let mut snapshot = None;
        let mut tick = interval(RENEW_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = self.clock.now();
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    if self.clock.now().since(heard) > SILENCE {
                        return Err(Ended::Silence);
                    }
                    // While a snapshot is under way the answers wait behind it: one renewal is enough.
                    if snapshot.is_none() || renewals.sent.is_empty() {
                        let n = renewals.next(self.clock.now());
                        send(&say, Say::Renew(pb::Renew { n, applied: self.access.cursor().1 }))?;
                    }
                }
                frame = told.message() => {
                    let frame = frame?.ok_or(Ended::Over)?.frame.ok_or(Ended::Protocol("an empty frame"))?;
                    heard = self.clock.now();
                    self.take(frame, &mut snapshot, &mut renewals)?;
                }
            }
        }
    }

    async fn open(
        &self,
        client: &mut AccessServiceClient<Channel>,
        said: mpsc::Receiver<pb::WatchAccessRequest>,
    ) -> Result<tonic::Streaming<pb::WatchAccessResponse>, Ended> {
        let mut request = Request::new(ReceiverStream::new(said));
        let bearer = format!("Bearer {}", self.token.token()?);
        let bearer = bearer.parse().map_err(|_| Ended::Protocol("the token is not ASCII"))?;
        request.metadata_mut().insert("authorization", bearer);
        Ok(client.watch_access(request).await?.into_inner())
    }

    fn take(&self, frame: Told, snapshot: &mut Option<Snapshot>, renewals: &mut Renewals) -> Result<(), Ended> {
        match frame {
            Told::SnapshotBegin(begin) => {
                self.access.lease.drop_now();
                // Also if the snapshot breaks off: what is known belongs to a cursor that the service could not serve.
                self.access.replace(View::default());
                *snapshot = Some(Snapshot { epoch: begin.epoch, revision: begin.revision, tenants: HashMap::new() });
            }
            Told::SnapshotPart(part) => snapshot.as_mut().ok_or(Ended::Protocol("a part without a begin"))?.add(part)?,
            Told::SnapshotEnd(_) => {
                let whole = snapshot.take().ok_or(Ended::Protocol("an end without a begin"))?;
                self.access.replace(View::of_snapshot(whole.epoch, whole.revision, whole.tenants));
            }
            Told::Change(change) => self.access.apply(read_change(change)?)?,
            Told::Checkpoint(checkpoint) => self.access.advance(checkpoint.revision),
            Told::Renewed(renewed) => {
                if self.access.cursor().1 < renewed.revision {
                    return Err(Gap.into());
                }
                let sent_at = renewals.answered(renewed.n).ok_or(Ended::Protocol("an answer to what was not sent"))?;
                let was_stale = !self.access.lease.is_valid(self.clock.now());
                self.access.lease.renew(sent_at);
                self.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
                if was_stale {
                    self.access.wake();
                }
            }
        }
        Ok(())
    }
}

/// Never waits: the few frames that fit into the channel are more than the other side can have left unread.
fn send(say: &mpsc::Sender<pb::WatchAccessRequest>, frame: Say) -> Result<(), Ended> {
    say.try_send(pb::WatchAccessRequest { frame: Some(frame) }).map_err(|_| Ended::Silence)
}

/// Wakes the streams when the view becomes stale, so that they can say that they hold.
async fn tell_when_stale(access: &Access, clock: Clock) {
    let mut changes = access.changes();
    loop {
        let until = access.lease.until();
        if until > clock.now() {
            sleep_until(clock.instant(until)).await;
            if !access.lease.is_valid(clock.now()) {
                access.wake();
            }
        } else if changes.changed().await.is_err() {
            return;
        }
    }
}

/// The renewals that have been sent and not answered.
#[derive(Default)]
struct Renewals {
    last: u64,
    sent: VecDeque<(u64, Moment)>,
}

impl Renewals {
    fn next(&mut self, now: Moment) -> u64 {
        self.last += 1;
        self.sent.push_back((self.last, now));
        self.last
    }

    /// When the renewal `n` was sent; those before it will not be answered any more.
    fn answered(&mut self, n: u64) -> Option<Moment> {
        while let Some((sent, at)) = self.sent.pop_front() {
            if sent == n {
                return Some(at);
            }
        }
        None
    }
}

/// A snapshot under way.
struct Snapshot {
    epoch: u64,
    revision: u64,
    tenants: HashMap<TenantId, TenantView>,
}

impl Snapshot {
    fn add(&mut self, part: pb::SnapshotPart) -> Result<(), Ended> {
        let id = TenantId::trusted(part.tenant_id);
        if let Some(own) = part.tenant {
            let facts = read_tenant(&own)?;
            self.tenants.insert(id.clone(), TenantView::new(facts, own.revision));
        }
        let tenant = self.tenants.get_mut(&id).ok_or(Ended::Protocol("a part before the tenant's own"))?;
        for person in part.people {
            let (person, facts) = read_person(person)?;
            tenant.put_person(person, facts);
        }
        for (job, facts) in part.jobs.into_iter().map(read_job) {
            tenant.put_job(job, facts);
        }
        Ok(())
    }
}

fn read_change(change: pb::AccessChange) -> Result<Change, Ended> {
    Ok(Change {
        revision: change.revision,
        prev_revision: change.prev_revision,
        tenant: TenantId::trusted(change.tenant_id),
        facts: change.tenant.as_ref().map(read_tenant).transpose()?,
        people: change.people.into_iter().map(read_person).collect::<Result<_, _>>()?,
        jobs: change.jobs.into_iter().map(read_job).collect(),
    })
}

fn read_tenant(own: &pb::TenantAccess) -> Result<TenantFacts, Ended> {
    Ok(TenantFacts { closed: own.closed, chat_enabled: own.chat_enabled, after_job_end: read_level(own.after_job_end)? })
}

fn read_person(person: pb::PersonAccess) -> Result<(PersonId, PersonFacts), Ended> {
    let kind = match pb::PersonKind::try_from(person.kind) {
        Ok(pb::PersonKind::Technician) => PersonKind::Technician,
        Ok(pb::PersonKind::Office) => PersonKind::Office,
        Ok(pb::PersonKind::Unspecified) | Err(_) => return Err(Ended::Protocol("a person of no kind")),
    };
    let facts = PersonFacts {
        kind,
        display_name: person.display_name,
        active: person.active,
        mobile_access: person.mobile_access,
        level: read_level(person.level)?,
        phone: person.phone,
    };
    Ok((PersonId::trusted(person.person_id), facts))
}

fn read_job(job: pb::JobAccess) -> (JobId, JobFacts) {
    let technicians = job.technician_ids.into_iter().map(PersonId::trusted).collect();
    (JobId::trusted(job.job_id), JobFacts { technicians, ended: job.ended, under_way: job.under_way })
}

fn read_level(level: i32) -> Result<Level, Ended> {
    match pb::ChatAccess::try_from(level) {
        Ok(pb::ChatAccess::None) => Ok(Level::None),
        Ok(pb::ChatAccess::View) => Ok(Level::View),
        Ok(pb::ChatAccess::Full) => Ok(Level::Full),
        Ok(pb::ChatAccess::Unspecified) | Err(_) => Err(Ended::Protocol("no level")),
    }
}
