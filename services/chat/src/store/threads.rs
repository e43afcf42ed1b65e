//! Threads.

use chassis::db::WriteTx;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

use super::Store;
use super::entities::threads;
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{ContactNumber, JobId, TenantId, Thread, ThreadId, ThreadState};

impl Store {
    /// A thread of the tenant.
    pub async fn thread(&self, tenant: &TenantId, id: ThreadId) -> Result<Option<Thread>, Error> {
        find(&self.db.read().await?, tenant, id).await?.map(Thread::try_from).transpose()
    }

    /// Starts a thread about `job` with `contact`.
    pub async fn start_thread(&self, permit: Permit, job: Option<JobId>, contact: ContactNumber) -> Result<Thread, Error> {
        let tx = self.db.write().await?;
        hold(&tx, permit.tenant(), &contact).await?;
        let open = threads::Entity::find()
            .filter(threads::Column::TenantId.eq(permit.tenant().as_str()))
            .filter(threads::Column::OpenKey.eq(open_key(job.as_ref(), &contact)))
            .one(&*tx)
            .await?;
        if let Some(open) = open {
            return Err(Error::OpenThreadExists(ThreadId(open.thread_id)));
        }
        let row = self.insert(&*tx, permit.tenant(), job, contact).await?;
        permit.confirm()?;
        tx.commit().await?;
        row.try_into()
    }

    /// A new, open thread without events.
    pub(super) async fn insert(
        &self,
        db: &impl ConnectionTrait,
        tenant: &TenantId,
        job: Option<JobId>,
        contact: ContactNumber,
    ) -> Result<threads::Model, Error> {
        let now = self.clock.wall_micros();
        let row = threads::Model {
            tenant_id: tenant.as_str().to_owned(),
            thread_id: self.ids.uuid(),
            open_key: Some(open_key(job.as_ref(), &contact)),
            job_id: job.map(|job| job.as_str().to_owned()),
            contact_number: contact.as_str().to_owned(),
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
        };
        threads::Entity::insert(row.clone().into_active_model()).exec_without_returning(db).await?;
        Ok(row)
    }
}

/// The open threads with a number.
pub(super) async fn open_with(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    contact: &ContactNumber,
) -> Result<Vec<Thread>, Error> {
    let rows = threads::Entity::find()
        .filter(threads::Column::TenantId.eq(tenant.as_str()))
        .filter(threads::Column::ContactNumber.eq(contact.as_str()))
        .filter(threads::Column::OpenKey.is_not_null())
        .all(db)
        .await?;
    rows.into_iter().map(Thread::try_from).collect()
}

/// Holds a number against other writers: which of its threads are open is decided by one at a time.
pub(super) async fn hold(tx: &WriteTx, tenant: &TenantId, contact: &ContactNumber) -> Result<(), Error> {
    Ok(tx.hold(&format!("contact/{tenant}/{}", contact.as_str())).await?)
}

pub(super) async fn find(db: &impl ConnectionTrait, tenant: &TenantId, id: ThreadId) -> Result<Option<threads::Model>, Error> {
    Ok(threads::Entity::find_by_id((tenant.as_str().to_owned(), id.0)).one(db).await?)
}

/// The same, held against other writers until the transaction ends: the thread's numbers are taken under this lock.
pub(super) async fn lock(db: &impl ConnectionTrait, tenant: &TenantId, id: ThreadId) -> Result<Option<threads::Model>, Error> {
    Ok(threads::Entity::find_by_id((tenant.as_str().to_owned(), id.0)).lock_exclusive().one(db).await?)
}

/// Writes back what an append changes.
pub(super) async fn advance(db: &impl ConnectionTrait, row: &threads::Model) -> Result<(), Error> {
    let head = threads::ActiveModel {
        tenant_id: Set(row.tenant_id.clone()),
        thread_id: Set(row.thread_id),
        head_seq: Set(row.head_seq),
        head_tag: Set(row.head_tag),
        crew_seq: Set(row.crew_seq),
        crew_tag: Set(row.crew_tag),
        inbound_count: Set(row.inbound_count),
        updated_at: Set(row.updated_at),
        ..Default::default()
    };
    threads::Entity::update(head).exec(db).await?;
    Ok(())
}

/// The thread key: one thread is open per job and number, and one without a job per number.
fn open_key(job: Option<&JobId>, contact: &ContactNumber) -> String {
    format!("{}/{}", job.map_or("", JobId::as_str), contact.as_str())
}
