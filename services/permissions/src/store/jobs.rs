//! Jobs and who is assigned to their appointments.

use chassis::page::Page;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::changes::{ChangeTx, Intent, Receipt, Touched};
use super::entities::{appointment_assignments as assignments, jobs};
use crate::error::Error;
use crate::model::{AppointmentId, Assignment, AssignmentStatus, JobId, JobStatus, PersonId, PersonKind, TenantId};

/// New values of an assignment; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssignmentPatch {
    /// Where the technician is with it.
    pub status: Option<AssignmentStatus>,
    /// Not taken off.
    pub active: Option<bool>,
    /// Paused.
    pub paused: Option<bool>,
}

impl Store {
    /// Sets the status of a job, which is made if need be.
    pub async fn report_job_status(&self, intent: Intent, job: JobId, status: JobStatus) -> Result<Receipt, Error> {
        let mut change = self.change(intent).await?;
        if let Some(receipt) = change.replayed() {
            return Ok(receipt);
        }
        let before = find_status(&*change.tx, change.tenant_id(), &job).await?;
        if before == Some(status) {
            return self.nothing_to_change(change).await;
        }
        change.touch(Touched::Job(job.clone())).await?;
        let row = jobs::ActiveModel {
            tenant_id: Set(change.tenant_id().as_str().to_owned()),
            job_id: Set(job.as_str().to_owned()),
            status: Set(<&str>::from(status).to_owned()),
            revision: Set(change.revision()),
        };
        let newest_wins = OnConflict::columns([jobs::Column::TenantId, jobs::Column::JobId])
            .update_columns([jobs::Column::Status, jobs::Column::Revision])
            .to_owned();
        jobs::Entity::insert(row).on_conflict(newest_wins).exec_without_returning(&*change.tx).await?;
        self.commit(change, "job.status_reported", format!("job/{job}"), before.as_ref(), &status).await
    }

    /// Puts technicians on an appointment.
    pub async fn assign(
        &self,
        intent: Intent,
        job: JobId,
        appointment: AppointmentId,
        technicians: Vec<PersonId>,
    ) -> Result<(Vec<Assignment>, Receipt), Error> {
        let mut change = self.change(intent).await?;
        for technician in &technicians {
            let person = super::people::find(&change, technician).await?;
            person.filter(|person| person.kind == PersonKind::Technician).ok_or(Error::NotFound("technician"))?;
        }
        let before = on_appointment(&change, &job, &appointment, &technicians).await?;
        if let Some(receipt) = change.replayed() {
            return Ok((before, receipt));
        }
        if before.len() == technicians.len() && before.iter().all(|assignment| assignment.active) {
            let receipt = self.nothing_to_change(change).await?;
            return Ok((before, receipt));
        }
        change.touch(Touched::Job(job.clone())).await?;
        if find_status(&*change.tx, change.tenant_id(), &job).await?.is_none() {
            let row = jobs::ActiveModel {
                tenant_id: Set(change.tenant_id().as_str().to_owned()),
                job_id: Set(job.as_str().to_owned()),
                status: Set(<&str>::from(JobStatus::Scheduled).to_owned()),
                revision: Set(change.revision()),
            };
            jobs::Entity::insert(row).exec_without_returning(&*change.tx).await?;
        }
        for technician in &technicians {
            if before.iter().any(|assignment| &assignment.technician == technician && assignment.active) {
                continue;
            }
            let fresh = Assignment {
                job: job.clone(),
                appointment: appointment.clone(),
                technician: technician.clone(),
                status: AssignmentStatus::Scheduled,
                active: true,
                paused: false,
            };
            put(&change, &fresh).await?;
        }
        let after = on_appointment(&change, &job, &appointment, &technicians).await?;
        let receipt = self
            .commit(
                change,
                "assignment.made",
                subject(&job, &appointment),
                Some(&before).filter(|before| !before.is_empty()),
                &after,
            )
            .await?;
        Ok((after, receipt))
    }

    /// Takes technicians off an appointment.
    pub async fn unassign(
        &self,
        intent: Intent,
        job: JobId,
        appointment: AppointmentId,
        technicians: Vec<PersonId>,
    ) -> Result<(Vec<Assignment>, Receipt), Error> {
        let mut change = self.change(intent).await?;
        let before = on_appointment(&change, &job, &appointment, &technicians).await?;
        if let Some(receipt) = change.replayed() {
            return Ok((before, receipt));
        }
        if before.iter().all(|assignment| !assignment.active) {
            let receipt = self.nothing_to_change(change).await?;
            return Ok((before, receipt));
        }
        change.touch(Touched::Job(job.clone())).await?;
        let after: Vec<Assignment> =
            before.iter().cloned().map(|assignment| Assignment { active: false, ..assignment }).collect();
        for assignment in &after {
            put(&change, assignment).await?;
        }
        let receipt = self.commit(change, "assignment.removed", subject(&job, &appointment), Some(&before), &after).await?;
        Ok((after, receipt))
    }

