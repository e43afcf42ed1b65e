//! What callers write: numbers, bodies, and the ids that they give to messages.

use std::fmt;

use chassis::refusal::Refusal;
use chassis::text::{is_e164, is_storable, is_visible_ascii};
use serde::{Deserialize, Serialize};

/// A customer's number in E.164 form. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ContactNumber(String);

/// A number of the tenant in E.164 form, or empty where the gateway chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BusinessNumber(String);

/// Media that the gateway knows how to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttachmentId(String);

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

/// Why an operator looks at something of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReason(String);

impl ReadReason {
    const MAX_CHARS: usize = 200;

    /// Takes a reason as the operator wrote it.
    pub fn parse(field: &str, text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        let fits = !text.trim().is_empty() && text.chars().count() <= Self::MAX_CHARS && is_storable(&text);
        if fits { Ok(Self(text)) } else { Err(Refusal::invalid(field, "must be 1 to 200 characters, without NUL")) }
    }

    /// The reason.
    pub fn as_str(&self) -> &str {
        &self.0
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

impl BusinessNumber {
    /// Takes a number as a caller wrote it, or nothing.
    pub fn parse(field: &str, text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        let fits = text.is_empty() || is_e164(&text);
        if fits { Ok(Self(text)) } else { Err(Refusal::invalid(field, "must be E.164: + and 7 to 15 digits, or empty")) }
    }

    /// Takes a number that was checked before it was stored.
    pub fn trusted(text: String) -> Self {
        Self(text)
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the gateway chooses.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AttachmentId {
    /// The most that a message may have.
    const MAX: usize = 10;

    /// Takes an id as a caller wrote it.
    pub fn parse(field: &str, text: String) -> Result<Self, Refusal> {
        visible_ascii(field, text, 128).map(Self)
    }

    /// Takes the ids of one message.
    pub fn parse_all(field: &str, texts: Vec<String>) -> Result<Vec<Self>, Refusal> {
        if texts.len() > Self::MAX {
            return Err(Refusal::invalid(field, "must be at most 10"));
        }
        texts.into_iter().enumerate().map(|(index, text)| Self::parse(&format!("{field}[{index}]"), text)).collect()
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
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

    /// Takes the text beside attachments: it may be empty.
    pub fn caption(field: &str, text: String) -> Result<Self, Refusal> {
        if text.is_empty() { Ok(Self(text)) } else { Self::written(field, text) }
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
