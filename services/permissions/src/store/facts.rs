//! The facts that decide access, read from the rows.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::changes::{ChangedFacts, Touched};
use super::entities::{appointment_assignments as assignments, jobs, people, roles, tenants};
use super::rows::revision;
use crate::decision::Facts;
use crate::error::Error;
use crate::model::{JobFacts, JobId, JobStatus, Permissions, Person, PersonFacts, PersonId, Role, Tenant, TenantId};

/// One person, and one job that they may be on.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub person: PersonId,
    /// Where; an office employee needs none.
    pub job: Option<JobId>,
}

/// All facts of one tenant.
#[derive(Clone, Debug)]
pub struct TenantSnapshot {
    /// Which.
    pub tenant: Tenant,
    /// The revision of the tenant's newest change.
    pub last_revision: u64,
    /// Everybody.
    pub people: Vec<PersonFacts>,
    /// Every job that somebody is on.
    pub jobs: Vec<JobFacts>,
}

/// All facts of some tenants at one revision.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The epoch of the database.
    pub epoch: u64,
    /// The revision.
    pub revision: u64,
    /// The tenants.
    pub tenants: Vec<TenantSnapshot>,
}

impl Store {
    /// What the decision looks at for each question, all at the one revision that comes with it.
    pub async fn facts(&self, tenant: &TenantId, questions: &[Question]) -> Result<(Vec<Facts>, u64), Error> {
        let tx = self.db.read().await?;
        let newest = revision(super::head(&tx).await?.revision);
        let row = super::tenants::open(&tx, tenant).await?;
        let mut found = Vec::with_capacity(questions.len());
        for question in questions {
            let (on_job, job_ended) = match &question.job {
                Some(job) => (is_on_job(&tx, tenant, &question.person, job).await?, has_ended(&tx, tenant, job).await?),
                None => (false, false),
            };
            let person = person_facts(&tx, tenant, &question.person).await?;
            found.push(Facts { tenant: row.facts(), person, on_job, job_ended });
        }
        Ok((found, newest))
    }

