//! The words of this service: threads, messages, events and who sees them.

mod text;

use std::fmt;

use chassis::refusal::Refusal;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

pub use self::text::{Body, ClientMessageId, ContactNumber, ProviderMessageId};

chassis::external_id!(
    /// A company.
    TenantId
);
chassis::external_id!(
    /// A technician or office employee.
    PersonId
);
chassis::external_id!(
    /// A record of work for a customer.
    JobId
);
chassis::external_id!(
    /// An SMS provider.
    Provider
);

/// A thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(pub Uuid);

/// A thread of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThreadKey {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub thread: ThreadId,
}

/// Open or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ThreadState {
    /// Can be written to.
    Open,
    /// Hidden from technicians, read-only for the office (rule R28).
    Closed,
}

/// Who an event is for. Each audience sees a chain of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Audience {
    /// The office alone.
    Office,
    /// The office and the technicians of the job.
    Crew,
}

/// The kind of person that a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PersonKind {
    /// Works in the field.
    Technician,
    /// Works in the office.
    Office,
}

/// The side that wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AuthorKind {
    /// The customer.
    Customer,
    /// A technician of the job.
    Technician,
    /// An office employee.
    Office,
}

/// Who wrote a message, as they were called then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The side.
    pub kind: AuthorKind,
    /// The person; none for the customer.
    pub person: Option<PersonId>,
    /// Their name; empty for the customer.
    pub name: String,
}

/// A thread, as its row is.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Which.
    pub id: ThreadId,
    /// The job; none for a thread of the office alone.
    pub job: Option<JobId>,
    /// The customer's number.
    pub contact: ContactNumber,
    /// Open or closed.
    pub state: ThreadState,
    /// The newest event.
    pub head: Position,
    /// The newest event that the crew sees.
    pub crew_head: Position,
    /// Everything up to here has been trimmed.
    pub floor: Position,
    /// When it was started, in microseconds since 1970.
    pub created_at: i64,
    /// When its newest event was committed.
    pub updated_at: i64,
}

/// A place in a chain of events: after the event with this number, whose random tag is `tag`. Before the first both are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The event's number.
    pub seq: u64,
    /// The event's tag. If the database is restored and numbers are used again, the tags differ.
    pub tag: i64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: Uuid,
    /// The event that brought it.
    pub seq: u64,
    /// Who wrote it.
    pub author: Author,
    /// The text.
    pub body: Body,
    /// When it was committed, in microseconds since 1970.
    pub created_at: i64,
}

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

/// What happened in a thread.
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
    },
}

impl ThreadId {
    /// Takes a thread id as a caller wrote it.
    pub fn parse(field: &str, text: &str) -> Result<Self, Refusal> {
        text.parse().map(Self).map_err(|_| Refusal::invalid(field, "must be a UUID"))
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl PersonKind {
    /// Whose events such a person sees.
    pub fn audience(self) -> Audience {
        match self {
            Self::Technician => Audience::Crew,
            Self::Office => Audience::Office,
        }
    }
}

impl Audience {
    /// Whether somebody of this audience sees an event that is for `audience`: the office sees all.
    pub fn sees(self, audience: Audience) -> bool {
        self == Self::Office || audience == Self::Crew
    }
}

impl Author {
    /// The customer.
    pub fn customer() -> Self {
        Self { kind: AuthorKind::Customer, person: None, name: String::new() }
    }

    /// A technician or office employee.
    pub fn person(kind: PersonKind, person: PersonId, name: String) -> Self {
        let kind = match kind {
            PersonKind::Technician => AuthorKind::Technician,
            PersonKind::Office => AuthorKind::Office,
        };
        Self { kind, person: Some(person), name }
    }
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
        match &self.payload {
            Payload::MessagePosted { author, body, .. } => size_of::<Self>() + author.name.len() + body.as_str().len(),
        }
    }
}

impl Thread {
    /// The newest event that `audience` sees.
    pub fn head_for(&self, audience: Audience) -> Position {
        match audience {
            Audience::Office => self.head,
            Audience::Crew => self.crew_head,
        }
    }

    /// The oldest event that can be served.
    pub fn first_available(&self) -> u64 {
        self.floor.seq + 1
    }
}
