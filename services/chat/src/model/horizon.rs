//! What a person has read of a thread: a state of their own, no event (choice A6).

use super::{Audience, Thread};

/// How far a person has read. Never read: all is unread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Everything up to here has been read. Only ever moves forward.
    pub seq: u64,
    /// How many of the customer's texts that is.
    pub inbound: u64,
    /// Set by the person over it, until they read again.
    pub marked_unread: Option<Mark>,
}

/// Where a person wants a thread to count as unread from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Everything up to here counts as read.
    pub seq: u64,
    /// How many of the customer's texts that is.
    pub inbound: u64,
}

impl Horizon {
    /// Reads up to the event `seq`, by which the customer had written `inbound` texts.
    pub fn read_to(self, seq: u64, inbound: u64) -> Self {
        let (seq, inbound) = if seq > self.seq { (seq, inbound) } else { (self.seq, self.inbound) };
        Self { seq, inbound, marked_unread: None }
    }

    /// Counts as unread what follows the event `seq`, by which the customer had written `inbound` texts.
    pub fn unread_after(self, seq: u64, inbound: u64) -> Self {
        Self { marked_unread: Some(Mark { seq, inbound }), ..self }
    }

    /// Everything up to here counts as read.
    pub fn counts_from(self) -> u64 {
        self.marked_unread.map_or(self.seq, |mark| mark.seq)
    }

    /// How many of the customer's texts count as read.
    pub fn inbound_read(self) -> u64 {
        self.marked_unread.map_or(self.inbound, |mark| mark.inbound)
    }

    /// The customer's texts that are left. What is hidden from the crew does not count for it.
    pub fn unread(self, thread: &Thread, audience: Audience) -> u64 {
        let hidden = match audience {
            Audience::Office => 0,
            Audience::Crew => thread.crew_floor_inbound,
        };
        thread.inbound_count.saturating_sub(self.inbound_read().max(hidden))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_horizon_moves_forward_only() {
        let read = Horizon::default().read_to(5, 2);
        assert_eq!((read.seq, read.inbound), (5, 2));
        assert_eq!(read.read_to(3, 1), read);
        assert_eq!(read.read_to(9, 4).inbound_read(), 4);
    }

    #[test]
    fn a_mark_as_unread_counts_until_the_next_read_whatever_that_reads() {
        let marked = Horizon::default().read_to(5, 2).unread_after(1, 0);
        assert_eq!((marked.counts_from(), marked.inbound_read()), (1, 0));
        let read = marked.read_to(2, 1);
        assert_eq!((read.counts_from(), read.inbound_read()), (5, 2));
    }
}
