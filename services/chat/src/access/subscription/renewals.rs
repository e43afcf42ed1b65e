//! The renewals of the lease: a few within each, and one at once when a change has been applied.
//!
//! They are made when the transport asks for one. A renewal dates from then, and acknowledges what has been applied by then.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chassis::clock::{Clock, Moment};
use crewline_api::permissions::v1 as pb;
use futures_util::{Stream, stream};
use pb::watch_access_request::Frame as Say;
use tokio::sync::watch;
use tokio::time::sleep_until;

use crate::access::Access;

/// As many within a lease.
const IN_A_LEASE: u32 = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Until the length of a lease is known.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Renewals without an answer, before no more are sent: the answers wait behind a snapshot.
const MAX_UNANSWERED: usize = 8;

/// The renewals of one watch, as the side that reads the answers sees them. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Renewals {
    sent: Arc<Mutex<Sent>>,
    /// The other side has said its first.
    heard: watch::Sender<bool>,
}

#[derive(Debug)]
struct Sent {
    last: u64,
    unanswered: VecDeque<(u64, Moment)>,
    every: Duration,
    /// The other side has said something: it goes on from where this node is, or has told it to begin anew.
    answered: bool,
}

impl Renewals {
    pub(super) fn new() -> Self {
        let sent = Sent { last: 0, unanswered: VecDeque::new(), every: FIRST_PAUSE, answered: false };
        Self { sent: Arc::new(Mutex::new(sent)), heard: watch::Sender::new(false) }
    }

    /// When the renewal `n` was sent; those before it will not be answered any more.
    pub(super) fn answered(&self, n: u64, ttl: Duration) -> Option<Moment> {
        let mut sent = self.lock();
        sent.every = (ttl / IN_A_LEASE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        while let Some((number, at)) = sent.unanswered.pop_front() {
            if number == n {
                return Some(at);
            }
        }
        None
    }

    /// Something came: from now on there is something to acknowledge.
    pub(super) fn heard(&self) {
        self.lock().answered = true;
        self.heard.send_if_modified(|heard| !std::mem::replace(heard, true));
    }

    /// The hello, then the renewals.
    pub(super) fn frames(
        self,
        hello: pb::Hello,
        access: Access,
        clock: Clock,
    ) -> impl Stream<Item = pb::WatchAccessRequest> + Send {
        let (heard, moved) = (self.heard.subscribe(), access.moved());
        let saying = Saying { renewals: self, access, clock, heard, moved, due: clock.now(), hello: Some(hello) };
        stream::unfold(saying, async |mut saying| {
            let frame = saying.next().await;
            Some((pb::WatchAccessRequest { frame: Some(frame) }, saying))
        })
    }

    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this node says on one watch.
struct Saying {
    renewals: Renewals,
    access: Access,
    clock: Clock,
    heard: watch::Receiver<bool>,
    moved: watch::Receiver<u64>,
    due: Moment,
    hello: Option<pb::Hello>,
}

impl Saying {
    async fn next(&mut self) -> Say {
        if let Some(hello) = self.hello.take() {
            return Say::Hello(hello);
        }
        loop {
            tokio::select! {
                biased;
                () = sleep_until(self.clock.instant(self.due)) => {}
                _ = self.heard.changed() => {}
                // The pins are as old as the node.
                _ = self.moved.changed() => {}
            }
            let mut sent = self.renewals.lock();
            let now = self.clock.now();
            self.due = now + sent.every;
            if sent.unanswered.len() < MAX_UNANSWERED {
                sent.last += 1;
                let (n, answered) = (sent.last, sent.answered);
                sent.unanswered.push_back((n, now));
                drop(sent);
                let applied = if answered { self.access.applied() } else { 0 };
                return Say::Renew(pb::Renew { n, applied });
            }
        }
    }
}
