//! The facts that decide access, read from the rows.

use std::collections::{BTreeMap, BTreeSet};

use chassis::db::Tx;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::changes::{ChangedFacts, Touched};
use super::entities::{appointment_assignments as assignments, jobs, people, roles, tenants};
use super::rows::revision;
use crate::decision::Facts;
use crate::error::Error;
use crate::model::{
    AssignmentStatus, JobFacts, JobId, JobStatus, Overrides, Permissions, Person, PersonFacts, PersonId, Role, Tenant, TenantId,
};

/// One person, and one job that they may be on.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub person: PersonId,
    /// Where; an office employee needs none.
    pub job: Option<JobId>,
}

/// A piece of a tenant's facts, and where the next one begins.
#[derive(Clone, Debug)]
pub struct FactsPage<T> {
    /// The facts.
    pub facts: Vec<T>,
    /// The id after which to go on; none on the last page.
    pub next: Option<String>,
}

/// People in a page.
const PEOPLE_PAGE: u64 = 500;
/// Jobs in a page.
const JOBS_PAGE: u64 = 200;

impl Store {
    /// What the decision looks at for each question, all at the one revision that comes with it.
    pub async fn facts(&self, tenant: &TenantId, questions: &[Question]) -> Result<(Vec<Facts>, u64), Error> {
        judged_in(&self.db.read().await?, tenant, questions).await
    }

    /// Where a person's level comes from: the role's defaults and their own permissions.
    pub async fn level_sources(&self, tenant: &TenantId, person: &PersonId) -> Result<Option<(Permissions, Overrides)>, Error> {
        let tx = self.db.read().await?;
        let id = (tenant.as_str().to_owned(), person.as_str().to_owned());
        let Some(row) = people::Entity::find_by_id(id).one(&tx).await? else { return Ok(None) };
        let person = Person::try_from(row)?;
        Ok(Some((defaults_of(&tx, tenant, &person).await?, person.overrides)))
    }

    /// The jobs that a technician is on, after the job `after`, at most `limit`, with what the decision looks at for each: of one moment.
    pub async fn jobs_of(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        after: Option<&str>,
        limit: u64,
    ) -> Result<(Vec<(JobId, Facts)>, u64), Error> {
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
        let ids: Vec<String> = query.order_by_asc(assignments::Column::JobId).limit(limit).into_tuple().all(&tx).await?;
        let jobs: Vec<JobId> = ids.into_iter().map(JobId::trusted).collect();
        let questions: Vec<Question> =
            jobs.iter().map(|job| Question { person: person.clone(), job: Some(job.clone()) }).collect();
        let (facts, revision) = judged_in(&tx, tenant, &questions).await?;
        Ok((jobs.into_iter().zip(facts).collect(), revision))
    }

    /// Who is on a job, with what the decision looks at for each: of one moment.
    pub async fn technicians_of(&self, tenant: &TenantId, job: &JobId) -> Result<(Vec<(PersonId, Facts)>, u64), Error> {
        let tx = self.db.read().await?;
        let crew = job_facts(&tx, tenant, job).await?.technicians;
        let questions: Vec<Question> =
            crew.iter().map(|person| Question { person: person.clone(), job: Some(job.clone()) }).collect();
        let (facts, revision) = judged_in(&tx, tenant, &questions).await?;
        Ok((crew.into_iter().zip(facts).collect(), revision))
    }

    /// The epoch and the newest revision of this database.
    pub async fn newest(&self) -> Result<(u64, u64), Error> {
        let head = super::head(&self.db.read().await?).await?;
        Ok((revision(head.epoch), revision(head.revision)))
    }

    /// The tenant after `after`, by id, with the revision of the newest change of anything in it.
    pub async fn tenant_after(&self, after: &str) -> Result<Option<(Tenant, u64)>, Error> {
        let query = tenants::Entity::find().filter(tenants::Column::TenantId.gt(after)).order_by_asc(tenants::Column::TenantId);
        let row = query.one(&self.db.read().await?).await?;
        row.map(|row| Ok((Tenant::try_from(row.clone())?, revision(row.last_revision)))).transpose()
    }

    /// A page of the facts of a tenant's people.
    pub async fn people_facts(&self, tenant: &TenantId, after: &str) -> Result<FactsPage<PersonFacts>, Error> {
        let tx = self.db.read().await?;
        let rows = people::Entity::find()
            .filter(people::Column::TenantId.eq(tenant.as_str()))
            .filter(people::Column::PersonId.gt(after))
            .order_by_asc(people::Column::PersonId)
            .limit(PEOPLE_PAGE)
            .all(&tx)
            .await?;
        let next = next(&rows, PEOPLE_PAGE, |row| &row.person_id);
        Ok(FactsPage { facts: with_levels(&tx, tenant, rows).await?, next })
    }

    /// A page of the facts of a tenant's jobs that somebody is on.
    pub async fn jobs_facts(&self, tenant: &TenantId, after: &str) -> Result<FactsPage<JobFacts>, Error> {
        let tx = self.db.read().await?;
        let rows = jobs::Entity::find()
            .filter(jobs::Column::TenantId.eq(tenant.as_str()))
            .filter(jobs::Column::JobId.gt(after))
            .order_by_asc(jobs::Column::JobId)
            .limit(JOBS_PAGE)
            .all(&tx)
            .await?;
        let next = next(&rows, JOBS_PAGE, |row| &row.job_id);
        let active = assignments::Entity::find()
            .filter(assignments::Column::TenantId.eq(tenant.as_str()))
            .filter(assignments::Column::JobId.is_in(rows.iter().map(|row| row.job_id.as_str())))
            .filter(assignments::Column::Active.eq(true))
            .all(&tx)
            .await?;
        let mut crews: BTreeMap<String, Crew> = BTreeMap::new();
        for row in active {
            crews.entry(row.job_id.clone()).or_default().add(row)?;
        }
        let mut facts = Vec::new();
        for row in rows {
            if let Some(crew) = crews.remove(&row.job_id) {
                let ended = status(&row)?.ended();
                facts.push(crew.facts(JobId::trusted(row.job_id), ended));
            }
        }
        Ok(FactsPage { facts, next })
    }
}

