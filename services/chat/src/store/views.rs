//! Threads as one person sees them: with what they have read, the newest message, and whether the customer wants texts.

use std::collections::HashMap;
use std::fmt;

use sea_orm::Order;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::Store;
use super::entities::{messages, opt_outs, read_horizons, threads};
use super::rows::stored;
use crate::access::guard::Subject;
use crate::error::Error;
use crate::model::{
    Audience, BusinessNumber, ContactNumber, Horizon, JobId, Message, PersonKind, Thread, ThreadId, ThreadState, ThreadView,
};

/// Which threads a person asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this job.
    pub job: Option<JobId>,
    /// Only in this state.
    pub state: Option<ThreadState>,
    /// Only with this number.
    pub contact: Option<ContactNumber>,
    /// Only with texts that the person has not read.
    pub unread_only: bool,
}

/// A place in the list of threads, the newest event first: after the thread that was changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// When.
    pub updated_at: i64,
    /// Which of those.
    pub thread: ThreadId,
}

/// The jobs whose open threads the person sees; none for somebody who needs no job.
pub type VisibleJobs = Option<Vec<JobId>>;

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let job = self.job.as_ref().map_or("", JobId::as_str);
        let state = self.state.map_or("", Into::into);
        let contact = self.contact.as_ref().map_or("", ContactNumber::as_str);
        write!(formatter, "{job}/{state}/{contact}/{}", self.unread_only)
    }
}

impl Filter {
    /// Whether a thread belongs to what was asked for.
    pub fn fits(&self, view: &ThreadView) -> bool {
        let thread = &view.thread;
        self.job.as_ref().is_none_or(|job| thread.job.as_ref() == Some(job))
            && self.state.is_none_or(|state| thread.state == state)
            && self.contact.as_ref().is_none_or(|contact| thread.contact == *contact)
            && (!self.unread_only || view.unread() > 0)
    }
}

impl Store {
    /// One thread as this person sees it.
    pub async fn view(&self, subject: &Subject, id: ThreadId) -> Result<Option<ThreadView>, Error> {
        Ok(self.views_of(subject, &[id]).await?.pop())
    }

    /// These threads, those that are there, as this person sees them: of one moment.
    pub async fn views_of(&self, subject: &Subject, ids: &[ThreadId]) -> Result<Vec<ThreadView>, Error> {
        let tx = self.db.read().await?;
        let rows = of_tenant(subject).filter(threads::Column::ThreadId.is_in(ids.iter().map(|id| id.0))).all(&tx).await?;
        views(&tx, subject, rows).await
    }

    /// The open threads of a job, and what the person has not read of each.
    pub async fn open_of_job(&self, subject: &Subject, job: &JobId) -> Result<Vec<(Thread, u64)>, Error> {
        let tx = self.db.read().await?;
        let open = of_tenant(subject)
            .filter(threads::Column::JobId.eq(job.as_str()))
            .filter(threads::Column::State.eq(<&str>::from(ThreadState::Open)));
        let threads: Vec<Thread> = open.all(&tx).await?.into_iter().map(Thread::try_from).collect::<Result<_, _>>()?;
        let horizons = horizons(&tx, subject, &threads).await?;
        let unread = |thread: Thread| {
            let horizon = horizons.get(&thread.id.0).copied().unwrap_or_default();
            let unread = horizon.unread(&thread, subject.kind.audience());
            (thread, unread)
        };
        Ok(threads.into_iter().map(unread).collect())
    }

    /// The threads behind `after` that fit, the newest event first, at most `limit`.
    pub async fn list_threads(
        &self,
        subject: &Subject,
        jobs: &VisibleJobs,
        filter: &Filter,
        after: Option<ListPlace>,
        limit: u64,
    ) -> Result<Vec<ThreadView>, Error> {
        let tx = self.db.read().await?;
        let mut query = of_tenant(subject);
        if let Some(jobs) = jobs {
            let jobs = jobs.iter().filter(|job| filter.job.as_ref().is_none_or(|only| only == *job));
            query = query
                .filter(threads::Column::JobId.is_in(jobs.map(JobId::as_str)))
                .filter(threads::Column::State.eq(<&str>::from(ThreadState::Open)));
        } else if let Some(job) = &filter.job {
            query = query.filter(threads::Column::JobId.eq(job.as_str()));
        }
        if let Some(state) = filter.state {
            query = query.filter(threads::Column::State.eq(<&str>::from(state)));
        }
        if let Some(contact) = &filter.contact {
            query = query.filter(threads::Column::ContactNumber.eq(contact.as_str()));
        }
        if filter.unread_only {
            query = query.filter(has_unread(subject));
        }
        // Where few threads fit, SQLite must find those rather than walk through all in their order: it has no index for a sum.
        let is_narrow = jobs.is_some() || filter.job.is_some() || filter.contact.is_some();
        let column = Expr::col((threads::Entity, threads::Column::UpdatedAt));
        let updated = if is_narrow { column.add(0_i64) } else { column };
        let id = Expr::col((threads::Entity, threads::Column::ThreadId));
        if let Some(after) = after {
            let place = Expr::tuple([updated.clone(), id.clone()]);
            query = query.filter(place.lt(Expr::tuple([Expr::val(after.updated_at), Expr::val(after.thread.0)])));
        }
        let rows = query.order_by(updated, Order::Desc).order_by(id, Order::Desc).limit(limit).all(&tx).await?;
        views(&tx, subject, rows).await
    }
}

