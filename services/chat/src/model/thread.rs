//! Threads: their rows, and what one person sees of them.

use strum::{EnumString, IntoStaticStr};

use super::{Audience, BusinessNumber, ContactNumber, Horizon, JobId, Message, ThreadId};

/// Open or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ThreadState {
    /// Can be written to.
    Open,
    /// Hidden from technicians, read-only for the office (rule R28).
    Closed,
}

/// A place in a chain of events: after the event with this number, whose random tag is `tag`. Before the first both are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The event's number.
    pub seq: u64,
    /// The event's tag. If the database is restored and numbers are used again, the tags differ.
    pub tag: i64,
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
    /// The number of the tenant that it texts from.
    pub business: BusinessNumber,
    /// Open or closed.
    pub state: ThreadState,
    /// The newest event.
    pub head: Position,
    /// The newest event that the crew sees.
    pub crew_head: Position,
    /// Everything up to here has been trimmed.
    pub floor: Position,
    /// Everything up to here is hidden from the crew: the thread was moved.
    pub crew_floor: u64,
    /// How many of the customer's texts are.
    pub crew_floor_inbound: u64,
    /// The customer's texts, counted.
    pub inbound_count: u64,
    /// The newest message; 0 for none.
    pub last_message: u64,
    /// The newest message that is for the crew; 0 for none.
    pub crew_last_message: u64,
    /// When a person last texted the customer, in microseconds since 1970; 0 for never.
    pub last_outbound_at: i64,
    /// When it was closed last; 0 for never.
    pub closed_at: i64,
    /// When it was started, in microseconds since 1970.
    pub created_at: i64,
    /// When its newest event was committed.
    pub updated_at: i64,
}

/// A thread with what one person has read of it.
#[derive(Clone, Debug)]
pub struct ThreadView {
    /// The thread.
    pub thread: Thread,
    /// Who looks.
    pub audience: Audience,
    /// How far they have read.
    pub horizon: Horizon,
    /// The customer wants no texts from the thread's business number.
    pub opted_out: bool,
    /// The newest message that they may see.
    pub last_message: Option<Message>,
}

impl Thread {
    /// The newest event that `audience` sees.
    pub fn head_for(&self, audience: Audience) -> Position {
        match audience {
            Audience::Office => self.head,
            Audience::Crew => self.crew_head,
        }
    }

    /// The oldest event that `audience` can be served.
    pub fn first_available(&self, audience: Audience) -> u64 {
        1 + match audience {
            Audience::Office => self.floor.seq,
            Audience::Crew => self.floor.seq.max(self.crew_floor),
        }
    }

    /// The newest message that `audience` may see; 0 for none.
    pub fn last_message_for(&self, audience: Audience) -> u64 {
        match audience {
            Audience::Office => self.last_message,
            Audience::Crew if self.crew_last_message > self.crew_floor => self.crew_last_message,
            Audience::Crew => 0,
        }
    }
}

impl ThreadView {
    /// The customer's texts that the person has not read.
    pub fn unread(&self) -> u64 {
        self.horizon.unread(&self.thread, self.audience)
    }
}

#[cfg(test)]
impl Thread {
    /// An open thread in which nothing has happened.
    pub fn untouched(id: ThreadId) -> Self {
        Self {
            id,
            job: None,
            contact: ContactNumber::trusted("+15550100".into()),
            business: BusinessNumber::default(),
            state: ThreadState::Open,
            head: Position::default(),
            crew_head: Position::default(),
            floor: Position::default(),
            crew_floor: 0,
            crew_floor_inbound: 0,
            inbound_count: 0,
            last_message: 0,
            crew_last_message: 0,
            last_outbound_at: 0,
            closed_at: 0,
            created_at: 0,
            updated_at: 0,
        }
    }
}
