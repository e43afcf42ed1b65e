//! A reader of a thread's stream, which checks with every event what every stream must keep: no gap, no double, a chain.

use std::time::Instant;

use chat::event::Payload;
use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use std::time::Duration;

use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use tonic::{Status, Streaming};

use crate::refusals::reason_of;
use crate::running::PATIENCE;

/// Shorter than the shortest time to a heartbeat, at which a stream looks at its access anyway.
const CUT_WITHIN: Duration = Duration::from_secs(10);

pub struct Reader {
    stream: Streaming<chat::WatchThreadResponse>,
    /// The number of the newest event; where it began, before the first.
    pub seq: u64,
    /// The bodies so far.
    pub bodies: Vec<String>,
    /// The events so far.
    pub events: Vec<chat::Event>,
    /// Some events of the thread are not for this person: the numbers have gaps, the chain has none.
    pub gaps: bool,
    /// The newest cursor.
    pub cursor: String,
}

impl Reader {
    pub async fn open(party: &Party, thread: &str) -> Self {
        Self::open_at(party, thread, Position::AfterSeq(0)).await
    }

    pub async fn open_at(party: &Party, thread: &str, position: Position) -> Self {
        Self::try_open_at(party, thread, position).await.expect("a stream")
    }

    pub async fn try_open_at(party: &Party, thread: &str, position: Position) -> Result<Self, Status> {
        let seq = match position {
            Position::AfterSeq(seq) => seq,
            // Which number a cursor stands for is the server's: the first event tells.
            Position::Cursor(_) => u64::MAX,
        };
        let watch = chat::WatchThreadRequest {
            thread_id: thread.into(),
            position: Some(position),
            stop_at_head: false,
            ..Default::default()
        };
        let stream = party.threads().watch_thread(watch).await?.into_inner();
        Ok(Self { seq, ..Self::over(stream) })
    }

    /// Of a stream from the beginning.
    pub fn over(stream: Streaming<chat::WatchThreadResponse>) -> Self {
        Self { stream, seq: 0, bodies: Vec::new(), events: Vec::new(), gaps: false, cursor: String::new() }
    }

    /// From the beginning, of a thread with events that are not for everybody.
    pub async fn with_gaps(party: &Party, thread: &str) -> Self {
        Self { gaps: true, ..Self::open(party, thread).await }
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Result<Option<Frame>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("a frame within the limit")?;
        let frame = next.map(|response| response.frame.expect("a frame that says something"));
        match &frame {
            Some(Frame::Events(batch)) => self.take(batch),
            Some(Frame::CaughtUp(caught_up)) => {
                if self.seq != u64::MAX && !self.gaps {
                    assert_eq!(caught_up.seq, self.seq, "caught up where the events end");
                }
                self.cursor.clone_from(&caught_up.cursor);
            }
            Some(Frame::Closing(closing)) => self.cursor.clone_from(&closing.cursor),
            Some(Frame::Reset(_)) => self.forget(),
            _ => {}
        }
        Ok(frame)
    }

    /// Reads until the event `seq` has come. Anything but events and signs of life on the way is an error.
    pub async fn read_to(&mut self, seq: u64) {
        let mut newest_at = Instant::now();
        while self.seq < seq || self.seq == u64::MAX {
            match self.frame().await.expect("a stream that lives") {
                Some(Frame::Events(_)) => newest_at = Instant::now(),
                // Heartbeats come for ever.
                Some(Frame::Opened(_) | Frame::CaughtUp(_) | Frame::Progress(_) | Frame::Presence(_))
                    if newest_at.elapsed() < PATIENCE => {}
                other => panic!("{other:?} before event {seq}; the newest was {}", self.seq),
            }
        }
    }

    /// Reads until the event `seq` has come, however often the stream has to hold on the way.
    pub async fn hold_and_read_to(&mut self, seq: u64) {
        while self.seq < seq {
            self.until(|frame| matches!(frame, Frame::Events(_)).then_some(())).await;
        }
    }

    /// Reads until a frame for which `wanted` gives something.
    pub async fn until<T>(&mut self, wanted: impl Fn(&Frame) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let frame = self.frame().await.expect("a stream that lives").expect("a stream that goes on");
            if let Some(found) = wanted(&frame) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "still not there: {frame:?}");
        }
    }

    /// Reads to the end: the reasons that `Closing` and the status gave.
    pub async fn end(&mut self) -> (chat::ClosingReason, String) {
        let closing = self.until(|frame| if let Frame::Closing(closing) = frame { Some(closing.reason()) } else { None }).await;
        let status = self.frame().await.expect_err("a status after the last frame");
        (closing, reason_of(&status))
    }

    /// Reads to the end, which must be this one.
    pub async fn assert_ends(mut self, closing: chat::ClosingReason, status: &str) {
        let end = tokio::time::timeout(CUT_WITHIN, self.end()).await.expect("told before the heartbeat would have found out");
        assert_eq!((end.0, end.1.as_str()), (closing, status));
    }

    /// Reads until an event of this kind has come.
    pub async fn read_until<T>(&mut self, wanted: impl Fn(&Payload) -> Option<T>) -> T {
        let began = Instant::now();
        let mut looked_at = 0;
        loop {
            let found = self.events[looked_at..].iter().find_map(|event| event.payload.as_ref().and_then(&wanted));
            if let Some(found) = found {
                return found;
            }
            looked_at = self.events.len();
            assert!(began.elapsed() < PATIENCE, "still not there: the newest is {:?}", self.events.last());
            self.frame().await.expect("a stream that lives").expect("a stream that goes on");
        }
    }

    /// What is held of the thread is no longer its history; which number the next event follows is the server's to tell.
    fn forget(&mut self) {
        self.seq = u64::MAX;
        self.bodies.clear();
        self.events.clear();
    }

    fn take(&mut self, batch: &chat::EventBatch) {
        assert!(!batch.events.is_empty(), "an empty batch");
        for event in &batch.events {
            if self.seq == u64::MAX {
                self.seq = event.prev_seq;
            }
            assert_eq!(event.prev_seq, self.seq, "the chain of {}", event.seq);
            assert!(event.seq == self.seq + 1 || (self.gaps && event.seq > self.seq), "{} after {}", event.seq, self.seq);
            self.seq = event.seq;
            if let Payload::MessagePosted(message) = event.payload.as_ref().expect("an event of a kind") {
                assert_eq!(message.seq, event.seq);
                self.bodies.push(message.body.clone());
            }
            self.events.push(event.clone());
        }
        self.cursor.clone_from(&batch.cursor);
    }
}