fn of_tenant(subject: &Subject) -> Select<threads::Entity> {
    threads::Entity::find().filter(threads::Column::TenantId.eq(subject.tenant.as_str()))
}

/// The same as [`ThreadView::unread`] being more than zero, for the database.
fn has_unread(subject: &Subject) -> Condition {
    let column = |column: threads::Column| Expr::col((threads::Entity, column));
    let horizon = |column: read_horizons::Column| Expr::col((read_horizons::Entity, column));
    let read_all = Query::select()
        .expr(Expr::val(1))
        .from(read_horizons::Entity)
        .and_where(horizon(read_horizons::Column::TenantId).eq(subject.tenant.as_str()))
        .and_where(horizon(read_horizons::Column::PersonId).eq(subject.person.as_str()))
        .and_where(horizon(read_horizons::Column::ThreadId).eq(column(threads::Column::ThreadId)))
        .and_where(horizon(read_horizons::Column::InboundRead).gte(column(threads::Column::InboundCount)))
        .to_owned();
    let hidden = match subject.kind {
        PersonKind::Office => Expr::val(0_i64),
        PersonKind::Technician => column(threads::Column::CrewFloorInbound),
    };
    Condition::all().add(column(threads::Column::InboundCount).gt(hidden)).add(Expr::exists(read_all).not())
}

/// The rows as the person sees them, in their order. The number of statements does not depend on that of the rows.
async fn views(db: &impl ConnectionTrait, subject: &Subject, rows: Vec<threads::Model>) -> Result<Vec<ThreadView>, Error> {
    let audience = subject.kind.audience();
    let threads: Vec<Thread> = rows.into_iter().map(Thread::try_from).collect::<Result<_, _>>()?;
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let horizons = horizons(db, subject, &threads).await?;
    let mut newest = newest_messages(db, subject, audience, &threads).await?;
    let opted_out = opted_out(db, subject, &threads).await?;
    let view = |thread: Thread| ThreadView {
        horizon: horizons.get(&thread.id.0).copied().unwrap_or_default(),
        opted_out: opted_out.get(thread.contact.as_str()).is_some_and(|refused| concerns(refused, &thread.business)),
        last_message: newest.remove(&thread.id.0),
        audience,
        thread,
    };
    Ok(threads.into_iter().map(view).collect())
}

async fn horizons(db: &impl ConnectionTrait, subject: &Subject, threads: &[Thread]) -> Result<HashMap<Uuid, Horizon>, Error> {
    if threads.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = read_horizons::Entity::find()
        .filter(read_horizons::Column::TenantId.eq(subject.tenant.as_str()))
        .filter(read_horizons::Column::PersonId.eq(subject.person.as_str()))
        .filter(read_horizons::Column::ThreadId.is_in(threads.iter().map(|thread| thread.id.0)))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.thread_id, row.into())).collect())
}

async fn newest_messages(
    db: &impl ConnectionTrait,
    subject: &Subject,
    audience: Audience,
    threads: &[Thread],
) -> Result<HashMap<Uuid, Message>, Error> {
    let places: Vec<(Uuid, i64)> = threads
        .iter()
        .map(|thread| (thread.id.0, stored(thread.last_message_for(audience))))
        .filter(|(_, seq)| *seq > 0)
        .collect();
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let key = Expr::tuple([Expr::col(messages::Column::ThreadId), Expr::col(messages::Column::Seq)]);
    let rows = messages::Entity::find()
        .filter(messages::Column::TenantId.eq(subject.tenant.as_str()))
        .filter(key.in_tuples(places))
        .all(db)
        .await?;
    rows.into_iter().map(|row| Ok((row.thread_id, row.try_into()?))).collect()
}

/// The numbers of the tenant that each of these customers refuses.
async fn opted_out(
    db: &impl ConnectionTrait,
    subject: &Subject,
    threads: &[Thread],
) -> Result<HashMap<String, Vec<String>>, Error> {
    let rows = opt_outs::Entity::find()
        .filter(opt_outs::Column::TenantId.eq(subject.tenant.as_str()))
        .filter(opt_outs::Column::ContactNumber.is_in(threads.iter().map(|thread| thread.contact.as_str())))
        .filter(opt_outs::Column::OptedOut.eq(true))
        .all(db)
        .await?;
    let mut refused: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows {
        refused.entry(row.contact_number).or_default().push(row.business_number);
    }
    Ok(refused)
}

/// Whether one of these refusals is of this number; of one that is not known it may be.
fn concerns(refused: &[String], business: &BusinessNumber) -> bool {
    business.is_empty() || refused.iter().any(|number| number == business.as_str())
}
