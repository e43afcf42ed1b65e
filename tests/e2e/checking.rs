//! The permissions service asked directly: single checks, batches and explanations.

use crewline::party::Party;
use crewline_api::permissions::v1 as pb;
use pb::batch_check_result::Result as Answer;
use pb::{AccessQuestion, AccessReason, JobStatus, Permission};

use crate::company::{Company, JOB, refusal};
use crate::running::Running;

const VIEW: Permission = Permission::ViewCustomerChats;
const FULL: Permission = Permission::AllowFullAccessToCustomerChats;

fn question(person: &str, job: &str, permission: Permission) -> AccessQuestion {
    AccessQuestion { person_id: person.into(), job_id: job.into(), permission: permission.into() }
}

/// The reason of a single check, and the revision that it was judged by.
pub async fn judged(asker: &Party, person: &str, job: &str, permission: Permission) -> (AccessReason, u64) {
    let check = pb::CheckAccessRequest { question: Some(question(person, job, permission)) };
    let answer = asker.access().check_access(check).await.expect("checked").into_inner();
    let decision = answer.decision.expect("a decision");
    assert_eq!(decision.allowed, decision.reason() == AccessReason::Allowed, "the same, said in two ways");
    (decision.reason(), answer.revision)
}

/// The reason of a single check.
pub async fn decision(asker: &Party, person: &str, job: &str, permission: Permission) -> AccessReason {
    judged(asker, person, job, permission).await.0
}

async fn batch(asker: &Party, questions: Vec<AccessQuestion>) -> Result<pb::BatchCheckAccessResponse, tonic::Status> {
    Ok(asker.access().batch_check_access(pb::BatchCheckAccessRequest { questions }).await?.into_inner())
}

#[tokio::test]
async fn a_batch_answers_each_question_in_its_place_and_a_malformed_one_fails_alone() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let unspecified = question("tina", JOB, Permission::Unspecified);
    let questions = vec![
        question("tina", JOB, FULL),
        question("not a person", JOB, VIEW),
        question("vera", JOB, FULL),
        question("tina", "not/a/job", VIEW),
        unspecified,
        question("tina", "", VIEW),
        question("olga", "", FULL),
        question("nobody", JOB, VIEW),
        question("tina", "1002", VIEW),
        question("tina", JOB, FULL),
    ];
    let answer = batch(&company.admin, questions).await.expect("answered");
    let told: Vec<String> = answer
        .results
        .into_iter()
        .map(|result| match result.result.expect("an answer") {
            Answer::Decision(decision) => format!("{:?}", decision.reason()),
            Answer::Invalid(invalid) => {
                assert!(!invalid.description.is_empty());
                format!("invalid {}", invalid.field)
            }
        })
        .collect();
    let expected = [
        "Allowed",
        "invalid person_id",
        "LevelTooLow",
        "invalid job_id",
        "invalid permission",
        "invalid job_id",
        "Allowed",
        "PersonUnknown",
        "NotOnJob",
        "Allowed",
    ];
    assert_eq!(told, expected);
    assert!(answer.revision > 0);
}

#[tokio::test]
async fn a_batch_has_one_to_a_thousand_questions() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let many = |count| vec![question("tina", JOB, VIEW); count];
    assert_eq!(refusal(batch(&company.admin, many(0)).await), "INVALID_FIELD");
    assert_eq!(refusal(batch(&company.admin, many(1_001)).await), "INVALID_FIELD");
    assert_eq!(batch(&company.admin, many(1_000)).await.expect("answered").results.len(), 1_000);
}

#[tokio::test]
async fn a_malformed_single_check_names_the_field() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let malformed = [
        None,
        Some(question("", JOB, VIEW)),
        Some(question("tina", "", VIEW)),
        Some(question("tina", JOB, Permission::Unspecified)),
    ];
    for question in malformed {
        let check = pb::CheckAccessRequest { question: question.clone() };
        assert_eq!(refusal(company.admin.access().check_access(check).await), "INVALID_FIELD", "{question:?}");
        let explain = pb::ExplainAccessRequest { question: question.clone() };
        assert_eq!(refusal(company.admin.access().explain_access(explain).await), "INVALID_FIELD", "{question:?}");
    }
}

async fn explain(company: &Company, person: &str, permission: Permission) -> pb::ExplainAccessResponse {
    let explain = pb::ExplainAccessRequest { question: Some(question(person, JOB, permission)) };
    company.admin.access().explain_access(explain).await.expect("explained").into_inner()
}

#[tokio::test]
async fn an_explanation_lists_every_condition_in_the_order_of_judgement_with_its_value() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let order = [
        AccessReason::TenantClosed,
        AccessReason::PersonUnknown,
        AccessReason::PersonInactive,
        AccessReason::MobileAccessOff,
        AccessReason::ChatDisabled,
        AccessReason::LevelTooLow,
        AccessReason::NotOnJob,
        AccessReason::JobEnded,
    ];
    let failing = |said: &pb::ExplainAccessResponse| -> Vec<AccessReason> {
        let order_said: Vec<AccessReason> = said.conditions.iter().map(pb::AccessCondition::reason).collect();
        assert_eq!(order_said, order);
        assert!(said.conditions.iter().all(|condition| !condition.value.is_empty()));
        said.conditions.iter().filter(|condition| !condition.holds).map(pb::AccessCondition::reason).collect()
    };
    let said = explain(&company, "tina", FULL).await;
    assert_eq!(failing(&said), []);
    assert_eq!(said.decision.expect("a decision").reason(), AccessReason::Allowed);

    // Everything that can be wrong with a technician at once; the first of it is the reason.
    company.set_active("vera", false).await;
    company.set_mobile_access("vera", false).await;
    company.set_chat(false).await;
    company.unassign("1", &["vera"]).await;
    company.set_policy(pb::AccessAfterJobEnd::None).await;
    let newest = company.report_job(JobStatus::Completed).await;
    let said = explain(&company, "vera", FULL).await;
    assert_eq!(failing(&said), order[2..]);
    assert_eq!(said.decision.expect("a decision").reason(), AccessReason::PersonInactive);
    assert_eq!(said.revision, newest);

    let said = explain(&company, "nobody", VIEW).await;
    assert_eq!(failing(&said)[0], AccessReason::PersonUnknown);
    assert_eq!(said.decision.expect("a decision").reason(), AccessReason::PersonUnknown);

    // What does not apply to the office holds.
    let said = explain(&company, "olga", VIEW).await;
    assert_eq!(failing(&said), []);
    assert_eq!(failing(&explain(&company, "olga", FULL).await), [AccessReason::ChatDisabled]);
}

#[tokio::test]
async fn an_explanation_of_the_level_says_where_it_comes_from() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.set_role("technician", true, false).await;
    company.reset("theo").await;
    let level = |said: pb::ExplainAccessResponse| {
        let condition = said.conditions.into_iter().find(|condition| condition.reason() == AccessReason::LevelTooLow);
        condition.expect("the level").value
    };
    let of_tina = level(explain(&company, "tina", VIEW).await);
    assert!(of_tina.contains("override"), "her own permissions: {of_tina}");
    let of_theo = level(explain(&company, "theo", VIEW).await);
    assert!(of_theo.contains("role") && !of_theo.contains("override"), "the role's: {of_theo}");
}
