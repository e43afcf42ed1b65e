//! Compares what is beside the log with the log: threads, messages and texts out must be the fold of the events.

use std::collections::BTreeMap;

use chassis::db::{DatabaseUrl, Db};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entities::{messages, outbound, thread_events, threads};
use super::rows::stored;
use crate::error::Error;
use crate::fold::{Folded, Sending};
use crate::model::{Event, Message, Thread};

/// Threads that are listed at a time, and events that are read at a time.
const PAGE: u64 = 1_000;

/// What was looked at.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Threads.
    pub threads: u64,
    /// Events.
    pub events: u64,
    /// What is not as it must be, in words without contents.
    pub findings: Vec<String>,
}

/// Looks at every thread of a database, each at one moment, also while a service uses it. Tells `progress` now and then.
pub async fn verify(url: &DatabaseUrl, mut progress: impl FnMut(&Verified)) -> Result<Verified, Error> {
    let db = Db::open_to_read(url).await?;
    let mut verified = Verified::default();
    let mut after = (String::new(), Uuid::nil());
    loop {
        let keys = keys_after(&db, &after).await?;
        let Some(last) = keys.last() else { break };
        after = last.clone();
        for (tenant, thread) in &keys {
            let tx = db.read().await?;
            let found = match verify_thread(&tx, tenant, *thread, &mut verified.events).await {
                Err(Error::Corrupt(column)) => vec![format!("the column {column} holds what it cannot hold")],
                found => found?,
            };
            verified.findings.extend(found.into_iter().map(|what| format!("tenant {tenant}, thread {thread}: {what}")));
            verified.threads += 1;
        }
        progress(&verified);
    }
    let orphans = orphans(&db).await?;
    verified.findings.extend(orphans.into_iter().map(|thread| format!("thread {thread} has events and is not there")));
    db.close().await;
    Ok(verified)
}

async fn keys_after(db: &Db, (tenant, thread): &(String, Uuid)) -> Result<Vec<(String, Uuid)>, Error> {
    let same_tenant =
        sea_orm::Condition::all().add(threads::Column::TenantId.eq(tenant.as_str())).add(threads::Column::ThreadId.gt(*thread));
    let keys = threads::Entity::find()
        .select_only()
        .columns([threads::Column::TenantId, threads::Column::ThreadId])
        .filter(sea_orm::Condition::any().add(threads::Column::TenantId.gt(tenant.as_str())).add(same_tenant))
        .order_by_asc(threads::Column::TenantId)
        .order_by_asc(threads::Column::ThreadId)
        .limit(PAGE)
        .into_tuple()
        .all(&db.read().await?)
        .await?;
    Ok(keys)
}

/// Threads that are gone while their events are there; a page of them is enough to know.
async fn orphans(db: &Db) -> Result<Vec<Uuid>, Error> {
    let event = |column: thread_events::Column| Expr::col((thread_events::Entity, column));
    let thread = Query::select()
        .expr(Expr::val(1))
        .from(threads::Entity)
        .and_where(Expr::col((threads::Entity, threads::Column::TenantId)).eq(event(thread_events::Column::TenantId)))
        .and_where(Expr::col((threads::Entity, threads::Column::ThreadId)).eq(event(thread_events::Column::ThreadId)))
        .to_owned();
    let query = thread_events::Entity::find()
        .select_only()
        .column(thread_events::Column::ThreadId)
        .filter(thread_events::Column::Seq.eq(1_i64))
        .filter(Expr::exists(thread).not())
        .limit(PAGE);
    Ok(query.into_tuple().all(&db.read().await?).await?)
}

