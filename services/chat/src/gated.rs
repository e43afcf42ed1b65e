//! What every stream is: pulled by the transport, judged by the guard at the moment of the hand-over, and ended with a reason.

use std::future::Future;
use std::time::{Duration, SystemTime};

use chassis::clock::{Clock, Moment};
use chassis::ids::Ids;
use chassis::lifecycle::{DRAIN_SPREAD, Drain};
use chassis::server::LONGEST_STREAM;
use crewline_api::chat::v1::ClosingReason;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::sleep_until;
use tonic::Status;

use crate::access::Access;
use crate::access::guard::{Denial, Denied};
use crate::error::Error;
use crate::metrics::{Metrics, OpenStream};
use crate::store::Store;
use crate::streams::StreamPlace;

/// A stream without fresh knowledge of access ends after so long.
const HOLD_LIMIT: Duration = Duration::from_secs(10);
const PROGRESS_EVERY: Duration = Duration::from_secs(25);
/// Clients that were cut together come back spread over this.
const RETRY_SPREAD: Duration = Duration::from_secs(5);

/// What all streams of a node share.
#[derive(Clone, Debug)]
pub struct Node {
    /// The guard.
    pub access: Access,
    /// The log.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Randomness, for spreading.
    pub ids: Ids,
    /// The end.
    pub drain: Drain,
    /// The instruments.
    pub metrics: Metrics,
}

/// One kind of stream. Nothing in it waits but [`Gated::candidate`].
pub trait Gated: Send {
    /// What leaves.
    type Frame: Send;
    /// What would leave, if the guard agrees.
    type Candidate: Send;

    /// What this stream has in common with all.
    fn life(&mut self) -> &mut Life;

    /// What comes next: waits until there is something.
    fn candidate(&mut self) -> impl Future<Output = Result<Self::Candidate, End>> + Send;

    /// Asks the guard, and makes the frame if it agrees: what is told, and where the stream stands, change here and nowhere else.
    fn pass(&mut self, candidate: Self::Candidate) -> Verdict<Self::Frame, Self::Candidate>;

    /// Says that access is not known.
    fn holding(&self) -> Self::Frame;

    /// Says that the stream is about to end.
    fn closing(&self, reason: ClosingReason, retry_after: Duration) -> Self::Frame;
}

/// What the guard said.
#[derive(Debug)]
pub enum Verdict<F, C> {
    /// It agrees; there may be nothing to say.
    Leaves(Option<F>),
    /// It does not know.
    Unknown(C),
    /// It refuses the person.
    Refused(Denial),
}

/// Why a stream ends.
#[derive(Debug)]
pub enum End {
    /// It was to end here.
    Done,
    /// The server ends it, and says so.
    Closing(ClosingReason, Error),
    /// Something went wrong.
    Failed(Error),
}

/// Nothing has come, but something else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It is time for the heartbeat.
    Heartbeat,
    /// Access may have changed, or the stream has to end.
    Look,
}

/// The age of a stream, its heartbeat, and how long it has been holding.
#[derive(Debug)]
pub struct Life {
    clock: Clock,
    ids: Ids,
    drain: Drain,
    metrics: Metrics,
    changes: watch::Receiver<u64>,
    expires_at: Moment,
    old_at: Moment,
    /// Once the drain has begun: this stream's turn to end.
    leaves_at: Option<Moment>,
    progress_at: Moment,
    holding_since: Option<Moment>,
    place: StreamPlace,
    _counted: OpenStream,
}

impl Life {
    /// Begins at this place, for a caller whose token runs out at `expires_at`.
    pub fn new(node: &Node, expires_at: SystemTime, place: StreamPlace) -> Self {
        let now = node.clock.now();
        let token_left = expires_at.duration_since(node.clock.wall()).unwrap_or_default();
        Self {
            // The first heartbeat comes at a random point, so that those of many streams are spread.
            progress_at: now + (PROGRESS_EVERY - node.ids.jitter(PROGRESS_EVERY / 2)),
            expires_at: now + token_left,
            old_at: now + (LONGEST_STREAM - node.ids.jitter(LONGEST_STREAM / 10)),
            // Who comes during the drain has nobody to leave with.
            leaves_at: node.drain.has_begun().then_some(now),
            changes: node.access.changes(),
            clock: node.clock,
            ids: node.ids.clone(),
            drain: node.drain.clone(),
            metrics: node.metrics.clone(),
            holding_since: None,
            place,
            _counted: node.metrics.open_stream(),
        }
    }

    /// A number that is another one when access may have changed.
    pub fn access_version(&self) -> u64 {
        *self.changes.borrow()
    }

    /// Waits for the heartbeat, for a change of access, or for an end.
    pub async fn idle(&mut self) -> Idle {
        let end_at = self.clock.instant(self.ends_at());
        tokio::select! {
            _ = self.changes.changed() => Idle::Look,
            () = sleep_until(self.clock.instant(self.progress_at)) => Idle::Heartbeat,
            () = sleep_until(end_at) => Idle::Look,
            () = self.drain.begun(), if self.leaves_at.is_none() => Idle::Look,
        }
    }

