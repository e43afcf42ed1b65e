//! A stream that comes back by itself, as the application holds it.

mod reader;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crewline_api::chat::v1::ClosingReason;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tonic::Status;

pub(crate) use self::reader::{Source, Taken};
use crate::backoff::Backoff;
use crate::token::TokenSource;

/// What a stream brings. Its news come in order, without gap and double, whatever happens to connections in between.
///
/// A task reads the transport at all times, so that a slow application holds up nobody else on its connection. When the buffer is full the
/// task hangs up, and comes back when half of the buffer has been taken. Dropping the subscription ends everything.
#[derive(Debug)]
pub struct Subscription<N> {
    updates: mpsc::Receiver<Update<N>>,
    reader: JoinHandle<()>,
}

/// One thing that a subscription tells.
#[derive(Clone, Debug)]
pub enum Update<N> {
    /// What the service said.
    News(N),
    /// The stream broke, or the service ended it for now. It is opened again by itself.
    Interrupted(Parting),
    /// The last update: the stream ended, and another try cannot help.
    Ended(Parting),
}

/// How a stream ended.
#[derive(Clone, Debug)]
pub struct Parting {
    /// The reason that the service announced; none if it did not announce it.
    pub closing: Option<ClosingReason>,
    /// The status.
    pub status: Status,
}

/// When a subscription hangs up and comes back.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The pauses between tries that fail.
    pub backoff: Backoff,
    /// A stream that says nothing for so long is dead. The service says something every 25 s.
    pub silence: Duration,
    /// Updates that are kept for an application that is slow, 1 or more. A batch of events has about 32 KiB.
    pub buffer: usize,
}

impl Default for Pace {
    /// Pauses of up to 10 s; 55 s of silence; 64 updates.
    fn default() -> Self {
        Self {
            backoff: Backoff { first: Duration::from_millis(200), most: Duration::from_secs(10) },
            silence: Duration::from_secs(55),
            buffer: 64,
        }
    }
}

impl<N: Send + 'static> Subscription<N> {
    /// Begins to read. Must be called in a tokio runtime.
    pub(crate) fn to(source: impl Source<News = N>, tokens: TokenSource, pace: Pace) -> Self {
        let (give, updates) = mpsc::channel(pace.buffer.max(1));
        Self { updates, reader: tokio::spawn(reader::Reader::new(source, tokens, pace, give).run()) }
    }

    /// The next update; none after the last. Can be cancelled without loss.
    pub async fn next(&mut self) -> Option<Update<N>> {
        self.updates.recv().await
    }
}

impl<N> Stream for Subscription<N> {
    type Item = Update<N>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update<N>>> {
        self.updates.poll_recv(context)
    }
}

impl<N> Drop for Subscription<N> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
