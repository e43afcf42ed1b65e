//! `DispatchService`.

use chassis::page::Page;
use crewline_api::permissions::v1 as pb;
use pb::dispatch_service_server::DispatchService;
use tonic::{Request, Response, Status};

use super::{Call, change};
use crate::model::{AppointmentId, JobId, PersonId};
use crate::store::Store;
use crate::store::jobs::AssignmentPatch;
use crate::wire::{self, Reason};

/// The service.
#[derive(Clone)]
pub struct Dispatch(pub Store);

#[tonic::async_trait]
impl DispatchService for Dispatch {
    async fn report_job_status(
        &self,
        request: Request<pb::ReportJobStatusRequest>,
    ) -> Result<Response<pb::ReportJobStatusResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Optional), &message.idempotency_key, &message)?;
        let job = JobId::parse("job_id", message.job_id)?;
        let status = wire::job_status("status", message.status)?;
        let store = self.0.clone();
        let work = async move { Ok(((), store.report_job_status(intent, job, status).await?)) };
        let ((), receipt) = change(&self.0, work).await?;
        Ok(Response::new(pb::ReportJobStatusResponse { receipt: Some(receipt.into()) }))
    }

    async fn assign_technicians(
        &self,
        request: Request<pb::AssignTechniciansRequest>,
    ) -> Result<Response<pb::AssignTechniciansResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Optional), &message.idempotency_key, &message)?;
        let job = JobId::parse("job_id", message.job_id)?;
        let appointment = AppointmentId::parse("appointment_id", message.appointment_id)?;
        let technicians = wire::technicians(message.technician_ids)?;
        let store = self.0.clone();
        let (assignments, receipt) =
            change(&self.0, async move { store.assign(intent, job, appointment, technicians).await }).await?;
        let assignments = assignments.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::AssignTechniciansResponse { assignments, receipt: Some(receipt.into()) }))
    }

    async fn unassign_technicians(
        &self,
        request: Request<pb::UnassignTechniciansRequest>,
    ) -> Result<Response<pb::UnassignTechniciansResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Optional), &message.idempotency_key, &message)?;
        let job = JobId::parse("job_id", message.job_id)?;
        let appointment = AppointmentId::parse("appointment_id", message.appointment_id)?;
        let technicians = wire::technicians(message.technician_ids)?;
        let store = self.0.clone();
        let (assignments, receipt) =
            change(&self.0, async move { store.unassign(intent, job, appointment, technicians).await }).await?;
        let assignments = assignments.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::UnassignTechniciansResponse { assignments, receipt: Some(receipt.into()) }))
    }

    async fn update_assignment(
        &self,
        request: Request<pb::UpdateAssignmentRequest>,
    ) -> Result<Response<pb::UpdateAssignmentResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Optional), &message.idempotency_key, &message)?;
        let assignment = wire::required("assignment", message.assignment)?;
        let key = (
            JobId::parse("assignment.job_id", assignment.job_id)?,
            AppointmentId::parse("assignment.appointment_id", assignment.appointment_id)?,
            PersonId::parse("assignment.technician_id", assignment.technician_id)?,
        );
        let mut patch = AssignmentPatch::default();
        for path in wire::mask(message.update_mask, &["status", "active", "paused"])? {
            match path.as_str() {
                "status" => patch.status = Some(wire::assignment_status("assignment.status", assignment.status)?),
                "active" => patch.active = Some(assignment.active),
                _ => patch.paused = Some(assignment.paused),
            }
        }
        let store = self.0.clone();
        let (assignment, receipt) = change(&self.0, async move { store.update_assignment(intent, key, patch).await }).await?;
        Ok(Response::new(pb::UpdateAssignmentResponse { assignment: Some(assignment.into()), receipt: Some(receipt.into()) }))
    }

    async fn list_assignments(
        &self,
        request: Request<pb::ListAssignmentsRequest>,
    ) -> Result<Response<pb::ListAssignmentsResponse>, Status> {
        let call = Call::for_open_tenant(&self.0, request).await?;
        let job = JobId::parse("job_id", call.message.job_id)?;
        let page = Page::read(format!("assignments/{}/{job}", call.tenant), call.message.page_size, &call.message.page_token)?;
        let (mut rows, status) = self.0.assignments(&call.tenant, &job, &page).await?;
        let next_page_token = page.cut(&mut rows, |row| format!("{}/{}", row.appointment, row.technician));
        let job_status = status.map_or(pb::JobStatus::Unspecified, pb::JobStatus::from).into();
        let assignments = rows.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListAssignmentsResponse { assignments, next_page_token, job_status }))
    }
}
