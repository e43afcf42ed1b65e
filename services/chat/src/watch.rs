//! The stream of a thread: pulled, guarded, gapless.
//!
//! Nothing is queued for a watcher. Whenever the transport asks, the stream looks at its cursor, takes what follows from the ring or
//! the store, and hands it out if the guard agrees at that moment; there is nothing between the guard's answer and the hand-over. A
//! watcher that stalls is not asked, holds at most one piece of a page, and goes on from the store.

mod ready;

use std::sync::Arc;
use std::time::Duration;

use chassis::clock::{Clock, Moment};
use chassis::db::to_completion;
use chassis::ids::Ids;
use chassis::lifecycle::Drain;
use crewline_api::chat::v1 as pb;
use futures_util::{Stream, stream};
use pb::{ClosingReason, ResetReason};
use tokio::sync::watch;
use tokio::time::sleep_until;
use tonic::Status;

use self::ready::Ready;
use crate::access::Access;
use crate::access::guard::{Denial, Denied, Place, Subject, Wish};
use crate::cursor::Cursor;
use crate::error::Error;
use crate::fanout::Watcher;
use crate::metrics::{Metrics, OpenStream};
use crate::model::{Audience, Event, Thread, ThreadKey};
use crate::store::Store;
use crate::store::events::EventPage;
use crate::streams::StreamPlace;
use crate::wire::frames;

/// A stream without fresh knowledge of access ends after so long.
const HOLD_LIMIT: Duration = Duration::from_secs(10);
const PROGRESS_EVERY: Duration = Duration::from_secs(25);
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Clients that were cut together come back spread over this.
const RETRY_SPREAD: Duration = Duration::from_secs(5);

type Frame = pb::WatchThreadResponse;

/// What all watches of a node share.
#[derive(Clone, Debug)]
pub struct Watches {
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

/// What one watch was asked for.
#[derive(Debug)]
pub struct Asked {
    /// By whom.
    pub subject: Subject,
    /// When their token runs out.
    pub expires_at: std::time::SystemTime,
    /// Which thread.
    pub key: ThreadKey,
    /// Where to go on.
    pub cursor: Cursor,
    /// End after catching up.
    pub stop_at_head: bool,
}

/// One stream.
#[derive(Debug)]
pub struct ThreadWatch {
    node: Watches,
    subject: Subject,
    audience: Audience,
    key: ThreadKey,
    /// The newest state of the thread that this stream has read: what the guard judges by.
    place: Place,
    cursor: Cursor,
    first_available: u64,
    /// The newest event that this stream knows of.
    head: u64,
    /// The store has confirmed that the cursor belongs to this history.
    verified: bool,
    /// What follows the cursor.
    ready: Ready,
    in_hand: Option<Candidate>,
    opened: bool,
    caught_up: bool,
    stop_at_head: bool,
    holding_since: Option<Moment>,
    progress_at: Moment,
    expires_at: Moment,
    old_at: Moment,
    watcher: Watcher,
    changes: watch::Receiver<u64>,
    ending: Option<Ending>,
    _place: StreamPlace,
    _counted: OpenStream,
}

/// What would be handed out, if the guard agrees.
#[derive(Debug)]
enum Candidate {
    Opened,
    Events(Vec<Arc<Event>>),
    CaughtUp,
    Progress,
    Reset(ResetReason, Cursor),
    /// Nothing; but access may have changed.
    Nothing,
}

#[derive(Debug)]
enum Ending {
    /// This status is still to be given.
    Status(Status),
    Over,
}

/// Why a stream ends.
#[derive(Debug)]
enum End {
    /// It was to end at the head.
    AtHead,
    /// The server ends it, and says so.
    Closing(ClosingReason, Error),
    /// Something went wrong.
    Failed(Error),
}

impl ThreadWatch {
    /// A stream of a thread that the guard has let the subject see. `watcher` was registered before `thread` was read.
    pub fn new(node: Watches, asked: Asked, thread: &Thread, watcher: Watcher, place: StreamPlace) -> Self {
        let now = node.clock.now();
        let token_left = asked.expires_at.duration_since(node.clock.wall()).unwrap_or_default();
        Self {
            audience: asked.subject.kind.audience(),
            place: Place::from(thread),
            cursor: asked.cursor,
            first_available: thread.first_available(),
            head: thread.head.seq,
            verified: false,
            ready: Ready::default(),
            in_hand: None,
            opened: false,
            caught_up: false,
            stop_at_head: asked.stop_at_head,
            holding_since: None,
            // The first heartbeat comes at a random point, so that those of many streams are spread.
            progress_at: now + (PROGRESS_EVERY - node.ids.jitter(PROGRESS_EVERY / 2)),
            expires_at: now + token_left,
            old_at: now + (LIFETIME - node.ids.jitter(LIFETIME / 10)),
            changes: node.access.changes(),
            _counted: node.metrics.open_stream(),
            _place: place,
            subject: asked.subject,
            key: asked.key,
            ending: None,
            watcher,
            node,
        }
    }

