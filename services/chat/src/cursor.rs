//! Where a stream goes on.
//!
//! A cursor is a thread, a sequence number and the random tag of the newest event at or before it that the audience sees. The next
//! event that it sees must name that tag as its predecessor's: if it does not, the history is another one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chassis::refusal::Refusal;
use uuid::Uuid;

use crate::model::{Position, ThreadId};

/// A position in a thread, as one audience sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Everything up to here has been sent.
    pub seq: u64,
    /// The tag; `None` where the client named a number alone, and whatever is found there counts.
    pub tag: Option<i64>,
}

impl Cursor {
    /// Before the first event.
    pub const START: Self = Self { seq: 0, tag: Some(0) };

    /// After the event with this number, without its tag.
    pub fn after(seq: u64) -> Self {
        if seq == 0 { Self::START } else { Self { seq, tag: None } }
    }

    /// At a position that the store gave.
    pub fn at(position: Position) -> Self {
        Self { seq: position.seq, tag: Some(position.tag) }
    }

    /// Whether an event with this predecessor can follow.
    pub fn fits(self, prev: Position) -> bool {
        self.tag.is_none_or(|tag| tag == prev.tag)
    }

    /// As clients keep it.
    pub fn seal(self, thread: ThreadId) -> String {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(thread.0.as_bytes());
        bytes[16..24].copy_from_slice(&self.seq.to_be_bytes());
        bytes[24..].copy_from_slice(&self.tag.unwrap_or(-1).to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// As clients bring it back.
    pub fn open(field: &str, text: &str, thread: ThreadId) -> Result<Self, Refusal> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let invalid = || Refusal::invalid(field, "must be a cursor that a stream of this thread gave");
        let bytes = bytes.ok_or_else(invalid)?;
        let (id, rest) = bytes.split_first_chunk::<16>().ok_or_else(invalid)?;
        let (seq, tag) = rest.split_first_chunk::<8>().ok_or_else(invalid)?;
        let tag = i64::from_be_bytes(tag.try_into().map_err(|_| invalid())?);
        if Uuid::from_bytes(*id) != thread.0 {
            return Err(invalid());
        }
        Ok(Self { seq: u64::from_be_bytes(*seq), tag: (tag >= 0).then_some(tag) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given() {
        let thread = ThreadId(Uuid::from_u128(7));
        for cursor in [Cursor::START, Cursor::after(12), Cursor { seq: u64::MAX, tag: Some(i64::MAX) }] {
            assert_eq!(Cursor::open("cursor", &cursor.seal(thread), thread).expect("good"), cursor);
        }
    }

    #[test]
    fn a_damaged_cursor_or_one_of_another_thread_is_refused() {
        let thread = ThreadId(Uuid::from_u128(7));
        let sealed = Cursor::START.seal(thread);
        for bad in ["", "x", &sealed[1..], &Cursor::START.seal(ThreadId(Uuid::from_u128(8)))] {
            assert!(Cursor::open("cursor", bad, thread).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_event_follows_only_the_predecessor_that_it_names() {
        let prev = Position { seq: 3, tag: 99 };
        assert!(Cursor { seq: 3, tag: Some(99) }.fits(prev));
        assert!(!Cursor { seq: 3, tag: Some(98) }.fits(prev));
        assert!(Cursor::after(3).fits(prev));
    }
}