    /// Changes one assignment.
    pub async fn update_assignment(
        &self,
        intent: Intent,
        (job, appointment, technician): (JobId, AppointmentId, PersonId),
        patch: AssignmentPatch,
    ) -> Result<(Assignment, Receipt), Error> {
        let mut change = self.change(intent).await?;
        let found = on_appointment(&change, &job, &appointment, std::slice::from_ref(&technician)).await?;
        let before = found.into_iter().next().ok_or(Error::NotFound("assignment"))?;
        if let Some(receipt) = change.replayed() {
            return Ok((before, receipt));
        }
        let after = Assignment {
            status: patch.status.unwrap_or(before.status),
            active: patch.active.unwrap_or(before.active),
            paused: patch.paused.unwrap_or(before.paused),
            ..before.clone()
        };
        if after == before {
            let receipt = self.nothing_to_change(change).await?;
            return Ok((before, receipt));
        }
        change.touch(Touched::Job(job.clone())).await?;
        put(&change, &after).await?;
        let subject = format!("{}/technician/{technician}", subject(&job, &appointment));
        let receipt = self.commit(change, "assignment.updated", subject, Some(&before), &after).await?;
        Ok((after, receipt))
    }

    /// A page of a job's assignments, and its status.
    pub async fn assignments(
        &self,
        tenant: &TenantId,
        job: &JobId,
        page: &Page,
    ) -> Result<(Vec<Assignment>, Option<JobStatus>), Error> {
        let tx = self.db.read().await?;
        super::tenants::open(&tx, tenant).await?;
        let status = find_status(&tx, tenant, job).await?;
        let mut query = assignments::Entity::find()
            .filter(assignments::Column::TenantId.eq(tenant.as_str()))
            .filter(assignments::Column::JobId.eq(job.as_str()));
        if let Some((appointment, technician)) = page.after.as_deref().and_then(|after| after.split_once('/')) {
            let same_appointment = Condition::all()
                .add(assignments::Column::AppointmentId.eq(appointment))
                .add(assignments::Column::TechnicianId.gt(technician));
            query = query.filter(Condition::any().add(assignments::Column::AppointmentId.gt(appointment)).add(same_appointment));
        }
        let rows = query
            .order_by_asc(assignments::Column::AppointmentId)
            .order_by_asc(assignments::Column::TechnicianId)
            .limit(page.limit())
            .all(&tx)
            .await?;
        Ok((rows.into_iter().map(Assignment::try_from).collect::<Result<_, Error>>()?, status))
    }
}

async fn find_status(db: &impl ConnectionTrait, tenant: &TenantId, job: &JobId) -> Result<Option<JobStatus>, Error> {
    let key = (tenant.as_str().to_owned(), job.as_str().to_owned());
    let row = jobs::Entity::find_by_id(key).one(db).await?;
    row.map(|row| row.status.parse().map_err(|_| Error::Corrupt("jobs.status"))).transpose()
}

async fn on_appointment(
    change: &ChangeTx,
    job: &JobId,
    appointment: &AppointmentId,
    technicians: &[PersonId],
) -> Result<Vec<Assignment>, Error> {
    let rows = assignments::Entity::find()
        .filter(assignments::Column::TenantId.eq(change.tenant_id().as_str()))
        .filter(assignments::Column::JobId.eq(job.as_str()))
        .filter(assignments::Column::AppointmentId.eq(appointment.as_str()))
        .filter(assignments::Column::TechnicianId.is_in(technicians.iter().map(PersonId::as_str)))
        .order_by_asc(assignments::Column::TechnicianId)
        .all(&*change.tx)
        .await?;
    rows.into_iter().map(Assignment::try_from).collect()
}

async fn put(change: &ChangeTx, assignment: &Assignment) -> Result<(), Error> {
    let row = assignments::ActiveModel {
        tenant_id: Set(change.tenant_id().as_str().to_owned()),
        job_id: Set(assignment.job.as_str().to_owned()),
        appointment_id: Set(assignment.appointment.as_str().to_owned()),
        technician_id: Set(assignment.technician.as_str().to_owned()),
        status: Set(<&str>::from(assignment.status).to_owned()),
        active: Set(assignment.active),
        paused: Set(assignment.paused),
        revision: Set(change.revision()),
    };
    let key = [
        assignments::Column::TenantId,
        assignments::Column::JobId,
        assignments::Column::AppointmentId,
        assignments::Column::TechnicianId,
    ];
    let newest_wins = OnConflict::columns(key)
        .update_columns([
            assignments::Column::Status,
            assignments::Column::Active,
            assignments::Column::Paused,
            assignments::Column::Revision,
        ])
        .to_owned();
    assignments::Entity::insert(row).on_conflict(newest_wins).exec_without_returning(&*change.tx).await?;
    Ok(())
}

fn subject(job: &JobId, appointment: &AppointmentId) -> String {
    format!("job/{job}/appointment/{appointment}")
}
