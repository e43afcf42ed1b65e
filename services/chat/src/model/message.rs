//! Messages: who wrote what, and how far it has come.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

use super::{AttachmentId, Audience, Body, PersonId, PersonKind};

/// The side that wrote a message, or did something.
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
    /// Nobody.
    System,
}

/// Who wrote a message, or did something, as they were called then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The side.
    pub kind: AuthorKind,
    /// The person; none for the customer and the system.
    pub person: Option<PersonId>,
    /// Their name; empty for the customer and the system.
    pub name: String,
}

/// What a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MessageKind {
    /// From or to the customer.
    #[default]
    Text,
    /// Among colleagues.
    Note,
    /// Sent to the customer by another system.
    Automated,
}

/// How far a text to the customer has come, in this order; the last three are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryStatus {
    /// On disk.
    Queued,
    /// The provider has it.
    Accepted,
    /// The carrier has it.
    Sent,
    /// The phone has it.
    Delivered,
    /// The carrier could not deliver it.
    Undelivered,
    /// It was not sent.
    Failed,
}

/// The sending of a text to the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How far it has come.
    pub status: DeliveryStatus,
    /// What was said of a failure.
    pub error: String,
    /// Which sending: 1 for the first.
    pub attempt: u32,
}

/// A message, as it is now.
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
    /// What it is.
    pub kind: MessageKind,
    /// Who sees it.
    pub audience: Audience,
    /// Media.
    pub attachments: Vec<AttachmentId>,
    /// How far it has come, if it is for the customer.
    pub delivery: Option<Delivery>,
    /// When it was committed, in microseconds since 1970.
    pub created_at: i64,
}

impl Author {
    /// The customer.
    pub fn customer() -> Self {
        Self { kind: AuthorKind::Customer, person: None, name: String::new() }
    }

    /// Nobody.
    pub fn system() -> Self {
        Self { kind: AuthorKind::System, person: None, name: String::new() }
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

impl DeliveryStatus {
    /// Nothing follows it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Undelivered | Self::Failed)
    }

    /// It went wrong, and can be sent again (rule R42).
    pub fn has_failed(self) -> bool {
        matches!(self, Self::Undelivered | Self::Failed)
    }

    /// Whether a report of `next` takes it further: reports come in any order, and twice.
    pub fn moves_to(self, next: Self) -> bool {
        !self.is_final() && next > self
    }
}

#[cfg(test)]
mod tests {
    use super::DeliveryStatus::{Accepted, Delivered, Failed, Queued, Sent, Undelivered};

    #[test]
    fn a_status_moves_forward_only_and_a_final_one_stays() {
        let all = [Queued, Accepted, Sent, Delivered, Undelivered, Failed];
        for (index, from) in all.into_iter().enumerate() {
            for (next_index, to) in all.into_iter().enumerate() {
                assert_eq!(from.moves_to(to), index < 3 && next_index > index, "{from:?} to {to:?}");
            }
        }
    }
}
