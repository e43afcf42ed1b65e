//! One request of each kind that changes something.

use crewline_api::permissions::v1 as pb;

use crate::changes::{FULL, VIEW, WHY, mask};
use crate::company::{Company, JOB};
use crate::updating::{named, update_person};

/// What a request made: its revision, and whether an earlier one had made it.
pub fn made(receipt: Option<pb::ChangeReceipt>) -> (u64, bool) {
    let receipt = receipt.expect("a receipt");
    (receipt.revision, receipt.replayed)
}

/// One request of each kind that changes something, each with a key of its own: `key-1` and so on.
pub async fn every_change(company: &Company) -> Vec<(u64, bool)> {
    let (mut directory, mut dispatch) = (company.admin.directory(), company.dispatch.dispatch());
    let mut number = 0;
    let mut key = || {
        number += 1;
        format!("key-{number}")
    };
    let reason = || WHY.to_owned();
    let job = || (JOB.to_owned(), "7".to_owned());
    let role = pb::Role { role_id: "helper".into(), display_name: "Helper".into(), ..Default::default() };
    let person = pb::Person { kind: pb::PersonKind::Technician.into(), role_id: "helper".into(), ..named("hugo", "Hugo") };
    let settings = pb::TenantSettings { chat_enabled: false, ..Default::default() };
    let settings = pb::UpdateTenantSettingsRequest {
        settings: Some(settings),
        update_mask: mask(&["chat_enabled"]),
        reason: reason(),
        idempotency_key: key(),
    };
    let create_role = pb::CreateRoleRequest { role: Some(role.clone()), reason: reason(), idempotency_key: key() };
    let update_role = pb::UpdateRoleRequest {
        role: Some(pb::Role { view_customer_chats: true, ..role }),
        update_mask: mask(&[VIEW]),
        reason: reason(),
        idempotency_key: key(),
    };
    let create_person = pb::CreatePersonRequest { person: Some(person), reason: reason(), idempotency_key: key() };
    let update_person =
        pb::UpdatePersonRequest { idempotency_key: key(), ..update_person(named("hugo", "Hugo the first"), &["display_name"]) };
    let permissions = set_permissions("hugo", true, &key());
    let reset =
        pb::ResetToRoleRequest { person_id: "hugo".into(), reason: reason(), idempotency_key: key(), ..Default::default() };
    let report = pb::ReportJobStatusRequest {
        job_id: JOB.into(),
        status: pb::JobStatus::Completed.into(),
        reason: reason(),
        idempotency_key: key(),
    };
    let (job_id, appointment_id) = job();
    let technician_ids = vec!["hugo".to_owned(), "tina".to_owned()];
    let assign =
        pb::AssignTechniciansRequest { job_id, appointment_id, technician_ids, reason: reason(), idempotency_key: key() };
    let (job_id, appointment_id) = job();
    let technician_id = "hugo".into();
    let assignment = pb::AppointmentAssignment { job_id, appointment_id, technician_id, paused: true, ..Default::default() };
    let update_assignment = pb::UpdateAssignmentRequest {
        assignment: Some(assignment),
        update_mask: mask(&["paused"]),
        reason: reason(),
        idempotency_key: key(),
    };
    let (job_id, appointment_id) = job();
    let unassign = pb::UnassignTechniciansRequest {
        job_id,
        appointment_id,
        technician_ids: vec!["tina".into()],
        reason: reason(),
        idempotency_key: key(),
    };
    vec![
        made(directory.update_tenant_settings(settings).await.expect("changed").into_inner().receipt),
        made(directory.create_role(create_role).await.expect("changed").into_inner().receipt),
        made(directory.update_role(update_role).await.expect("changed").into_inner().receipt),
        made(directory.create_person(create_person).await.expect("changed").into_inner().receipt),
        made(directory.update_person(update_person).await.expect("changed").into_inner().receipt),
        made(directory.update_permissions(permissions).await.expect("changed").into_inner().receipt),
        made(directory.reset_to_role(reset).await.expect("changed").into_inner().receipt),
        made(dispatch.report_job_status(report).await.expect("changed").into_inner().receipt),
        made(dispatch.assign_technicians(assign).await.expect("changed").into_inner().receipt),
        made(dispatch.update_assignment(update_assignment).await.expect("changed").into_inner().receipt),
        made(dispatch.unassign_technicians(unassign).await.expect("changed").into_inner().receipt),
    ]
}

/// Sets whether a person has full access.
pub fn set_permissions(person: &str, full: bool, key: &str) -> pb::UpdatePermissionsRequest {
    pb::UpdatePermissionsRequest {
        person_id: person.into(),
        allow_full_access_to_customer_chats: full,
        update_mask: mask(&[FULL]),
        reason: WHY.into(),
        idempotency_key: key.into(),
        ..Default::default()
    }
}
