//! The task behind a subscription: opens the stream, reads it at all times, and opens it again.

use std::time::Duration;

use crewline_api::chat::v1::{Closing, ClosingReason};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use super::{Pace, Parting, Update};
use crate::backoff::Pauses;
use crate::fault::{Fault, retry_after};
use crate::token::TokenSource;

/// For the head of the answer, and for the status after a farewell.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A stream that lived so long was a success: the next failure is the first.
const HEALTHY_AFTER: Duration = Duration::from_secs(1);
/// No farewell keeps a client away for longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// A kind of stream: what to open, again and again, and what its frames mean.
pub(crate) trait Source: Send + 'static {
    /// What the transport brings.
    type Frame: Send;
    /// What the application gets.
    type News: Send + 'static;
    /// The stream of the transport.
    type Frames: Stream<Item = Result<Self::Frame, Status>> + Send + Unpin;

    /// Opens the stream behind all that was taken.
    fn open(&mut self) -> impl Future<Output = Result<Self::Frames, Status>> + Send;
    /// Takes a frame in.
    fn take(&mut self, frame: Self::Frame) -> Taken<Self::News>;
}

/// What a frame means.
#[derive(Debug)]
pub(crate) enum Taken<N> {
    /// These are for the application.
    News(Vec<N>),
    /// The service ends the stream; a status follows.
    Farewell(Farewell),
    /// It does not follow what was taken before: the stream has to be opened again.
    Misfit(String),
}

/// The service's last word on a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Farewell {
    reason: ClosingReason,
    then: Then,
}

/// What to do after a farewell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Another try cannot help.
    Stop,
    /// Another token helps.
    Renew,
    /// Come back after so long.
    Return(Duration),
}

pub(super) struct Reader<S: Source> {
    source: S,
    tokens: TokenSource,
    pace: Pace,
    pauses: Pauses,
    give: mpsc::Sender<Update<S::News>>,
}

/// Why a stream is read no more.
enum Left<N> {
    /// The application has not taken what came; these are next.
    Behind(Vec<N>),
    /// To be opened again after a pause.
    Again(Parting, Duration),
    /// For good.
    Over(Parting),
}

impl From<Closing> for Farewell {
    fn from(closing: Closing) -> Self {
        let wait = closing.retry_after.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or_default();
        let then = match closing.reason() {
            ClosingReason::AccessRevoked
            | ClosingReason::Unassigned
            | ClosingReason::ChatDisabled
            | ClosingReason::PersonInactive
            | ClosingReason::ThreadClosed => Then::Stop,
            ClosingReason::TokenExpired => Then::Renew,
            ClosingReason::AccessUnknown | ClosingReason::Draining | ClosingReason::Lifetime => {
                Then::Return(wait.min(MAX_RETRY_AFTER))
            }
            // Of a newer service: zero says that a retry cannot help.
            ClosingReason::Unspecified if wait.is_zero() => Then::Stop,
            ClosingReason::Unspecified => Then::Return(wait.min(MAX_RETRY_AFTER)),
        };
        Self { reason: closing.reason(), then }
    }
}

impl<S: Source> Reader<S> {
    pub(super) fn new(source: S, tokens: TokenSource, pace: Pace, give: mpsc::Sender<Update<S::News>>) -> Self {
        Self { source, tokens, pauses: pace.backoff.pauses(), pace, give }
    }

    /// Reads until the end, or until nobody listens any more.
    pub(super) async fn run(mut self) {
        loop {
            let listened = match self.read_one().await {
                Left::Behind(rest) => self.wait_for_room(rest).await,
                Left::Again(parting, pause) => {
                    let told = self.give.send(Update::Interrupted(parting)).await.is_ok();
                    sleep(pause).await;
                    told
                }
                Left::Over(parting) => {
                    // Nobody listens: that is an end, too.
                    let _told = self.give.send(Update::Ended(parting)).await;
                    return;
                }
            };
            if !listened {
                return;
            }
        }
    }

    /// Opens the stream and reads it to its end.
    async fn read_one(&mut self) -> Left<S::News> {
        let token = self.tokens.now();
        let mut frames = match timeout(ANSWER_WITHIN, self.source.open()).await {
            Ok(Ok(frames)) => frames,
            Ok(Err(status)) => return self.after(status, &token).await,
            Err(_) => return self.lost(Status::deadline_exceeded(format!("the stream does not open within {ANSWER_WITHIN:?}"))),
        };
        let opened = Instant::now();
        loop {
            let frame = match timeout(self.pace.silence, frames.next()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(status))) => return self.after(status, &token).await,
                Ok(None) => return self.lost(Status::unavailable("the stream ended without a word")),
                Err(_) => return self.lost(Status::unavailable(format!("the stream said nothing for {:?}", self.pace.silence))),
            };
            if opened.elapsed() >= HEALTHY_AFTER {
                self.pauses.reset();
            }
            match self.source.take(frame) {
                Taken::News(news) => {
                    let mut news = news.into_iter();
                    while let Some(one) = news.next() {
                        if let Err(back) = self.give.try_send(Update::News(one)) {
                            let Update::News(one) = back.into_inner() else { continue };
                            return Left::Behind(std::iter::once(one).chain(news).collect());
                        }
                    }
                }
                Taken::Farewell(farewell) => {
                    let status = match timeout(ANSWER_WITHIN, frames.next()).await {
                        Ok(Some(Err(status))) => status,
                        _ => Status::unavailable("the stream ended without a status"),
                    };
                    return self.after_farewell(farewell, status, &token).await;
                }
                Taken::Misfit(what) => return self.lost(Status::data_loss(what)),
            }
        }
    }

    /// The stream is closed: the application gets what is in hand at its own pace.
    async fn wait_for_room(&mut self, rest: Vec<S::News>) -> bool {
        for one in rest {
            if self.give.send(Update::News(one)).await.is_err() {
                return false;
            }
        }
        self.give.reserve_many(self.pace.buffer.div_ceil(2)).await.is_ok()
    }

    fn lost(&mut self, status: Status) -> Left<S::News> {
        let pause = self.pauses.next().max(retry_after(&status).unwrap_or_default());
        Left::Again(Parting { closing: None, status }, pause)
    }

    async fn after(&mut self, status: Status, token: &str) -> Left<S::News> {
        match Fault::of(&status) {
            Fault::Busy | Fault::Lost | Fault::Broken => self.lost(status),
            Fault::Expired if self.tokens.is_renewed(token).await => self.lost(status),
            Fault::Expired | Fault::Refused => Left::Over(Parting { closing: None, status }),
        }
    }

    async fn after_farewell(&mut self, farewell: Farewell, status: Status, token: &str) -> Left<S::News> {
        let parting = Parting { closing: Some(farewell.reason), status };
        match farewell.then {
            Then::Return(pause) => Left::Again(parting, pause),
            Then::Renew if self.tokens.is_renewed(token).await => Left::Again(parting, Duration::ZERO),
            Then::Renew | Then::Stop => Left::Over(parting),
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
