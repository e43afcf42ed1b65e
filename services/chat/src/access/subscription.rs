//! Keeps the view and the lease: one access watch, renewed a few times within each lease, opened again whenever it breaks.

mod facts;
mod renewals;

use std::time::Duration;

use chassis::clock::Clock;
use chassis::ids::Ids;
use chassis::net;
use chassis::token::TokenSource;
use crewline_api::permissions::v1 as pb;
use pb::access_service_client::AccessServiceClient;
use pb::watch_access_response::Frame as Told;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use self::facts::{Snapshot, read_change};
use self::renewals::Renewals;
use super::Access;
use super::view::Gap;
use crate::mutant::Mutant;

/// A watch on which no renewal is answered for so long is given up: they are sent oftener, and answered at once.
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
    #[error("nothing was answered for {SILENCE:?}")]
    Silence,
    #[error(transparent)]
    Gap(#[from] Gap),
    #[error("the permissions service sent what it must not send: {0}")]
    Protocol(&'static str),
}

impl Subscription {
    /// Keeps the view for as long as it is polled.
    pub async fn run(self) {
        tokio::select! {
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
                self.access.forget();
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
        let channel = timeout(CONNECT_WITHIN, net::connect(&self.permissions)).await.map_err(|_| Ended::Silence)??;
        let mut client = AccessServiceClient::new(channel).max_decoding_message_size(MAX_FRAME_BYTES);
        let (epoch, cursor) = self.access.cursor();
        let hello = pb::Hello {
            node_id: self.node.clone(),
            incarnation: self.incarnation.clone(),
            tenant_ids: Vec::new(),
            epoch,
            cursor,
        };
        let renewals = Renewals::new();
        let mut told = timeout(SILENCE, self.open(&mut client, hello, renewals.clone())).await.map_err(|_| Ended::Silence)??;
        let mut snapshot = None;
        let mut answered = Instant::now();
        loop {
            let frame = timeout_at(answered + SILENCE, told.message()).await.map_err(|_| Ended::Silence)??;
            let frame = frame.ok_or(Ended::Over)?.frame.ok_or(Ended::Protocol("an empty frame"))?;
            // Changes come also where the way of the renewals is cut. Those that have been applied are not sent again.
            if !matches!(frame, Told::Change(_) | Told::Checkpoint(_)) {
                answered = Instant::now();
            }
            self.take(frame, &mut snapshot, &renewals)?;
            renewals.heard();
        }
    }

    async fn open(
        &self,
        client: &mut AccessServiceClient<Channel>,
        hello: pb::Hello,
        renewals: Renewals,
    ) -> Result<tonic::Streaming<pb::WatchAccessResponse>, Ended> {
        let mut request = Request::new(renewals.frames(hello, self.access.clone(), self.clock));
        let bearer = format!("Bearer {}", self.token.token()?);
        let bearer = bearer.parse().map_err(|_| Ended::Protocol("the token is not ASCII"))?;
        request.metadata_mut().insert("authorization", bearer);
        Ok(client.watch_access(request).await?.into_inner())
    }

    fn take(&self, frame: Told, snapshot: &mut Option<Snapshot>, renewals: &Renewals) -> Result<(), Ended> {
        match frame {
            Told::SnapshotBegin(begin) => {
                // Also if the snapshot breaks off: what is known belongs to a cursor that the service could not serve.
                if Mutant::LeaseKeptAcrossResync.planted() {
                    self.access.advance(begin.revision);
                } else {
                    self.access.forget();
                }
                *snapshot = Some(Snapshot::begin(&begin));
            }
            Told::SnapshotPart(part) => snapshot.as_mut().ok_or(Ended::Protocol("a part without a begin"))?.add(part)?,
            Told::SnapshotEnd(_) => {
                self.access.replace(snapshot.take().ok_or(Ended::Protocol("an end without a begin"))?.end());
            }
            Told::Change(change) => self.access.apply(read_change(change)?)?,
            Told::Checkpoint(checkpoint) => self.access.advance(checkpoint.revision),
            Told::Lease(lease) => {
                if self.access.cursor().1 < lease.revision {
                    return Err(Gap.into());
                }
                let ttl =
                    lease.ttl.and_then(|ttl| Duration::try_from(ttl).ok()).ok_or(Ended::Protocol("a lease without a length"))?;
                let sent_at = renewals.answered(lease.n, ttl).ok_or(Ended::Protocol("an answer to what was not sent"))?;
                let sent_at = if Mutant::LeaseFromReceipt.planted() { self.clock.now() } else { sent_at };
                self.access.renew(sent_at, ttl);
                self.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
            }
        }
        Ok(())
    }
}

/// Wakes the streams when the lease has run out, so that they can say that they hold.
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
