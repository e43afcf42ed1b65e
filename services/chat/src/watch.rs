//! The stream of a thread: gapless, each event once.
//!
//! Nothing is queued for a watcher. Whenever the transport asks, the stream looks at its cursor, takes what follows from the ring or
//! the store, and hands it out if the guard agrees at that moment; there is nothing between the guard's answer and the hand-over. A
//! watcher that stalls is not asked, holds at most one piece of a page, and goes on from the store.

mod ready;

use std::sync::Arc;
use std::time::Duration;

use chassis::db::to_completion;
use crewline_api::chat::v1 as pb;
use pb::{ClosingReason, ResetReason};

use self::ready::Ready;
use crate::access::Standing;
use crate::access::guard::{Denial, Denied, Place, Subject};
use crate::cursor::Cursor;
use crate::error::Error;
use crate::fanout::Watcher;
use crate::gated::{End, Gated, Idle, Life, Node, Verdict};
use crate::hints::{Here, Present};
use crate::model::{Audience, Event, Thread, ThreadKey};
use crate::mutant::Mutant;
use crate::store::events::EventPage;
use crate::streams::StreamPlace;
use crate::wire::frames;

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
    node: Node,
    life: Life,
    subject: Subject,
    audience: Audience,
    key: ThreadKey,
    /// The newest state of the thread that is known here, and the event that made it: what the guard judges by.
    place: Place,
    place_seq: u64,
    /// What the guard said last.
    standing: Standing,
    cursor: Cursor,
    first_available: u64,
    /// The newest event that this stream knows of.
    head: u64,
    /// The store has confirmed that the cursor belongs to this history.
    verified: bool,
    /// What follows the cursor.
    ready: Ready,
    opened: bool,
    caught_up: bool,
    stop_at_head: bool,
    watcher: Watcher,
    here: Here,
    /// Who else is here, as it was told.
    told_present: Vec<Present>,
}

/// What would be handed out, if the guard agrees.
#[derive(Debug)]
pub enum Candidate {
    /// The beginning.
    Opened,
    /// What happened.
    Events(Vec<Arc<Event>>),
    /// The newest event has been sent.
    CaughtUp,
    /// Who else is here.
    Present(Vec<Present>),
    /// The heartbeat.
    Progress,
    /// The position cannot be served.
    Reset(ResetReason, Cursor),
    /// Nothing; but access may have changed.
    Nothing,
}

impl ThreadWatch {
    /// A stream of a thread that the guard has let the subject see. `watcher` was registered before `thread` was read.
    pub fn new(node: Node, asked: Asked, thread: &Thread, watcher: Watcher, here: Here, place: StreamPlace) -> Self {
        let audience = asked.subject.kind.audience();
        Self {
            life: Life::new(&node, asked.expires_at, place),
            audience,
            place: Place::from(thread),
            place_seq: thread.head.seq,
            standing: Standing::default(),
            cursor: asked.cursor,
            first_available: thread.first_available(audience),
            head: thread.head.seq,
            verified: false,
            ready: Ready::default(),
            opened: false,
            caught_up: false,
            stop_at_head: asked.stop_at_head,
            subject: asked.subject,
            key: asked.key,
            told_present: Vec::new(),
            here,
            watcher,
            node,
        }
    }

    /// Takes over what has been announced of the thread.
    fn look(&mut self) {
        let newest = self.watcher.newest();
        if newest.seq <= self.place_seq {
            return;
        }
        if let Some(place) = &newest.place {
            (self.place, self.place_seq) = (place.clone(), newest.seq);
        }
        if self.audience == Audience::Crew && newest.crew_floor > self.cursor.seq {
            // What lies between is hidden now: the store says where to go on.
            self.verified = false;
            self.ready = Ready::default();
        }
        self.head = self.head.max(newest.seq);
    }