    /// The jobs that a technician is on, after the job `after`, at most `limit`.
    pub async fn jobs_of(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<JobId>, Error> {
        let tx = self.db.read().await?;
        let mut query = assignments::Entity::find()
            .select_only()
            .column(assignments::Column::JobId)
            .distinct()
            .filter(assignments::Column::TenantId.eq(tenant.as_str()))
            .filter(assignments::Column::TechnicianId.eq(person.as_str()))
            .filter(assignments::Column::Active.eq(true));
        if let Some(after) = after {
            query = query.filter(assignments::Column::JobId.gt(after));
        }
        let jobs: Vec<String> = query.order_by_asc(assignments::Column::JobId).limit(limit).into_tuple().all(&tx).await?;
        Ok(jobs.into_iter().map(JobId::trusted).collect())
    }

    /// Who is on a job.
    pub async fn technicians_of(&self, tenant: &TenantId, job: &JobId) -> Result<Vec<PersonId>, Error> {
        let tx = self.db.read().await?;
        Ok(job_facts(&tx, tenant, job).await?.technicians)
    }

    /// All facts of the tenants for which `wanted` holds.
    pub async fn snapshot(&self, wanted: impl Fn(&str) -> bool) -> Result<Snapshot, Error> {
        let tx = self.db.read().await?;
        let head = super::head(&tx).await?;
        let mut found = Vec::new();
        for row in tenants::Entity::find().order_by_asc(tenants::Column::TenantId).all(&tx).await? {
            if wanted(&row.tenant_id) {
                found.push(tenant_snapshot(&tx, row).await?);
            }
        }
        Ok(Snapshot { epoch: revision(head.epoch), revision: revision(head.revision), tenants: found })
    }

    /// The epoch of this database.
    pub async fn epoch(&self) -> Result<u64, Error> {
        Ok(revision(super::head(&self.db.read().await?).await?.epoch))
    }
}

/// The present facts of everything that a change touched.
pub(super) async fn of(db: &impl ConnectionTrait, tenant: &TenantId, touched: &Touched) -> Result<ChangedFacts, Error> {
    let mut changed = ChangedFacts::default();
    if touched.tenant {
        let row = tenants::Entity::find_by_id(tenant.as_str()).one(db).await?.ok_or(Error::TenantNotAllowed)?;
        changed.tenant = Some(Tenant::try_from(row)?.facts());
    }
    for person in &touched.people {
        changed.people.extend(person_facts(db, tenant, person).await?);
    }
    for job in &touched.jobs {
        changed.jobs.push(job_facts(db, tenant, job).await?);
    }
    Ok(changed)
}

async fn person_facts(db: &impl ConnectionTrait, tenant: &TenantId, person: &PersonId) -> Result<Option<PersonFacts>, Error> {
    let id = (tenant.as_str().to_owned(), person.as_str().to_owned());
    let Some(row) = people::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
    let person = Person::try_from(row)?;
    let role = (tenant.as_str().to_owned(), person.role.as_str().to_owned());
    let role: Role = roles::Entity::find_by_id(role).one(db).await?.ok_or(Error::Corrupt("people.role_id"))?.into();
    Ok(Some(person.facts(role.defaults)))
}

async fn is_on_job(db: &impl ConnectionTrait, tenant: &TenantId, person: &PersonId, job: &JobId) -> Result<bool, Error> {
    let found = assignments::Entity::find()
        .filter(assignments::Column::TenantId.eq(tenant.as_str()))
        .filter(assignments::Column::TechnicianId.eq(person.as_str()))
        .filter(assignments::Column::JobId.eq(job.as_str()))
        .filter(assignments::Column::Active.eq(true))
        .one(db)
        .await?;
    Ok(found.is_some())
}

async fn has_ended(db: &impl ConnectionTrait, tenant: &TenantId, job: &JobId) -> Result<bool, Error> {
    let id = (tenant.as_str().to_owned(), job.as_str().to_owned());
    match jobs::Entity::find_by_id(id).one(db).await? {
        Some(row) => Ok(status(&row)?.ended()),
        None => Ok(false),
    }
}

async fn job_facts(db: &impl ConnectionTrait, tenant: &TenantId, job: &JobId) -> Result<JobFacts, Error> {
    let technicians: Vec<String> = assignments::Entity::find()
        .select_only()
        .column(assignments::Column::TechnicianId)
        .distinct()
        .filter(assignments::Column::TenantId.eq(tenant.as_str()))
        .filter(assignments::Column::JobId.eq(job.as_str()))
        .filter(assignments::Column::Active.eq(true))
        .order_by_asc(assignments::Column::TechnicianId)
        .into_tuple()
        .all(db)
        .await?;
    let technicians = technicians.into_iter().map(PersonId::trusted).collect();
    Ok(JobFacts { job: job.clone(), technicians, ended: has_ended(db, tenant, job).await? })
}

async fn tenant_snapshot(db: &impl ConnectionTrait, row: tenants::Model) -> Result<TenantSnapshot, Error> {
    let last_revision = revision(row.last_revision);
    let tenant = Tenant::try_from(row)?;
    let id = tenant.id.as_str();

    let roles = roles::Entity::find().filter(roles::Column::TenantId.eq(id)).all(db).await?;
    let defaults: BTreeMap<String, Permissions> =
        roles.into_iter().map(|row| (row.role_id.clone(), Role::from(row).defaults)).collect();
    let mut everybody = Vec::new();
    for row in people::Entity::find().filter(people::Column::TenantId.eq(id)).all(db).await? {
        let person = Person::try_from(row)?;
        let defaults = defaults.get(person.role.as_str()).ok_or(Error::Corrupt("people.role_id"))?;
        everybody.push(person.facts(*defaults));
    }

    let active = assignments::Entity::find()
        .filter(assignments::Column::TenantId.eq(id))
        .filter(assignments::Column::Active.eq(true))
        .all(db)
        .await?;
    let mut crews: BTreeMap<String, Vec<PersonId>> = BTreeMap::new();
    for row in active {
        crews.entry(row.job_id).or_default().push(PersonId::trusted(row.technician_id));
    }
    let mut jobs = Vec::new();
    for row in jobs::Entity::find().filter(jobs::Column::TenantId.eq(id)).all(db).await? {
        let ended = status(&row)?.ended();
        if let Some(mut technicians) = crews.remove(&row.job_id) {
            technicians.sort();
            technicians.dedup();
            jobs.push(JobFacts { job: JobId::trusted(row.job_id), technicians, ended });
        }
    }
    Ok(TenantSnapshot { tenant, last_revision, people: everybody, jobs })
}

fn status(row: &jobs::Model) -> Result<JobStatus, Error> {
    row.status.parse().map_err(|_| Error::Corrupt("jobs.status"))
}
