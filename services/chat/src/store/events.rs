//! The event log: appended under the lock of the thread's row, read in pages.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::entities::{thread_events, threads};
use super::rows::{position, stored};
use crate::error::Error;
use crate::model::{Audience, Event, Payload, Thread, ThreadKey};

/// Rows in one page.
const PAGE_ROWS: u64 = 200;
/// Bytes in one page, about: a stream that nobody reads holds one. A single event may be larger.
const PAGE_BYTES: usize = 64 * 1024;

/// A page of events, and the thread as it was when they were read: one snapshot.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The thread.
    pub thread: Thread,
    /// The events that the audience sees, in order.
    pub events: Vec<Event>,
    /// Nothing that the audience sees follows them.
    pub is_last: bool,
}

impl Store {
    /// A page of the events after `after` that `audience` sees; `None` if there is no such thread.
    ///
    /// Waits for its turn among the streams that catch up, so that they leave connections to the calls.
    pub async fn events(&self, key: &ThreadKey, audience: Audience, after: u64) -> Result<Option<EventPage>, Error> {
        let _turn = self.turn().await;
        let tx = self.db.read().await?;
        let Some(row) = super::threads::find(&tx, &key.tenant, key.thread).await? else { return Ok(None) };
        let mut query = thread_events::Entity::find()
            .filter(thread_events::Column::TenantId.eq(key.tenant.as_str()))
            .filter(thread_events::Column::ThreadId.eq(key.thread.0))
            .filter(thread_events::Column::Seq.gt(stored(after)));
        if audience == Audience::Crew {
            query = query.filter(thread_events::Column::Audience.eq(<&str>::from(Audience::Crew)));
        }
        let rows = query.order_by_asc(thread_events::Column::Seq).limit(PAGE_ROWS).all(&tx).await?;
        let read = rows.len();
        let mut bytes = 0;
        let mut events = Vec::with_capacity(read);
        for row in rows {
            let event = Event::try_from(row)?;
            bytes += event.weight();
            if bytes > PAGE_BYTES && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        let is_last = events.len() == read && u64::try_from(read).unwrap_or(u64::MAX) < PAGE_ROWS;
        Ok(Some(EventPage { thread: row.try_into()?, events, is_last }))
    }

    /// Appends an event: takes the thread's next number and moves its heads.
    pub(super) async fn append(
        &self,
        db: &impl ConnectionTrait,
        thread: &mut threads::Model,
        audience: Audience,
        access_revision: u64,
        payload: Payload,
    ) -> Result<Event, Error> {
        let event = Event {
            at: position(thread.head_seq + 1, self.ids.tag()),
            audience,
            office_prev: position(thread.head_seq, thread.head_tag),
            crew_prev: position(thread.crew_seq, thread.crew_tag),
            committed_at: self.clock.wall_micros(),
            payload,
        };
        let row = thread_events::ActiveModel {
            tenant_id: Set(thread.tenant_id.clone()),
            thread_id: Set(thread.thread_id),
            seq: Set(stored(event.at.seq)),
            tag: Set(event.at.tag),
            audience: Set(<&str>::from(audience).to_owned()),
            office_prev_seq: Set(thread.head_seq),
            office_prev_tag: Set(thread.head_tag),
            crew_prev_seq: Set(thread.crew_seq),
            crew_prev_tag: Set(thread.crew_tag),
            access_revision: Set(stored(access_revision)),
            committed_at: Set(event.committed_at),
            payload: Set(serde_json::to_string(&event.payload).map_err(|_| Error::Corrupt("thread_events.payload"))?),
        };
        thread_events::Entity::insert(row).exec_without_returning(db).await?;

        (thread.head_seq, thread.head_tag) = (stored(event.at.seq), event.at.tag);
        if audience == Audience::Crew {
            (thread.crew_seq, thread.crew_tag) = (thread.head_seq, thread.head_tag);
        }
        thread.updated_at = event.committed_at;
        Ok(event)
    }
}