async fn verify_thread(db: &impl ConnectionTrait, tenant: &str, id: Uuid, events: &mut u64) -> Result<Vec<String>, Error> {
    let key = (tenant.to_owned(), id);
    let Some(row) = threads::Entity::find_by_id(key).one(db).await? else { return Ok(Vec::new()) };
    let has_open_key = row.open_key.is_some();
    let thread = Thread::try_from(row)?;
    let mut folded = Folded::default();
    loop {
        let page = thread_events::Entity::find()
            .filter(thread_events::Column::TenantId.eq(tenant))
            .filter(thread_events::Column::ThreadId.eq(id))
            .filter(thread_events::Column::Seq.gt(stored(folded.head.seq)))
            .order_by_asc(thread_events::Column::Seq)
            .limit(PAGE)
            .all(db)
            .await?;
        if page.is_empty() {
            break;
        }
        for row in page {
            folded.take(Event::try_from(row)?);
            *events += 1;
        }
    }
    let mut findings = std::mem::take(&mut folded.broken);
    findings.extend(differences(&thread, has_open_key, &folded).into_iter().map(|column| format!("threads.{column} differs")));
    findings.extend(verify_messages(db, tenant, id, &folded).await?);
    findings.extend(verify_outbound(db, tenant, &thread, &folded).await?);
    Ok(findings)
}

/// The columns of a thread that are not what its events make them.
fn differences(thread: &Thread, has_open_key: bool, folded: &Folded) -> Vec<&'static str> {
    let is_open = folded.state == crate::model::ThreadState::Open;
    [
        ("head", thread.head == folded.head),
        ("crew", thread.crew_head == folded.crew_head),
        ("state", thread.state == folded.state),
        ("open_key", has_open_key == is_open),
        ("closed_at", thread.closed_at == folded.closed_at),
        ("job_id", folded.moved_to.as_ref().is_none_or(|job| thread.job == *job)),
        ("crew_floor_seq", thread.crew_floor == folded.crew_floor),
        ("crew_floor_inbound", thread.crew_floor_inbound == folded.crew_floor_inbound),
        ("inbound_count", thread.inbound_count == folded.inbound_count),
        ("last_message_seq", thread.last_message == folded.last_message),
        ("crew_last_message_seq", thread.crew_last_message == folded.crew_last_message),
    ]
    .into_iter()
    .filter_map(|(column, same)| (!same).then_some(column))
    .collect()
}

async fn verify_messages(db: &impl ConnectionTrait, tenant: &str, id: Uuid, folded: &Folded) -> Result<Vec<String>, Error> {
    let rows = messages::Entity::find()
        .filter(messages::Column::TenantId.eq(tenant))
        .filter(messages::Column::ThreadId.eq(id))
        .all(db)
        .await?;
    let mut found: BTreeMap<u64, (Message, u64)> = BTreeMap::new();
    for row in rows {
        let inbound = row.inbound_count.unsigned_abs();
        let message = Message::try_from(row)?;
        found.insert(message.seq, (message, inbound));
    }
    Ok(unequal("message", &folded.messages, &found))
}

async fn verify_outbound(
    db: &impl ConnectionTrait,
    tenant: &str,
    thread: &Thread,
    folded: &Folded,
) -> Result<Vec<String>, Error> {
    let rows = outbound::Entity::find()
        .filter(outbound::Column::TenantId.eq(tenant))
        .filter(outbound::Column::ThreadId.eq(thread.id.0))
        .all(db)
        .await?;
    let strays = rows.iter().filter(|row| row.contact_number != thread.contact.as_str());
    let strays: Vec<String> = strays.map(|row| format!("text out {} is for another number", row.token)).collect();
    let sending = |row: outbound::Model| {
        let sending = Sending {
            message: row.message_id,
            seq: row.seq.unsigned_abs(),
            attempt: row.attempt.unsigned_abs(),
            waiting: row.waiting,
        };
        (row.token, sending)
    };
    let unequal = unequal("text out", &folded.sendings, &rows.into_iter().map(sending).collect());
    Ok(strays.into_iter().chain(unequal).collect())
}

fn unequal<K: Ord + std::fmt::Display, V: PartialEq>(
    what: &str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
) -> Vec<String> {
    let wrong = expected.iter().filter_map(|(key, value)| match found.get(key) {
        None => Some(format!("{what} {key} is missing")),
        Some(other) if other != value => Some(format!("{what} {key} differs")),
        Some(_) => None,
    });
    let surplus = found.keys().filter(|key| !expected.contains_key(key)).map(|key| format!("{what} {key} is in no event"));
    wrong.chain(surplus).collect()
}