    /// The frames, made as they are asked for.
    pub fn frames(self) -> impl Stream<Item = Result<Frame, Status>> + Send {
        stream::unfold(self, async |mut watch| watch.next().await.map(|frame| (frame, watch)))
    }

    async fn next(&mut self) -> Option<Result<Frame, Status>> {
        match self.ending.take() {
            Some(Ending::Status(status)) => {
                self.ending = Some(Ending::Over);
                return Some(Err(status));
            }
            Some(Ending::Over) => return None,
            None => {}
        }
        loop {
            if let Some(end) = self.due() {
                return self.end(end);
            }
            let candidate = match self.in_hand.take() {
                Some(candidate) => candidate,
                None => match self.candidate().await {
                    Ok(candidate) => candidate,
                    Err(end) => return self.end(end),
                },
            };
            match self.node.access.check(&self.subject, Wish::Read, Some(&self.place)) {
                Ok(revision) => {
                    self.holding_since = None;
                    if let Some(frame) = self.hand_out(candidate, revision) {
                        return Some(Ok(frame));
                    }
                }
                Err(Denied::No(denial)) => return self.end(End::Closing(closing_reason(denial), denial.into())),
                Err(Denied::Unknown) => {
                    self.in_hand = Some(candidate);
                    let now = self.node.clock.now();
                    match self.holding_since {
                        None => {
                            self.holding_since = Some(now);
                            self.node.metrics.holds.add(1, &[]);
                            return Some(Ok(frames::holding()));
                        }
                        Some(since) if now.since(since) >= HOLD_LIMIT => {
                            return self.end(End::Closing(ClosingReason::AccessUnknown, Denied::Unknown.into()));
                        }
                        Some(_) => self.wait_held().await,
                    }
                }
            }
        }
    }

    /// Whether the stream must end now, whatever there is to hand out.
    fn due(&self) -> Option<End> {
        let now = self.node.clock.now();
        if self.node.drain.has_begun() {
            Some(End::Closing(ClosingReason::Draining, Error::Draining))
        } else if now >= self.expires_at {
            Some(End::Closing(ClosingReason::TokenExpired, Error::TokenExpired))
        } else if now >= self.old_at {
            Some(End::Closing(ClosingReason::Lifetime, Error::Draining))
        } else {
            None
        }
    }

    /// What comes next: waits until there is something.
    async fn candidate(&mut self) -> Result<Candidate, End> {
        if !self.opened {
            return Ok(Candidate::Opened);
        }
        let behind = !self.verified || self.head.max(self.watcher.head()) > self.cursor.seq;
        if self.ready.is_empty()
            && behind
            && let Some(reason) = self.fill().await?
        {
            return Ok(Candidate::Reset(reason, Cursor::after(self.first_available - 1)));
        }
        if !self.ready.is_empty() {
            return Ok(Candidate::Events(self.ready.take_batch()));
        }
        if self.head.max(self.watcher.head()) > self.cursor.seq {
            return Ok(Candidate::Nothing);
        }
        if !self.caught_up {
            return Ok(Candidate::CaughtUp);
        }
        if self.stop_at_head {
            return Err(End::AtHead);
        }
        Ok(self.wait().await)
    }

    /// Makes ready what follows the cursor; or says why nothing can.
    async fn fill(&mut self) -> Result<Option<ResetReason>, End> {
        if self.verified && self.fill_from_ring() {
            return Ok(None);
        }
        self.node.metrics.store_pages.add(1, &[]);
        let page = self.read_page().await.map_err(End::Failed)?;
        self.place = Place::from(&page.thread);
        self.head = page.thread.head.seq;
        self.first_available = page.thread.first_available();
        self.verified = true;
        if self.cursor.seq < page.thread.floor.seq {
            return Ok(Some(ResetReason::Trimmed));
        }
        let newest = page.thread.head_for(self.audience);
        let follows = page.events.first().map_or(newest, |first| first.prev(self.audience));
        if self.cursor.seq > self.head || !self.cursor.fits(follows) {
            return Ok(Some(ResetReason::HistoryForked));
        }
        self.cursor.tag = Some(follows.tag);
        let last = page.events.last().map_or(self.cursor.seq, |event| event.at.seq);
        self.ready = Ready::new(page.events.into_iter().map(Arc::new), if page.is_last { self.head } else { last });
        self.pass_hidden();
        Ok(None)
    }

