//! Idempotency keys: a retry is safe for ever, and a key stands for one request.

use crewline_api::permissions::v1 as pb;
use futures_util::future::join_all;
use tonic::Status;

use crate::auditing::audit_log;
use crate::changes::WHY;
use crate::company::{Company, JOB, refusal};
use crate::mutations::{every_change, made, set_permissions};
use crate::running::Running;
use crate::updating::named;

/// Everything that these changes touch, as it is now.
async fn state(company: &Company) -> String {
    let mut directory = company.admin.directory();
    let settings = directory.get_tenant_settings(pb::GetTenantSettingsRequest {}).await.expect("read").into_inner();
    let roles = directory.list_roles(pb::ListRolesRequest::default()).await.expect("read").into_inner();
    let people = directory.list_people(pb::ListPeopleRequest::default()).await.expect("read").into_inner();
    let list = pb::ListAssignmentsRequest { job_id: JOB.into(), ..Default::default() };
    let assignments = company.admin.dispatch().list_assignments(list).await.expect("read").into_inner();
    format!("{settings:?}\n{roles:?}\n{people:?}\n{assignments:?}")
}

async fn set(company: &Company, request: pb::UpdatePermissionsRequest) -> Result<pb::UpdatePermissionsResponse, Status> {
    Ok(company.admin.directory().update_permissions(request).await?.into_inner())
}

#[tokio::test]
async fn every_change_is_made_once_however_late_it_is_repeated_and_undoes_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let first = every_change(&company).await;
    assert!(first.iter().all(|(_, replayed)| !replayed), "{first:?}");

    // All of it changes again.
    company.set_chat(true).await;
    company.set_role("helper", false, false).await;
    company.set_person(named("hugo", "Hugo the second"), "display_name").await;
    company.permit("hugo", true, false).await;
    company.report_job(pb::JobStatus::InProgress).await;
    company.unassign("7", &["hugo"]).await;
    company.assign("7", &["tina"]).await;
    let (before, log) = (state(&company).await, audit_log(&running, &company, "").await);

    let again = every_change(&company).await;
    let expected: Vec<(u64, bool)> = first.iter().map(|(revision, _)| (*revision, true)).collect();
    assert_eq!(again, expected, "each answers what the first made");
    assert_eq!(state(&company).await, before);
    assert_eq!(audit_log(&running, &company, "").await, log);
}

#[tokio::test]
async fn a_key_that_was_used_for_another_request_is_refused() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    set(&company, set_permissions("tina", false, "key")).await.expect("changed");
    let log = audit_log(&running, &company, "").await;
    let others = [
        set_permissions("tina", true, "key"),
        set_permissions("theo", false, "key"),
        pb::UpdatePermissionsRequest { reason: "another".into(), ..set_permissions("tina", false, "key") },
        pb::UpdatePermissionsRequest { etag: "1".into(), ..set_permissions("tina", false, "key") },
    ];
    for other in others {
        assert_eq!(refusal(set(&company, other).await), "IDEMPOTENCY_KEY_REUSED");
    }
    let another_rpc = pb::ResetToRoleRequest {
        person_id: "tina".into(),
        reason: WHY.into(),
        idempotency_key: "key".into(),
        ..Default::default()
    };
    assert_eq!(refusal(company.admin.directory().reset_to_role(another_rpc).await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(audit_log(&running, &company, "").await, log);
}

#[tokio::test]
async fn a_key_that_was_used_to_assign_does_not_stand_for_unassigning_the_same() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let technician_ids = vec!["tina".to_owned()];
    let assign = pb::AssignTechniciansRequest {
        job_id: JOB.into(),
        appointment_id: "2".into(),
        technician_ids: technician_ids.clone(),
        idempotency_key: "key".into(),
        ..Default::default()
    };
    company.dispatch.dispatch().assign_technicians(assign).await.expect("assigned");
    let unassign = pb::UnassignTechniciansRequest {
        job_id: JOB.into(),
        appointment_id: "2".into(),
        technician_ids,
        idempotency_key: "key".into(),
        ..Default::default()
    };
    assert_eq!(refusal(company.dispatch.dispatch().unassign_technicians(unassign).await), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn of_twenty_concurrent_requests_with_one_key_one_makes_the_change() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let log = audit_log(&running, &company, "").await.len();
    let requests = (0..20).map(|_| set(&company, set_permissions("tina", false, "key")));
    let answers: Vec<(u64, bool)> =
        join_all(requests).await.into_iter().map(|answer| made(answer.expect("answered").receipt)).collect();
    assert!(answers.iter().all(|(revision, _)| *revision == answers[0].0), "{answers:?}");
    assert_eq!(answers.iter().filter(|(_, replayed)| !replayed).count(), 1, "{answers:?}");
    assert_eq!(audit_log(&running, &company, "").await.len(), log + 1);
}

#[tokio::test]
async fn a_request_that_changed_nothing_does_not_begin_to_when_it_is_repeated() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let (revision, replayed) = made(set(&company, set_permissions("tina", true, "key")).await.expect("no change").receipt);
    assert!(!replayed);
    company.permit("tina", false, false).await;
    let again = set(&company, set_permissions("tina", true, "key")).await.expect("answered");
    assert_eq!(made(again.receipt), (revision, true));
    assert_eq!(again.person.expect("a person").allow_full_access_to_customer_chats, Some(false));
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_key_up() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let person = pb::Person { kind: pb::PersonKind::Technician.into(), role_id: "helper".into(), ..named("hugo", "Hugo") };
    let create = pb::CreatePersonRequest { person: Some(person), reason: WHY.into(), idempotency_key: "key".into() };
    assert_eq!(refusal(company.admin.directory().create_person(create.clone()).await), "RESOURCE_NOT_FOUND");
    let role = pb::Role { role_id: "helper".into(), display_name: "Helper".into(), ..Default::default() };
    let role = pb::CreateRoleRequest { role: Some(role), reason: WHY.into(), ..Default::default() };
    company.admin.directory().create_role(role).await.expect("a role");
    let created = company.admin.directory().create_person(create).await.expect("now it can be made").into_inner();
    assert!(!made(created.receipt).1);
}

#[tokio::test]
async fn a_key_is_at_most_64_visible_characters() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for bad in [&"k".repeat(65), "a b", "ü", "tab\t"] {
        assert_eq!(refusal(set(&company, set_permissions("tina", false, bad)).await), "INVALID_FIELD", "{bad:?}");
    }
    set(&company, set_permissions("tina", false, &"k".repeat(64))).await.expect("good");
}