    /// Whether the stream must end now, whatever there is to hand out.
    pub fn due(&mut self) -> Option<End> {
        let now = self.clock.now();
        if self.drain.has_begun() && self.leaves_at.is_none() {
            self.leaves_at = Some(now + self.ids.jitter(DRAIN_SPREAD));
        }
        if self.leaves_at.is_some_and(|leaves_at| now >= leaves_at) {
            Some(End::Closing(ClosingReason::Draining, Error::Draining))
        } else if now >= self.expires_at {
            Some(End::Closing(ClosingReason::TokenExpired, Error::TokenExpired))
        } else if now >= self.old_at {
            Some(End::Closing(ClosingReason::Lifetime, Error::Draining))
        } else {
            None
        }
    }

    /// The latest that it ends at, as far as that is known now.
    fn ends_at(&self) -> Moment {
        let by_itself = self.expires_at.min(self.old_at);
        self.leaves_at.map_or(by_itself, |leaves_at| by_itself.min(leaves_at))
    }

    /// A frame leaves: the next heartbeat is put off.
    fn spoke(&mut self) {
        self.progress_at = self.clock.now() + PROGRESS_EVERY;
        self.place.spoke();
    }

    /// Where the stream stands, and the newest event that it knows of.
    pub fn stands(&self, at: u64, head: u64) {
        self.place.stands(at, head);
    }

    fn holds(&mut self, now: Moment) {
        self.holding_since = Some(now);
        self.place.holds(true);
        self.metrics.holds.add(1, &[]);
    }

    fn knows_again(&mut self) {
        if self.holding_since.take().is_some() {
            self.place.holds(false);
        }
    }

    /// Access is not known: waits until it may be, or for an end.
    async fn wait_held(&mut self, since: Moment) {
        let end_at = self.clock.instant((since + HOLD_LIMIT).min(self.ends_at()));
        tokio::select! {
            _ = self.changes.changed() => {}
            () = sleep_until(end_at) => {}
            () = self.drain.begun(), if self.leaves_at.is_none() => {}
        }
    }
}

/// A stream on its way.
struct Pulled<G: Gated> {
    gated: G,
    in_hand: Option<G::Candidate>,
    ending: Option<Ending>,
}

enum Ending {
    /// This status is still to be given.
    Status(Status),
    Over,
}

/// The frames, made as they are asked for.
pub fn frames<G: Gated>(gated: G) -> impl Stream<Item = Result<G::Frame, Status>> + Send {
    let pulled = Pulled { gated, in_hand: None, ending: None };
    stream::unfold(pulled, async |mut pulled| pulled.next().await.map(|frame| (frame, pulled)))
}

impl<G: Gated> Pulled<G> {
    async fn next(&mut self) -> Option<Result<G::Frame, Status>> {
        match self.ending.take() {
            Some(Ending::Status(status)) => {
                self.ending = Some(Ending::Over);
                return Some(Err(status));
            }
            Some(Ending::Over) => return None,
            None => {}
        }
        loop {
            if let Some(end) = self.gated.life().due() {
                return self.end(end);
            }
            let candidate = match self.in_hand.take() {
                Some(candidate) => candidate,
                None => match self.gated.candidate().await {
                    Ok(candidate) => candidate,
                    Err(end) => return self.end(end),
                },
            };
            match self.gated.pass(candidate) {
                Verdict::Leaves(frame) => {
                    self.gated.life().knows_again();
                    if let Some(frame) = frame {
                        self.gated.life().spoke();
                        return Some(Ok(frame));
                    }
                }
                Verdict::Refused(denial) => return self.end(End::Closing(closing_reason(denial), denial.into())),
                Verdict::Unknown(candidate) => {
                    self.in_hand = Some(candidate);
                    let life = self.gated.life();
                    let now = life.clock.now();
                    match life.holding_since {
                        None => {
                            life.holds(now);
                            return Some(Ok(self.gated.holding()));
                        }
                        Some(since) if now.since(since) >= HOLD_LIMIT => {
                            return self.end(End::Closing(ClosingReason::AccessUnknown, Denied::Unknown.into()));
                        }
                        Some(since) => life.wait_held(since).await,
                    }
                }
            }
        }
    }

    fn end(&mut self, end: End) -> Option<Result<G::Frame, Status>> {
        match end {
            End::Done => {
                self.ending = Some(Ending::Over);
                None
            }
            End::Failed(error) => {
                self.ending = Some(Ending::Over);
                Some(Err(error.into()))
            }
            End::Closing(reason, error) => {
                let helps = matches!(reason, ClosingReason::Draining | ClosingReason::Lifetime | ClosingReason::AccessUnknown);
                let retry_after = if helps { self.gated.life().ids.jitter(RETRY_SPREAD) } else { Duration::ZERO };
                tracing::info!(?reason, "a stream ends");
                self.ending = Some(Ending::Status(error.into()));
                Some(Ok(self.gated.closing(reason, retry_after)))
            }
        }
    }
}

fn closing_reason(denial: Denial) -> ClosingReason {
    match denial {
        Denial::TenantNotAllowed | Denial::ChatDisabled => ClosingReason::ChatDisabled,
        Denial::PersonInactive => ClosingReason::PersonInactive,
        Denial::LevelTooLow | Denial::JobEnded => ClosingReason::AccessRevoked,
        Denial::NotOnJob | Denial::NoThread => ClosingReason::Unassigned,
        Denial::HiddenWhenClosed | Denial::ThreadClosed => ClosingReason::ThreadClosed,
    }
}
