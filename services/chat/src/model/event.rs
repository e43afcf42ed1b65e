//! Events: what happens in a thread, in its order.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AttachmentId, Audience, Author, Body, BusinessNumber, DeliveryStatus, JobId, MessageKind, Position};

/// An event, as its row is.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number and tag.
    pub at: Position,
    /// Who it is for.
    pub audience: Audience,
    /// The event before it that the office sees.
    pub office_prev: Position,
    /// The event before it that the crew sees.
    pub crew_prev: Position,
    /// When it was committed, in microseconds since 1970.
    pub committed_at: i64,
    /// What happened.
    pub payload: Payload,
}

/// What happened in a thread. Fields that came later have a default for the events from before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    /// Somebody wrote.
    MessagePosted {
        /// The message's id.
        message_id: Uuid,
        /// Who.
        author: Author,
        /// What.
        body: Body,
        /// Text, note or notification.
        #[serde(default)]
        message_kind: MessageKind,
        /// Media.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<AttachmentId>,
        /// Names the sending, if it is for the customer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outbound: Option<Uuid>,
        /// The number that the customer texted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        business: Option<BusinessNumber>,
    },
    /// A text to the customer has come further; QUEUED: it is sent again.
    DeliveryUpdated {
        /// The message.
        message_id: Uuid,
        /// The event that brought it.
        message_seq: u64,
        /// How far.
        status: DeliveryStatus,
        /// What was said of a failure.
        error: String,
        /// Which sending.
        attempt: u32,
        /// Names the sending.
        outbound: Uuid,
    },
    /// The thread was closed.
    ThreadClosed {
        /// By whom.
        actor: Author,
    },
    /// The thread was opened again.
    ThreadReopened {
        /// By whom.
        actor: Author,
    },
    /// The thread belongs to another job now.
    ThreadMoved {
        /// By whom.
        actor: Author,
        /// The job before.
        from: Option<JobId>,
        /// The job now.
        to: Option<JobId>,
        /// What lies before is hidden from the crew.
        floor: bool,
    },
    /// The customer opted out of texts from the thread's business number, or in again.
    OptOutChanged {
        /// By whom.
        actor: Author,
        /// Out or in.
        opted_out: bool,
    },
}

impl Event {
    /// The event before it that `audience` sees.
    pub fn prev(&self, audience: Audience) -> Position {
        match audience {
            Audience::Office => self.office_prev,
            Audience::Crew => self.crew_prev,
        }
    }

    /// About how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        let text = match &self.payload {
            Payload::MessagePosted { author, body, attachments, .. } => {
                let attachments: usize = attachments.iter().map(|id| id.as_str().len()).sum();
                author.name.len() + body.as_str().len() + attachments
            }
            Payload::DeliveryUpdated { error, .. } => error.len(),
            Payload::ThreadClosed { actor }
            | Payload::ThreadReopened { actor }
            | Payload::ThreadMoved { actor, .. }
            | Payload::OptOutChanged { actor, .. } => actor.name.len(),
        };
        size_of::<Self>() + text
    }
}
