//! What a thread must look like by its events alone: a pure function. The tables beside the log are caches of this, and are
//! compared with it.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::model::{Audience, AuthorKind, Delivery, DeliveryStatus, Event, JobId, Message, Payload, Position, ThreadState};

/// A thread, as its events made it.
#[derive(Debug)]
pub struct Folded {
    /// The newest event.
    pub head: Position,
    /// The newest event that the crew sees.
    pub crew_head: Position,
    /// Open or closed.
    pub state: ThreadState,
    /// When it was closed last; 0 for never.
    pub closed_at: i64,
    /// The job that it was moved to last, if it ever was.
    pub moved_to: Option<Option<JobId>>,
    /// What lies up to here is hidden from the crew.
    pub crew_floor: u64,
    /// How many of the customer's texts that is.
    pub crew_floor_inbound: u64,
    /// The customer's texts.
    pub inbound_count: u64,
    /// The newest message.
    pub last_message: u64,
    /// The newest message that is for the crew.
    pub crew_last_message: u64,
    /// The messages as they are now, and the customer's texts counted up to each.
    pub messages: BTreeMap<u64, (Message, u64)>,
    /// The sendings, by token.
    pub sendings: BTreeMap<Uuid, Sending>,
    /// Where the log itself is not one.
    pub broken: Vec<String>,
}

/// A sending of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The message.
    pub message: Uuid,
    /// The event that brought it.
    pub seq: u64,
    /// Which time.
    pub attempt: u32,
    /// It is for the gateway.
    pub waiting: bool,
}

impl Default for Folded {
    fn default() -> Self {
        Self {
            head: Position::default(),
            crew_head: Position::default(),
            state: ThreadState::Open,
            closed_at: 0,
            moved_to: None,
            crew_floor: 0,
            crew_floor_inbound: 0,
            inbound_count: 0,
            last_message: 0,
            crew_last_message: 0,
            messages: BTreeMap::new(),
            sendings: BTreeMap::new(),
            broken: Vec::new(),
        }
    }
}

impl Folded {
    /// Takes the next event in.
    pub fn take(&mut self, event: Event) {
        let seq = event.at.seq;
        if seq != self.head.seq + 1 {
            self.broken.push(format!("event {seq} follows {}", self.head.seq));
        }
        if event.office_prev != self.head || event.crew_prev != self.crew_head {
            self.broken.push(format!("event {seq} names other predecessors than it has"));
        }
        let before = self.head;
        self.head = event.at;
        if event.audience == Audience::Crew {
            self.crew_head = event.at;
        }
        match event.payload {
            Payload::MessagePosted { message_id, author, body, message_kind, attachments, outbound, .. } => {
                if author.kind == AuthorKind::Customer {
                    self.inbound_count += 1;
                }
                self.last_message = seq;
                if event.audience == Audience::Crew {
                    self.crew_last_message = seq;
                }
                let delivery = outbound.map(|token| {
                    self.sendings.insert(token, Sending { message: message_id, seq, attempt: 1, waiting: true });
                    Delivery { status: DeliveryStatus::Queued, error: String::new(), attempt: 1 }
                });
                let message = Message {
                    id: message_id,
                    seq,
                    author,
                    body,
                    kind: message_kind,
                    audience: event.audience,
                    attachments,
                    delivery,
                    created_at: event.committed_at,
                };
                self.messages.insert(seq, (message, self.inbound_count));
            }
            Payload::DeliveryUpdated { message_id, message_seq, status, error, attempt, outbound } => {
                let known = self.messages.get_mut(&message_seq).filter(|(message, _)| message.id == message_id);
                let Some(delivery) = known.and_then(|(message, _)| message.delivery.as_mut()) else {
                    self.broken.push(format!("event {seq} is about a message that was not to be sent"));
                    return;
                };
                let again = status == DeliveryStatus::Queued && delivery.status.has_failed() && attempt == delivery.attempt + 1;
                if !again && !delivery.status.moves_to(status) {
                    self.broken.push(format!("event {seq} takes a delivery back"));
                }
                *delivery = Delivery { status, error, attempt };
                let waiting = status == DeliveryStatus::Queued;
                self.sendings.insert(outbound, Sending { message: message_id, seq: message_seq, attempt, waiting });
            }
            Payload::ThreadClosed { .. } => (self.state, self.closed_at) = (ThreadState::Closed, event.committed_at),
            Payload::ThreadReopened { .. } => self.state = ThreadState::Open,
            Payload::ThreadMoved { to, floor, .. } => {
                self.moved_to = Some(to);
                if floor {
                    (self.crew_floor, self.crew_floor_inbound) = (before.seq, self.inbound_count);
                }
            }
            Payload::OptOutChanged { .. } => {}
        }
    }
}
