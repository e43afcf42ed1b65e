//! The words of this service: threads, messages, events and who sees them.

mod event;
mod horizon;
mod message;
mod opt_out;
mod text;
mod thread;

use std::fmt;

use chassis::refusal::Refusal;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

pub use self::event::{Event, Payload};
pub use self::horizon::{Horizon, Mark};
pub use self::message::{Author, AuthorKind, Delivery, DeliveryStatus, Message, MessageKind};
pub use self::opt_out::{OptOutWord, opt_out_word};
pub use self::text::{AttachmentId, Body, BusinessNumber, ClientMessageId, ContactNumber, ProviderMessageId, ReadReason};
pub use self::thread::{Position, Thread, ThreadState, ThreadView};

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

impl ThreadId {
    /// Takes a thread id as a caller wrote it.
    pub fn parse(field: &str, text: &str) -> Result<Self, Refusal> {
        parse_uuid(field, text).map(Self)
    }
}

/// Takes an id that the service made, as a caller wrote it.
pub fn parse_uuid(field: &str, text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::invalid(field, "must be a UUID"))
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
