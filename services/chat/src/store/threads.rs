//! Threads: found, locked, started.

use chassis::db::WriteTx;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::entities::threads;
use super::thread_tx::ThreadTx;
use super::{Done, Store};
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{Audience, BusinessNumber, ContactNumber, JobId, Payload, TenantId, Thread, ThreadId, ThreadState};

/// A thread to start.
#[derive(Clone, Debug)]
pub struct NewThread {
    /// About what.
    pub job: Option<JobId>,
    /// With whom.
    pub contact: ContactNumber,
    /// From which number.
    pub business: BusinessNumber,
}

/// A thread that was started, or opened again.
#[derive(Clone, Debug)]
pub struct Started {
    /// The thread.
    pub thread: Thread,
    /// It was there, and closed.
    pub reopened: bool,
}

impl Store {
    /// A thread of the tenant.
    pub async fn thread(&self, tenant: &TenantId, id: ThreadId) -> Result<Option<Thread>, Error> {
        find(&self.db.read().await?, tenant, id).await?.map(Thread::try_from).transpose()
    }

    /// Starts a thread, or opens the latest closed one of the same job and number.
    pub async fn start_thread(&self, permit: Permit, new: NewThread) -> Result<Done<Started>, Error> {
        let tx = self.db.write().await?;
        let tenant = permit.tenant().clone();
        hold(&tx, &tenant, &new.contact).await?;
        permit.confirm(None)?;
        refuse_second_open(&*tx, &tenant, new.job.as_ref(), &new.contact).await?;
        let closed = with_number(&tenant, &new.contact)
            .filter(match &new.job {
                Some(job) => threads::Column::JobId.eq(job.as_str()),
                None => threads::Column::JobId.is_null(),
            })
            .order_by_desc(threads::Column::ClosedAt)
            .one(&*tx)
            .await?;
        let started = match closed {
            None => {
                let row = self.insert(&*tx, &tenant, new).await?;
                ThreadTx::new(self, tx, row)
            }
            Some(closed) => {
                let row = lock(&*tx, &tenant, ThreadId(closed.thread_id)).await?.ok_or(Error::Corrupt("threads"))?;
                let mut reopened = ThreadTx::new(self, tx, row);
                reopened.open_again(permit.author().clone(), permit.revision()).await?;
                reopened
            }
        };
        let reopened = started.row.head_seq > 0;
        let value = Started { thread: started.thread()?, reopened };
        started.commit(Some(&permit), value).await
    }

    /// A new, open thread without events.
    pub(super) async fn insert(
        &self,
        db: &impl ConnectionTrait,
        tenant: &TenantId,
        new: NewThread,
    ) -> Result<threads::Model, Error> {
        let now = self.clock.wall_micros();
        let row = threads::Model {
            tenant_id: tenant.as_str().to_owned(),
            thread_id: self.ids.uuid(),
            open_key: Some(open_key(new.job.as_ref(), &new.contact)),
            job_id: new.job.map(|job| job.as_str().to_owned()),
            contact_number: new.contact.as_str().to_owned(),
            state: <&str>::from(ThreadState::Open).to_owned(),
            head_seq: 0,
            head_tag: 0,
            crew_seq: 0,
            crew_tag: 0,
            inbound_count: 0,
            floor_seq: 0,
            floor_tag: 0,
            created_at: now,
            updated_at: now,
            business_number: new.business.as_str().to_owned(),
            crew_floor_seq: 0,
            crew_floor_inbound: 0,
            last_message_seq: 0,
            crew_last_message_seq: 0,
            last_outbound_at: 0,
            closed_at: 0,
        };
        threads::Entity::insert(row.clone().into_active_model()).exec_without_returning(db).await?;
        Ok(row)
    }
}

impl ThreadTx<'_> {
    /// Opens a closed thread. Under the lock of its number.
    pub(super) async fn open_again(&mut self, actor: crate::model::Author, access_revision: u64) -> Result<(), Error> {
        let thread = self.thread()?;
        self.append(Audience::Crew, access_revision, Payload::ThreadReopened { actor }).await?;
        self.row.state = <&str>::from(ThreadState::Open).to_owned();
        self.row.open_key = Some(open_key(thread.job.as_ref(), &thread.contact));
        Ok(())
    }
}

/// Holds a number against other writers until the transaction ends: which thread its text belongs to, and whether one may open, is
/// decided by one at a time. Before the lock of any thread.
pub(super) async fn hold(tx: &WriteTx, tenant: &TenantId, contact: &ContactNumber) -> Result<(), Error> {
    Ok(tx.hold(&format!("contact/{tenant}/{}", contact.as_str())).await?)
}

/// Refuses if a thread is open for the key. Under the lock of the number.
pub(super) async fn refuse_second_open(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    job: Option<&JobId>,
    contact: &ContactNumber,
) -> Result<(), Error> {
    match open_with_key(db, tenant, job, contact).await? {
        Some(open) => Err(Error::OpenThreadExists(ThreadId(open.thread_id))),
        None => Ok(()),
    }
}

pub(super) async fn open_with_key(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    job: Option<&JobId>,
    contact: &ContactNumber,
) -> Result<Option<threads::Model>, Error> {
    let query = threads::Entity::find()
        .filter(threads::Column::TenantId.eq(tenant.as_str()))
        .filter(threads::Column::OpenKey.eq(open_key(job, contact)));
    Ok(query.one(db).await?)
}

/// The threads with a number.
pub(super) fn with_number(tenant: &TenantId, contact: &ContactNumber) -> sea_orm::Select<threads::Entity> {
    threads::Entity::find()
        .filter(threads::Column::TenantId.eq(tenant.as_str()))
        .filter(threads::Column::ContactNumber.eq(contact.as_str()))
}

pub(super) async fn find(db: &impl ConnectionTrait, tenant: &TenantId, id: ThreadId) -> Result<Option<threads::Model>, Error> {
    Ok(threads::Entity::find_by_id((tenant.as_str().to_owned(), id.0)).one(db).await?)
}

/// The same, held against other writers until the transaction ends: the thread's numbers are taken under this lock. It is the one that
/// lets others write rows that belong to the thread.
pub(super) async fn lock(db: &impl ConnectionTrait, tenant: &TenantId, id: ThreadId) -> Result<Option<threads::Model>, Error> {
    Ok(threads::Entity::find_by_id((tenant.as_str().to_owned(), id.0)).lock(LockType::NoKeyUpdate).one(db).await?)
}

/// Writes back what a write has changed.
pub(super) async fn write_back(db: &impl ConnectionTrait, row: threads::Model) -> Result<(), Error> {
    threads::Entity::update(row.into_active_model().reset_all()).exec(db).await?;
    Ok(())
}

/// The thread key: one thread is open per job and number, and one without a job per number.
pub(super) fn open_key(job: Option<&JobId>, contact: &ContactNumber) -> String {
    format!("{}/{}", job.map_or("", JobId::as_str), contact.as_str())
}
