//! The event log: appended under the lock of the thread's row, read in pages.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::entities::{thread_events, threads};
use super::rows::{position, stored};
use crate::error::Error;
use crate::model::{Audience, Event, Payload, Thread, ThreadKey};

/// A page of events, and the thread as it was when they were read: one snapshot.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// The thread.
    pub thread: Thread,
    /// The events that the audience sees, in order.
    pub events: Vec<Event>,
}

impl Store {
    /// The events after `after` that `audience` sees, at most `limit`; `None` if there is no such thread.
    pub async fn events(&self, key: &ThreadKey, audience: Audience, after: u64, limit: u64) -> Result<Option<EventPage>, Error> {
        let tx = self.db.read().await?;
        let Some(row) = super::threads::find(&tx, &key.tenant, key.thread).await? else { return Ok(None) };
        let mut query = thread_events::Entity::find()
            .filter(thread_events::Column::TenantId.eq(key.tenant.as_str()))
            .filter(thread_events::Column::ThreadId.eq(key.thread.0))
            .filter(thread_events::Column::Seq.gt(stored(after)));
        if audience == Audience::Crew {
            query = query.filter(thread_events::Column::Audience.eq(<&str>::from(Audience::Crew)));
        }
        let rows = query.order_by_asc(thread_events::Column::Seq).limit(limit).all(&tx).await?;
        let events = rows.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
        Ok(Some(EventPage { thread: row.try_into()?, events }))
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