    /// In a task of its own: the transport asks for the frame after the one that it cannot send yet, and then asks no more until
    /// it can. A read that stood still with the stream would keep its connection from everybody else.
    async fn read_page(&self) -> Result<EventPage, Error> {
        let (store, key, audience, after) = (self.node.store.clone(), self.key.clone(), self.audience, self.cursor.seq);
        let page = to_completion(async move { store.events(&key, audience, after).await }).await??;
        page.ok_or(Denial::NoThread.into())
    }

    fn fill_from_ring(&mut self) -> bool {
        let Some(events) = self.watcher.after(self.cursor.seq, ready::BATCH) else { return false };
        let last = events.last().map_or(self.cursor.seq, |event| event.at.seq);
        let mut visible = events.into_iter().filter(|event| self.audience.sees(event.audience)).peekable();
        if visible.peek().is_some_and(|first| !self.cursor.fits(first.prev(self.audience))) {
            return false;
        }
        self.ready = Ready::new(visible, last);
        self.pass_hidden();
        true
    }

    /// Moves the cursor over events that are for another audience, once all before them has been handed out.
    fn pass_hidden(&mut self) {
        if self.ready.is_empty() {
            self.cursor.seq = self.cursor.seq.max(self.ready.scanned_to());
        }
    }

    /// Nothing is known to follow: waits for an event, for a change of access, for the heartbeat, or for an end.
    async fn wait(&mut self) -> Candidate {
        let clock = self.node.clock;
        let end_at = clock.instant(self.expires_at.min(self.old_at));
        tokio::select! {
            () = self.watcher.beyond(self.cursor.seq) => Candidate::Nothing,
            _ = self.changes.changed() => Candidate::Nothing,
            () = sleep_until(clock.instant(self.progress_at)) => Candidate::Progress,
            () = sleep_until(end_at) => Candidate::Nothing,
            () = self.node.drain.begun() => Candidate::Nothing,
        }
    }

    /// Access is not known: waits until it is, or for an end.
    async fn wait_held(&mut self) {
        let clock = self.node.clock;
        let give_up_at = self.holding_since.unwrap_or_default() + HOLD_LIMIT;
        let end_at = clock.instant(give_up_at.min(self.expires_at).min(self.old_at));
        tokio::select! {
            _ = self.changes.changed() => {}
            () = sleep_until(end_at) => {}
            () = self.node.drain.begun() => {}
        }
    }

    /// The guard has agreed: the frame leaves, and the cursor moves with it. Nothing here waits.
    fn hand_out(&mut self, candidate: Candidate, access_revision: u64) -> Option<Frame> {
        let thread = self.key.thread;
        let frame = match candidate {
            Candidate::Nothing => return None,
            Candidate::Opened => {
                self.opened = true;
                frames::opened(self.head, self.first_available, access_revision)
            }
            Candidate::Reset(reason, first) => {
                // Only now: if the stream ends before the client is told, the old cursor must bring it here again.
                self.cursor = first;
                self.caught_up = false;
                frames::reset(reason, self.first_available)
            }
            Candidate::Events(batch) => {
                if let Some(last) = batch.last() {
                    self.cursor = Cursor::at(last.at);
                }
                self.pass_hidden();
                self.node.metrics.events_delivered.add(u64::try_from(batch.len()).unwrap_or_default(), &[]);
                frames::events(&batch, self.audience, self.cursor.seal(thread))
            }
            Candidate::CaughtUp => {
                self.caught_up = true;
                frames::caught_up(self.cursor.seq, self.cursor.seal(thread))
            }
            Candidate::Progress => {
                let head = self.head.max(self.watcher.head());
                frames::progress(self.cursor.seq, head, self.node.clock.wall(), self.cursor.seal(thread))
            }
        };
        self.progress_at = self.node.clock.now() + PROGRESS_EVERY;
        Some(frame)
    }

    fn end(&mut self, end: End) -> Option<Result<Frame, Status>> {
        match end {
            End::AtHead => {
                self.ending = Some(Ending::Over);
                None
            }
            End::Failed(error) => {
                self.ending = Some(Ending::Over);
                Some(Err(error.into()))
            }
            End::Closing(reason, error) => {
                let helps = matches!(reason, ClosingReason::Draining | ClosingReason::Lifetime | ClosingReason::AccessUnknown);
                let retry_after = if helps { self.node.ids.jitter(RETRY_SPREAD) } else { Duration::ZERO };
                tracing::info!(?reason, thread = %self.key.thread, "a stream ends");
                self.ending = Some(Ending::Status(error.into()));
                Some(Ok(frames::closing(reason, retry_after, self.cursor.seal(self.key.thread))))
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
