//! Everything that can take access away and give it back, as calls that are made until their outcome is known, and written down.

use std::sync::Arc;

use crewline::party::Party;
use crewline_api::permissions::v1 as pb;
use crewline_checkers::history::{Change, Switch};
use crewline_client::Client;
use crewline_client::keyed::Keyed;
use crewline_client::retry::CallError;
use pb::{JobStatus, Person};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::changes::{FULL, VIEW, WHY, mask};
use crate::company::{Company, JOB};
use crate::recorder::Recorder;

/// A way to take access away from somebody.
#[derive(Clone, Debug)]
pub enum Cause {
    /// Both permissions of a person.
    Permissions(String),
    /// Full access alone: they may read on.
    FullAccess(String),
    /// The defaults of a role, which these people follow.
    Role(String, Vec<String>),
    Deactivation(String),
    MobileAccess(String),
    /// The only appointment of a technician.
    Appointment(String),
    /// The assignment stays, and is no longer active.
    Assignment(String),
    /// The end of the job, under a policy that leaves nothing.
    JobEnd,
    ChatDisabled,
}

/// Turns switches.
#[derive(Clone)]
pub struct Switchboard {
    pub recorder: Arc<Recorder>,
    pub admin: Party,
    pub dispatch: Party,
}

impl Switchboard {
    /// Of a company of which nothing else is written down.
    pub fn of(company: &Company) -> Self {
        Self { recorder: Arc::new(Recorder::new()), admin: company.admin.clone(), dispatch: company.dispatch.clone() }
    }

    /// Makes the change, and waits until it is made. Tells how many nodes confirmed it, and how many were waited out.
    pub async fn turn(&self, cause: &Cause, on: bool) -> (u32, u32) {
        let (admin, dispatch) = (&self.admin, &self.dispatch);
        let invoked = self.recorder.now();
        let receipt = match cause {
            Cause::Permissions(person) => self.permit(person, (on, on)).await,
            Cause::FullAccess(person) => self.permit(person, (true, on)).await,
            Cause::Role(role, _) => {
                let role = pb::Role {
                    role_id: role.clone(),
                    view_customer_chats: on,
                    allow_full_access_to_customer_chats: on,
                    ..Default::default()
                };
                let update = pb::UpdateRoleRequest {
                    role: Some(role),
                    update_mask: mask(&[VIEW, FULL]),
                    reason: WHY.into(),
                    ..Default::default()
                };
                settle(admin, update, |client, request| async move { client.directory().update_role(request).await })
                    .await
                    .receipt
            }
            Cause::Deactivation(id) => {
                self.set_person(Person { person_id: id.clone(), active: on, ..Default::default() }, "active").await
            }
            Cause::MobileAccess(id) => {
                self.set_person(Person { person_id: id.clone(), mobile_access: on, ..Default::default() }, "mobile_access").await
            }
            Cause::Appointment(id) if on => {
                let assign = pb::AssignTechniciansRequest {
                    job_id: JOB.into(),
                    appointment_id: appointment(id),
                    technician_ids: vec![id.clone()],
                    ..Default::default()
                };
                settle(dispatch, assign, |client, request| async move { client.dispatch().assign_technicians(request).await })
                    .await
                    .receipt
            }
            Cause::Appointment(id) => {
                let unassign = pb::UnassignTechniciansRequest {
                    job_id: JOB.into(),
                    appointment_id: appointment(id),
                    technician_ids: vec![id.clone()],
                    ..Default::default()
                };
                settle(dispatch, unassign, |client, request| async move { client.dispatch().unassign_technicians(request).await })
                    .await
                    .receipt
            }
            Cause::Assignment(id) => {
                let assignment = pb::AppointmentAssignment {
                    job_id: JOB.into(),
                    appointment_id: appointment(id),
                    technician_id: id.clone(),
                    active: on,
                    ..Default::default()
                };
                let update = pb::UpdateAssignmentRequest {
                    assignment: Some(assignment),
                    update_mask: mask(&["active"]),
                    ..Default::default()
                };
                settle(dispatch, update, |client, request| async move { client.dispatch().update_assignment(request).await })
                    .await
                    .receipt
            }
            Cause::JobEnd => {
                let status = if on { JobStatus::InProgress } else { JobStatus::Completed };
                let report = pb::ReportJobStatusRequest { job_id: JOB.into(), status: status.into(), ..Default::default() };
                settle(dispatch, report, |client, request| async move { client.dispatch().report_job_status(request).await })
                    .await
                    .receipt
            }
            Cause::ChatDisabled => {
                let update = pb::UpdateTenantSettingsRequest {
                    settings: Some(pb::TenantSettings { chat_enabled: on, ..Default::default() }),
                    update_mask: mask(&["chat_enabled"]),
                    reason: WHY.into(),
                    ..Default::default()
                };
                settle(admin, update, |client, request| async move { client.directory().update_tenant_settings(request).await })
                    .await
                    .receipt
            }
        };
        let receipt = receipt.expect("a receipt");
        let returned = Some(self.recorder.now());
        let turned = cause.switches().into_iter().map(|switch| Change {
            switch,
            takes_away: !on,
            invoked,
            returned,
            revision: Some(receipt.revision),
            confirmed: receipt.nodes_confirmed,
            waited_out: receipt.nodes_waited_out,
        });
        self.recorder.history().changes.extend(turned);
        (receipt.nodes_confirmed, receipt.nodes_waited_out)
    }

