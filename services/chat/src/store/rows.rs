//! Rows into the model.

use super::entities::{messages, read_horizons, thread_events, threads};
use crate::error::Error;
use crate::model::{
    Author, Body, BusinessNumber, ContactNumber, Delivery, Event, Horizon, JobId, Mark, Message, PersonId, Position, Thread,
    ThreadId,
};

/// A sequence number as the database takes it; one beyond its range is beyond every row.
pub(super) fn stored(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn position(seq: i64, tag: i64) -> Position {
    Position { seq: seq.unsigned_abs(), tag }
}

impl TryFrom<threads::Model> for Thread {
    type Error = Error;

    fn try_from(row: threads::Model) -> Result<Self, Error> {
        Ok(Self {
            id: ThreadId(row.thread_id),
            job: row.job_id.map(JobId::trusted),
            contact: ContactNumber::trusted(row.contact_number),
            business: BusinessNumber::trusted(row.business_number),
            state: row.state.parse().map_err(|_| Error::Corrupt("threads.state"))?,
            head: position(row.head_seq, row.head_tag),
            crew_head: position(row.crew_seq, row.crew_tag),
            floor: position(row.floor_seq, row.floor_tag),
            crew_floor: row.crew_floor_seq.unsigned_abs(),
            crew_floor_inbound: row.crew_floor_inbound.unsigned_abs(),
            inbound_count: row.inbound_count.unsigned_abs(),
            last_message: row.last_message_seq.unsigned_abs(),
            crew_last_message: row.crew_last_message_seq.unsigned_abs(),
            last_outbound_at: row.last_outbound_at,
            closed_at: row.closed_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl TryFrom<thread_events::Model> for Event {
    type Error = Error;

    fn try_from(row: thread_events::Model) -> Result<Self, Error> {
        Ok(Self {
            at: position(row.seq, row.tag),
            audience: row.audience.parse().map_err(|_| Error::Corrupt("thread_events.audience"))?,
            office_prev: position(row.office_prev_seq, row.office_prev_tag),
            crew_prev: position(row.crew_prev_seq, row.crew_prev_tag),
            committed_at: row.committed_at,
            payload: serde_json::from_str(&row.payload).map_err(|_| Error::Corrupt("thread_events.payload"))?,
        })
    }
}

impl TryFrom<messages::Model> for Message {
    type Error = Error;

    fn try_from(row: messages::Model) -> Result<Self, Error> {
        let delivery = match row.delivery_status.as_str() {
            "" => None,
            status => Some(Delivery {
                status: status.parse().map_err(|_| Error::Corrupt("messages.delivery_status"))?,
                error: row.delivery_error,
                attempt: row.delivery_attempt.unsigned_abs(),
            }),
        };
        Ok(Self {
            id: row.message_id,
            seq: row.seq.unsigned_abs(),
            author: Author {
                kind: row.author_kind.parse().map_err(|_| Error::Corrupt("messages.author_kind"))?,
                person: row.author_id.map(PersonId::trusted),
                name: row.author_name,
            },
            body: Body::trusted(row.body),
            kind: row.kind.parse().map_err(|_| Error::Corrupt("messages.kind"))?,
            audience: row.audience.parse().map_err(|_| Error::Corrupt("messages.audience"))?,
            attachments: serde_json::from_str(&row.attachments).map_err(|_| Error::Corrupt("messages.attachments"))?,
            delivery,
            created_at: row.created_at,
        })
    }
}

impl From<read_horizons::Model> for Horizon {
    fn from(row: read_horizons::Model) -> Self {
        let inbound = row.inbound_read.unsigned_abs();
        let marked_unread = row.marked_seq.map(|seq| Mark { seq: seq.unsigned_abs(), inbound });
        Self { seq: row.seq.unsigned_abs(), inbound: row.inbound.unsigned_abs(), marked_unread }
    }
}