fn next<T>(rows: &[T], page: u64, id: impl Fn(&T) -> &String) -> Option<String> {
    let full = u64::try_from(rows.len()).is_ok_and(|read| read == page);
    rows.last().filter(|_| full).map(|last| id(last).clone())
}

/// What the decision looks at for each question, and the revision of the transaction.
async fn judged_in(tx: &Tx, tenant: &TenantId, questions: &[Question]) -> Result<(Vec<Facts>, u64), Error> {
    let newest = revision(super::head(tx).await?.revision);
    let row = super::tenants::any(tx, tenant).await?;
    let mut found = Vec::with_capacity(questions.len());
    for question in questions {
        let (on_job, job_ended) = match &question.job {
            Some(job) => (is_on_job(tx, tenant, &question.person, job).await?, has_ended(tx, tenant, job).await?),
            None => (false, false),
        };
        let person = person_facts(tx, tenant, &question.person).await?;
        found.push(Facts { tenant: row.facts(), person, on_job, job_ended });
    }
    Ok((found, newest))
}

/// The present facts of everything that a change touched.
pub(super) async fn of(db: &impl ConnectionTrait, tenant: &TenantId, touched: &Touched) -> Result<ChangedFacts, Error> {
    let mut changed = ChangedFacts::default();
    match touched {
        Touched::Nothing => {}
        Touched::Tenant => {
            let row = tenants::Entity::find_by_id(tenant.as_str()).one(db).await?.ok_or(Error::TenantNotAllowed)?;
            changed.tenant = Some(Tenant::try_from(row)?.facts());
        }
        Touched::People(people) => {
            // A role's change touches everybody who follows it, while all other writers wait.
            for people in people.chunks(1_000) {
                let rows = people::Entity::find()
                    .filter(people::Column::TenantId.eq(tenant.as_str()))
                    .filter(people::Column::PersonId.is_in(people.iter().map(PersonId::as_str)))
                    .all(db)
                    .await?;
                changed.people.extend(with_levels(db, tenant, rows).await?);
            }
        }
        Touched::Job(job) => changed.jobs.push(job_facts(db, tenant, job).await?),
    }
    Ok(changed)
}

async fn person_facts(db: &impl ConnectionTrait, tenant: &TenantId, person: &PersonId) -> Result<Option<PersonFacts>, Error> {
    let id = (tenant.as_str().to_owned(), person.as_str().to_owned());
    let Some(row) = people::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
    let person = Person::try_from(row)?;
    Ok(Some(person.facts(defaults_of(db, tenant, &person).await?)))
}

async fn defaults_of(db: &impl ConnectionTrait, tenant: &TenantId, person: &Person) -> Result<Permissions, Error> {
    let id = (tenant.as_str().to_owned(), person.role.as_str().to_owned());
    let row = roles::Entity::find_by_id(id).one(db).await?.ok_or(Error::Corrupt("people.role_id"))?;
    Ok(Role::from(row).defaults)
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
    let active = assignments::Entity::find()
        .filter(assignments::Column::TenantId.eq(tenant.as_str()))
        .filter(assignments::Column::JobId.eq(job.as_str()))
        .filter(assignments::Column::Active.eq(true))
        .all(db)
        .await?;
    let mut crew = Crew::default();
    for row in active {
        crew.add(row)?;
    }
    Ok(crew.facts(job.clone(), has_ended(db, tenant, job).await?))
}

/// Who is on a job, folded from its active assignments.
#[derive(Default)]
struct Crew {
    technicians: BTreeSet<PersonId>,
    under_way: bool,
}

impl Crew {
    fn add(&mut self, row: assignments::Model) -> Result<(), Error> {
        let status = row.status.parse().map_err(|_| Error::Corrupt("appointment_assignments.status"))?;
        self.under_way |= matches!(status, AssignmentStatus::Dispatched | AssignmentStatus::Working) && !row.paused;
        self.technicians.insert(PersonId::trusted(row.technician_id));
        Ok(())
    }

    fn facts(self, job: JobId, ended: bool) -> JobFacts {
        JobFacts { job, technicians: self.technicians.into_iter().collect(), ended, under_way: self.under_way }
    }
}

/// People with the levels that their roles and overrides give them.
async fn with_levels(db: &impl ConnectionTrait, tenant: &TenantId, rows: Vec<people::Model>) -> Result<Vec<PersonFacts>, Error> {
    let roles = roles::Entity::find().filter(roles::Column::TenantId.eq(tenant.as_str())).all(db).await?;
    let defaults: BTreeMap<String, Permissions> =
        roles.into_iter().map(|row| (row.role_id.clone(), Role::from(row).defaults)).collect();
    let facts = |row| {
        let person = Person::try_from(row)?;
        let defaults = defaults.get(person.role.as_str()).ok_or(Error::Corrupt("people.role_id"))?;
        Ok(person.facts(*defaults))
    };
    rows.into_iter().map(facts).collect()
}

fn status(row: &jobs::Model) -> Result<JobStatus, Error> {
    row.status.parse().map_err(|_| Error::Corrupt("jobs.status"))
}
