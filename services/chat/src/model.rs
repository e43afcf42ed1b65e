//! The words of this service: threads, messages, events and who sees them.

use std::fmt;

use chassis::refusal::Refusal;
use chassis::text::{is_e164, is_visible_ascii};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use uuid::Uuid;

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

/// A customer's number in E.164 form. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ContactNumber(String);

/// The text of a message. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Body(String);

/// What a client calls a message that it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMessageId(String);

/// What a provider calls a text that it delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMessageId(String);

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

impl ContactNumber {
    /// Takes a number as a caller wrote it.
    pub fn parse(field: &str, text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        if is_e164(&text) { Ok(Self(text)) } else { Err(Refusal::invalid(field, "must be E.164: + and 7 to 15 digits")) }
    }

    /// Takes a number that was checked before it was stored.
    pub fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All but the last four digits hidden (choice A22).
    pub fn masked(&self) -> String {
        let shown = self.0.len().saturating_sub(4);
        self.0.char_indices().map(|(index, digit)| if index == 0 || index >= shown { digit } else { '*' }).collect()
    }
}

impl Body {
    /// The most that a person may write, in characters (rule R50 and the providers' limit).
    const MAX_WRITTEN: usize = 1_600;
    /// The most that a customer's text may have: providers join long ones, and none may be lost.
    const MAX_RECEIVED: usize = 16_000;

    /// Takes a text that a person wrote.
    pub fn written(field: &str, text: String) -> Result<Self, Refusal> {
        if text.trim().is_empty() || text.chars().count() > Self::MAX_WRITTEN {
            return Err(Refusal::invalid(field, "must be 1 to 1,600 characters and not only white space"));
        }
        if text.chars().any(is_unprintable) {
            return Err(Refusal::invalid(field, "must hold no control characters but line breaks and tabs"));
        }
        Ok(Self(text))
    }

    /// Takes a customer's text, which must not be lost for a character that somebody mis-decoded: what cannot be shown is replaced.
    pub fn received(field: &str, text: &str) -> Result<Self, Refusal> {
        if text.chars().count() > Self::MAX_RECEIVED {
            return Err(Refusal::invalid(field, "must be at most 16,000 characters"));
        }
        Ok(Self(
            text.chars()
                .map(|character| if is_unprintable(character) { char::REPLACEMENT_CHARACTER } else { character })
                .collect(),
        ))
    }

    /// Takes a text that was checked before it was stored.
    pub fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_unprintable(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\r' | '\t')
}

impl ClientMessageId {
    /// Takes an id as a caller wrote it.
    pub fn parse(field: &str, text: String) -> Result<Self, Refusal> {
        visible_ascii(field, text, 64).map(Self)
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ProviderMessageId {
    /// Takes an id as a caller wrote it.
    pub fn parse(field: &str, text: String) -> Result<Self, Refusal> {
        visible_ascii(field, text, 128).map(Self)
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn visible_ascii(field: &str, text: String, limit: usize) -> Result<String, Refusal> {
    if is_visible_ascii(&text, limit) {
        Ok(text)
    } else {
        Err(Refusal::invalid(field, format!("must be 1 to {limit} visible ASCII characters")))
    }
}

impl fmt::Debug for ContactNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ContactNumber(..)")
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Body({} bytes)", self.0.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_number_shows_its_last_four_digits() {
        let number = ContactNumber::parse("n", "+15550100123").expect("good");
        assert_eq!(number.masked(), "+*******0123");
    }

    #[test]
    fn a_body_is_printable_and_within_its_limit_in_characters() {
        let parse = |text: &str| Body::written("body", text.to_owned());
        for good in ["x", "two\nlines\twith tab", &"ü".repeat(1_600)] {
            assert!(parse(good).is_ok());
        }
        for bad in ["", " \n\t", &"ü".repeat(1_601), "null\0byte", "bell\u{7}"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_customers_text_is_taken_as_it_comes_but_for_what_cannot_be_shown() {
        assert_eq!(Body::received("body", "I\u{92}m here\n").expect("taken").as_str(), "I\u{fffd}m here\n");
        assert!(Body::received("body", "").is_ok());
        assert!(Body::received("body", &"x".repeat(16_001)).is_err());
    }

    #[test]
    fn neither_body_nor_number_shows_in_debug_output() {
        let body = Body::trusted("canary".into());
        let number = ContactNumber::trusted("+15550100123".into());
        assert!(!format!("{body:?} {number:?}").contains("canary"));
        assert!(!format!("{body:?} {number:?}").contains("555"));
    }
}