    /// Makes ready what follows the cursor; or says why nothing can.
    async fn fill(&mut self) -> Result<Option<ResetReason>, End> {
        if self.verified && self.fill_from_ring() {
            return Ok(None);
        }
        self.node.metrics.store_pages.add(1, &[]);
        let announced = self.watcher.head();
        let page = self.read_page().await.map_err(End::Failed)?;
        if page.thread.head.seq < announced {
            self.watcher.forget(&page.thread);
            self.place_seq = 0;
        }
        if page.thread.head.seq >= self.place_seq {
            (self.place, self.place_seq) = (Place::from(&page.thread), page.thread.head.seq);
        }
        self.head = page.thread.head.seq;
        self.first_available = page.thread.first_available(self.audience);
        self.verified = true;
        if self.cursor.seq.saturating_add(1) < self.first_available {
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
        if Mutant::CheckBeforeQueue.planted() {
            let _asked_too_early = self.judge();
        }
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

    /// Nothing is known to follow: waits for an event, for a hint, for a change of access, for the heartbeat, or for an end.
    async fn wait(&mut self) -> Candidate {
        tokio::select! {
            () = self.watcher.beyond(self.cursor.seq) => Candidate::Nothing,
            () = self.here.changed() => Candidate::Nothing,
            idle = self.life.idle() => match idle {
                Idle::Heartbeat => Candidate::Progress,
                Idle::Look => Candidate::Nothing,
            },
        }
    }

    /// The guard has agreed: the frame leaves, and the cursor moves with it.
    fn hand_out(&mut self, candidate: Candidate, access_revision: u64) -> Option<pb::WatchThreadResponse> {
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
                    self.measure(last);
                }
                self.pass_hidden();
                self.node.metrics.events_delivered.add(u64::try_from(batch.len()).unwrap_or_default(), &[]);
                frames::events(&batch, self.audience, self.cursor.seal(thread))
            }
            Candidate::CaughtUp => {
                self.caught_up = true;
                frames::caught_up(self.cursor.seq, self.cursor.seal(thread))
            }
            Candidate::Present(people) => {
                let frame = frames::presence(&people);
                self.told_present = people;
                frame
            }
            Candidate::Progress => frames::progress(self.cursor.seq, self.head, self.node.clock.wall(), self.cursor.seal(thread)),
        };
        self.life.stands(self.cursor.seq, self.head);
        Some(frame)
    }

    /// Notes how long an event was under way. The calendar may have been set back in between.
    fn measure(&self, event: &Event) {
        let micros = self.node.clock.wall_micros().saturating_sub(event.committed_at);
        if self.caught_up && micros >= 0 {
            let took = Duration::from_micros(micros.unsigned_abs());
            self.node.metrics.commit_to_yield.record(took.as_secs_f64(), &[]);
        }
    }

    /// What comes next, as far as it is known: waits if nothing is.
    async fn next(&mut self) -> Result<Candidate, End> {
        if !self.opened {
            return Ok(Candidate::Opened);
        }
        self.look();
        let behind = !self.verified || self.head > self.cursor.seq;
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
            return Err(End::Done);
        }
        let present = self.here.others(self.node.clock.now());
        if present != self.told_present {
            return Ok(Candidate::Present(present));
        }
        Ok(self.wait().await)
    }

    /// Whether the subject may see the newest that is known of the thread: never its state at the cursor.
    fn judge(&mut self) -> Result<u64, Denied> {
        self.node.access.check_standing(&mut self.standing, &self.subject, &self.place)
    }

    /// With a fault planted: what was said before the events were fetched, or made ready.
    fn judged_too_early(&self, candidate: &Candidate) -> Option<u64> {
        let planted = Mutant::CheckBeforeFetch.planted() || Mutant::CheckBeforeQueue.planted();
        self.standing.last().filter(|_| planted && matches!(candidate, Candidate::Events(_)))
    }
}

impl Gated for ThreadWatch {
    type Frame = pb::WatchThreadResponse;
    type Candidate = Candidate;

    fn life(&mut self) -> &mut Life {
        &mut self.life
    }

    async fn candidate(&mut self) -> Result<Candidate, End> {
        if !Mutant::CheckBeforeFetch.planted() {
            return self.next().await;
        }
        let _asked_too_early = self.judge();
        loop {
            match self.next().await? {
                Candidate::Nothing if self.life.due().is_none() => {}
                candidate => return Ok(candidate),
            }
        }
    }

    fn pass(&mut self, candidate: Candidate) -> Verdict<pb::WatchThreadResponse, Candidate> {
        self.look();
        let hidden_by_now = !self.verified && matches!(candidate, Candidate::Events(_));
        let candidate = if hidden_by_now { Candidate::Nothing } else { candidate };
        match self.judged_too_early(&candidate).map_or_else(|| self.judge(), Ok) {
            Ok(revision) => {
                let frame = self.hand_out(candidate, revision);
                if frame.is_some() {
                    self.node.access.handed(&self.subject, revision);
                }
                Verdict::Leaves(frame)
            }
            Err(Denied::No(denial)) => Verdict::Refused(denial),
            Err(Denied::Unknown) => Verdict::Unknown(candidate),
        }
    }

    fn holding(&self) -> pb::WatchThreadResponse {
        frames::holding()
    }

    fn closing(&self, reason: ClosingReason, retry_after: Duration) -> pb::WatchThreadResponse {
        frames::closing(reason, retry_after, self.cursor.seal(self.key.thread))
    }
}