    async fn permit(&self, person: &str, (view, full): (bool, bool)) -> Option<pb::ChangeReceipt> {
        let update = pb::UpdatePermissionsRequest {
            person_id: person.into(),
            view_customer_chats: view,
            allow_full_access_to_customer_chats: full,
            update_mask: mask(&[VIEW, FULL]),
            reason: WHY.into(),
            ..Default::default()
        };
        settle(&self.admin, update, |client, request| async move { client.directory().update_permissions(request).await })
            .await
            .receipt
    }

    async fn set_person(&self, person: Person, path: &str) -> Option<pb::ChangeReceipt> {
        let update = pb::UpdatePersonRequest {
            person: Some(person),
            update_mask: mask(&[path]),
            reason: WHY.into(),
            ..Default::default()
        };
        settle(&self.admin, update, |client, request| async move { client.directory().update_person(request).await })
            .await
            .receipt
    }
}

impl Cause {
    fn switches(&self) -> Vec<Switch> {
        match self {
            Self::Permissions(person) => vec![Switch::View(person.clone()), Switch::Full(person.clone())],
            Self::FullAccess(person) => vec![Switch::Full(person.clone())],
            Self::Role(_, people) => {
                people.iter().flat_map(|person| [Switch::View(person.clone()), Switch::Full(person.clone())]).collect()
            }
            Self::Deactivation(person) => vec![Switch::Active(person.clone())],
            Self::MobileAccess(person) => vec![Switch::MobileAccess(person.clone())],
            Self::Appointment(person) | Self::Assignment(person) => vec![Switch::OnJob(person.clone(), JOB.into())],
            Self::JobEnd => vec![Switch::JobOpen(JOB.into())],
            Self::ChatDisabled => vec![Switch::Chat],
        }
    }
}

/// Each technician has an appointment of their own.
pub fn appointment(technician: &str) -> String {
    format!("of-{technician}")
}

/// Makes a change, with one key, until it is known to be made.
async fn settle<M: Keyed, T, F>(party: &Party, mut message: M, call: impl Fn(Client, Request<M>) -> F) -> T
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    *message.key() = Uuid::new_v4().to_string();
    loop {
        match party.write(message.clone(), &call).await {
            Ok(answer) => return answer,
            Err(CallError::Refused(status)) => panic!("refused: {status:?}"),
            Err(CallError::Unanswered(_) | CallError::OutcomeUnknown { .. }) => {}
        }
    }
}
