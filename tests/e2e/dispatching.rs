//! What the dispatch system reports is obeyed: whole, once, and without touching what it does not name.

use crewline_api::permissions::v1 as pb;
use pb::{AppointmentAssignment, AssignmentStatus, JobStatus};
use tonic::Status;

use crate::auditing::audit_log;
use crate::changes::mask;
use crate::company::{Company, JOB, refusal};
use crate::running::Running;

async fn assign(company: &Company, job: &str, technicians: &[&str]) -> Result<pb::AssignTechniciansResponse, Status> {
    let assign = pb::AssignTechniciansRequest {
        job_id: job.into(),
        appointment_id: "1".into(),
        technician_ids: technicians.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    Ok(company.dispatch.dispatch().assign_technicians(assign).await?.into_inner())
}

async fn unassign(company: &Company, job: &str, technicians: &[&str]) -> Result<pb::UnassignTechniciansResponse, Status> {
    let unassign = pb::UnassignTechniciansRequest {
        job_id: job.into(),
        appointment_id: "1".into(),
        technician_ids: technicians.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    Ok(company.dispatch.dispatch().unassign_technicians(unassign).await?.into_inner())
}

async fn assignments(company: &Company, job: &str) -> pb::ListAssignmentsResponse {
    let list = pb::ListAssignmentsRequest { job_id: job.into(), ..Default::default() };
    company.dispatch.dispatch().list_assignments(list).await.expect("listed").into_inner()
}

/// Technician, status, active, paused.
fn told(assignments: &[AppointmentAssignment]) -> Vec<(&str, AssignmentStatus, bool, bool)> {
    assignments.iter().map(|one| (one.technician_id.as_str(), one.status(), one.active, one.paused)).collect()
}

#[tokio::test]
async fn with_an_unknown_technician_nobody_is_assigned() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let log = audit_log(&running, &company, "").await;
    for wrong in [["tina", "nobody"], ["olga", "tina"]] {
        assert_eq!(refusal(assign(&company, "1002", &wrong).await), "RESOURCE_NOT_FOUND", "{wrong:?}");
    }
    let listed = assignments(&company, "1002").await;
    assert_eq!((listed.assignments.len(), listed.job_status()), (0, JobStatus::Unspecified), "not even the job was made");
    assert_eq!(audit_log(&running, &company, "").await, log);
}

#[tokio::test]
async fn those_who_are_on_an_appointment_stay_as_they_are() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let working = AppointmentAssignment { status: AssignmentStatus::Working.into(), ..Default::default() };
    company.set_assignment("tina", working, "status").await;
    let paused = AppointmentAssignment { paused: true, ..Default::default() };
    let newest = company.set_assignment("tina", paused, "paused").await;

    let again = assign(&company, JOB, &["tina", "vera", "tina"]).await.expect("idempotent");
    assert_eq!(again.receipt.expect("a receipt").revision, newest, "nothing changed");
    company.unassign("1", &["theo"]).await;
    let back = assign(&company, JOB, &["tina", "theo"]).await.expect("assigned");
    let expected = [("theo", AssignmentStatus::Scheduled, true, false), ("tina", AssignmentStatus::Working, true, true)];
    assert_eq!(told(&back.assignments), expected);
}

#[tokio::test]
async fn a_job_that_was_not_heard_of_is_made_scheduled_and_one_that_was_keeps_its_status() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assign(&company, "1002", &["tina"]).await.expect("assigned");
    assert_eq!(assignments(&company, "1002").await.job_status(), JobStatus::Scheduled);
    for status in [JobStatus::Completed, JobStatus::Scheduled, JobStatus::Canceled, JobStatus::Hold, JobStatus::Dispatched] {
        let report = pb::ReportJobStatusRequest { job_id: "1003".into(), status: status.into(), ..Default::default() };
        company.dispatch.dispatch().report_job_status(report).await.expect("any status may follow any other");
        assert_eq!(assignments(&company, "1003").await.job_status(), status);
    }
    assign(&company, "1003", &["tina"]).await.expect("assigned");
    assert_eq!(assignments(&company, "1003").await.job_status(), JobStatus::Dispatched);
}

#[tokio::test]
async fn taking_off_who_is_not_on_changes_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let newest = company.unassign("1", &["theo"]).await;
    let log = audit_log(&running, &company, "").await;
    for (job, nobody) in [(JOB, "theo"), (JOB, "nobody"), (JOB, "olga"), ("1002", "tina")] {
        let taken = unassign(&company, job, &[nobody]).await.expect("no error");
        assert_eq!(taken.receipt.expect("a receipt").revision, newest, "{nobody} off {job}");
        assert!(taken.assignments.iter().all(|assignment| !assignment.active));
    }
    assert_eq!(audit_log(&running, &company, "").await, log);

    let some = unassign(&company, JOB, &["tina", "theo"]).await.expect("taken off");
    assert_eq!(some.receipt.expect("a receipt").revision, newest + 1);
    let listed = assignments(&company, JOB).await;
    let active: Vec<(&str, bool)> = listed.assignments.iter().map(|one| (one.technician_id.as_str(), one.active)).collect();
    assert_eq!(active, [("theo", false), ("tina", false), ("vera", true)]);
}

#[tokio::test]
async fn one_field_of_an_assignment_changes_at_a_time_and_only_if_there_is_one() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let update = async |technician: &str, paths: &[&str]| {
        let assignment = AppointmentAssignment {
            job_id: JOB.into(),
            appointment_id: "1".into(),
            technician_id: technician.into(),
            status: AssignmentStatus::Done.into(),
            active: false,
            paused: true,
        };
        let update = pb::UpdateAssignmentRequest { assignment: Some(assignment), update_mask: mask(paths), ..Default::default() };
        let updated = company.dispatch.dispatch().update_assignment(update).await;
        updated.map(|updated| updated.into_inner().assignment.expect("an assignment"))
    };
    let done = update("tina", &["status"]).await.expect("updated");
    assert_eq!(told(&[done]), [("tina", AssignmentStatus::Done, true, false)]);
    let inactive = update("tina", &["active", "paused"]).await.expect("updated");
    assert_eq!(told(&[inactive]), [("tina", AssignmentStatus::Done, false, true)]);
    for missing in ["nobody", "olga"] {
        assert_eq!(refusal(update(missing, &["status"]).await), "RESOURCE_NOT_FOUND", "{missing}");
    }
    for wrong in [&[][..], &["technician_id"], &["status", "mood"]] {
        assert_eq!(refusal(update("tina", wrong).await), "INVALID_FIELD", "{wrong:?}");
    }
}

#[tokio::test]
async fn one_to_fifty_technicians_are_named_at_once_by_well_formed_ids() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for wrong in [&[][..], &["tina"; 51], &["not an id"], &[""]] {
        assert_eq!(refusal(assign(&company, JOB, wrong).await), "INVALID_FIELD", "{wrong:?}");
        assert_eq!(refusal(unassign(&company, JOB, wrong).await), "INVALID_FIELD", "{wrong:?}");
    }
    assign(&company, JOB, &["tina"; 50]).await.expect("the same fifty times is once");
    assert_eq!(refusal(assign(&company, &"x".repeat(65), &["tina"]).await), "INVALID_FIELD");
    let no_status = pb::ReportJobStatusRequest { job_id: JOB.into(), ..Default::default() };
    assert_eq!(refusal(company.dispatch.dispatch().report_job_status(no_status).await), "INVALID_FIELD");
}
