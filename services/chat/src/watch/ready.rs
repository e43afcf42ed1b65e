//! What a stream has read and not yet handed out.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::Event;

/// Events in one frame.
pub const BATCH: usize = 64;
/// Bytes in one frame, about; one event may be larger.
const BATCH_BYTES: usize = 32 * 1024;

/// Events that follow the cursor, in order, and how far they were looked for.
#[derive(Debug, Default)]
pub struct Ready {
    events: VecDeque<Arc<Event>>,
    scanned_to: u64,
}

impl Ready {
    /// All events up to `scanned_to` that the audience sees.
    pub fn new(events: impl Iterator<Item = Arc<Event>>, scanned_to: u64) -> Self {
        Self { events: events.collect(), scanned_to }
    }

    /// Whether everything has been taken.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// What lies between the last of the events and this number is for another audience.
    pub fn scanned_to(&self) -> u64 {
        self.scanned_to
    }

    /// Takes as much as fits into a frame: at least one event, if there is one.
    pub fn take_batch(&mut self) -> Vec<Arc<Event>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(event) = self.events.front() {
            bytes += event.weight();
            if batch.len() == BATCH || (bytes > BATCH_BYTES && !batch.is_empty()) {
                break;
            }
            batch.extend(self.events.pop_front());
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::{Audience, Author, Body, MessageKind, Payload, Position};

    fn ready(bodies: impl Iterator<Item = String>) -> Ready {
        let event = |(index, body): (u64, String)| {
            let payload = Payload::MessagePosted {
                message_id: Uuid::nil(),
                author: Author::customer(),
                body: Body::trusted(body),
                message_kind: MessageKind::Text,
                attachments: Vec::new(),
                outbound: None,
                business: None,
            };
            let (office_prev, crew_prev) = (Position::default(), Position::default());
            let at = Position { seq: index + 1, tag: 1 };
            Arc::new(Event { at, audience: Audience::Crew, office_prev, crew_prev, committed_at: 0, payload })
        };
        Ready::new((0..).zip(bodies).map(event), 0)
    }

    #[test]
    fn a_frame_holds_at_most_64_events() {
        let mut ready = ready((0..100).map(|_| "x".to_owned()));
        assert_eq!((ready.take_batch().len(), ready.take_batch().len(), ready.is_empty()), (64, 36, true));
    }

    #[test]
    fn a_frame_holds_about_32_kib_and_at_least_one_event() {
        let mut ready = ready([20, 20, 100, 1].into_iter().map(|kib: usize| "x".repeat(kib * 1024)));
        let batches: Vec<usize> = std::iter::from_fn(|| Some(ready.take_batch().len()).filter(|taken| *taken > 0)).collect();
        assert_eq!(batches, [1, 1, 1, 1]);
    }
}
