//! The audit log: each change is one row that says who, why, and what was there before and after.

use std::collections::{HashMap, HashSet};

use crewline_api::permissions::v1 as pb;
use pb::Change;
use pb::audit_service_client::AuditServiceClient;
use prost_types::{Struct, value::Kind};
use tonic::Status;

use crate::changes::WHY;
use crate::company::{Company, refusal};
use crate::mutations::every_change;
use crate::running::Running;
use crate::tokens::{Mint, with_token};

async fn page(
    running: &Running,
    company: &Company,
    (subject, page_size, page_token): (&str, i32, String),
) -> Result<pb::ListChangesResponse, Status> {
    let list = pb::ListChangesRequest { page_size, page_token, subject: subject.into() };
    let mut audit = AuditServiceClient::new(Mint::of(running).permissions);
    Ok(audit.list_changes(with_token(&company.admin.token, list)).await?.into_inner())
}

/// All changes of a subject, or of all, newest first.
pub async fn audit_log(running: &Running, company: &Company, subject: &str) -> Vec<Change> {
    pages(running, company, subject, 200).await
}

async fn pages(running: &Running, company: &Company, subject: &str, page_size: i32) -> Vec<Change> {
    let (mut changes, mut token) = (Vec::new(), String::new());
    loop {
        let page = page(running, company, (subject, page_size, token)).await.expect("a page");
        assert!(page.changes.len() <= usize::try_from(page_size).expect("small"));
        changes.extend(page.changes);
        if page.next_page_token.is_empty() {
            return changes;
        }
        token = page.next_page_token;
    }
}

fn text(structure: &Option<Struct>, field: &str) -> String {
    let kind = structure.as_ref().and_then(|structure| structure.fields.get(field)).and_then(|value| value.kind.clone());
    if let Some(Kind::StringValue(text)) = kind { text } else { format!("{kind:?}") }
}

#[tokio::test]
async fn each_change_is_one_row_with_who_why_and_what_was_there_before_and_after() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let start = audit_log(&running, &company, "").await.len();
    let made = every_change(&company).await;
    let mut rows = audit_log(&running, &company, "").await;
    rows.reverse();
    let before_all: Vec<Change> = rows.drain(..start).collect();

    let revisions: Vec<u64> = rows.iter().map(|row| row.revision).collect();
    assert_eq!(revisions, made.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), "a row for each, in order");
    for (index, row) in rows.iter().enumerate() {
        let actor = if row.subject.starts_with("job/") { "service/dispatch" } else { "admin/ada" };
        let said = (row.actor.as_str(), row.reason.as_str(), row.idempotency_key.as_str());
        assert_eq!(said, (actor, WHY, format!("key-{}", index + 1).as_str()), "{}", row.kind);
        assert!(!row.kind.is_empty() && row.commit_time.is_some());
        assert_ne!(row.before, row.after, "{}", row.kind);
    }
    let subjects: Vec<&str> = rows.iter().map(|row| row.subject.as_str()).collect();
    let tenant = format!("tenant/{}", company.tenant);
    let expected = [
        tenant.as_str(),
        "role/helper",
        "role/helper",
        "person/hugo",
        "person/hugo",
        "person/hugo",
        "person/hugo",
        "job/1001",
        "job/1001/appointment/7",
        "job/1001/appointment/7/technician/hugo",
        "job/1001/appointment/7",
    ];
    assert_eq!(subjects, expected);

    // What was there before is what the change before it had left; of what was made, nothing.
    let mut newest: HashMap<&str, Option<Struct>> = HashMap::new();
    for row in before_all.iter().chain(&rows).filter(|row| !row.subject.starts_with("job/")) {
        let before = newest.insert(&row.subject, row.after.clone()).flatten();
        assert_eq!(row.before, before, "{} of {}", row.kind, row.subject);
    }
    let renamed = rows.iter().find(|row| text(&row.after, "display_name") == "Hugo the first").expect("the row");
    assert_eq!(text(&renamed.before, "display_name"), "Hugo");
}

#[tokio::test]
async fn a_row_has_no_before_where_there_was_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    every_change(&company).await;
    company.report_job(pb::JobStatus::Hold).await;
    let mut rows = audit_log(&running, &company, "").await;
    rows.reverse();
    let mut seen = HashSet::new();
    let firsts: Vec<&Change> = rows.iter().filter(|row| seen.insert(row.subject.clone())).collect();
    let tenant = format!("tenant/{}", company.tenant);
    for subject in [tenant.as_str(), "role/helper", "person/hugo", "job/1001/appointment/7"] {
        let first = firsts.iter().find(|row| row.subject == subject).expect("the first row");
        assert_eq!((first.before.as_ref(), first.after.is_some()), (None, true), "{} of {subject}", first.kind);
    }
}

#[tokio::test]
async fn a_subject_that_no_database_could_hold_is_refused() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assert_eq!(refusal(page(&running, &company, ("person/\0", 1, String::new())).await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_refused_change_leaves_no_row() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let before = audit_log(&running, &company, "").await;
    let unknown = pb::ResetToRoleRequest { person_id: "nobody".into(), reason: WHY.into(), ..Default::default() };
    assert_eq!(refusal(company.admin.directory().reset_to_role(unknown).await), "RESOURCE_NOT_FOUND");
    let stale = pb::ResetToRoleRequest { person_id: "tina".into(), etag: "1".into(), reason: WHY.into(), ..Default::default() };
    assert_eq!(refusal(company.admin.directory().reset_to_role(stale).await), "ETAG_MISMATCH");
    assert_eq!(audit_log(&running, &company, "").await, before);
}

#[tokio::test]
async fn the_log_comes_in_pages_newest_first_and_by_subject() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for _ in 0..3 {
        company.permit("tina", true, false).await;
        company.permit("theo", true, false).await;
        company.permit("tina", true, true).await;
        company.permit("theo", true, true).await;
    }
    let all = audit_log(&running, &company, "").await;
    assert!(all.is_sorted_by(|newer, older| newer.revision > older.revision));
    for page_size in [1, 3, 7] {
        assert_eq!(pages(&running, &company, "", page_size).await, all, "pages of {page_size}");
    }
    let of_tina: Vec<Change> = all.iter().filter(|change| change.subject == "person/tina").cloned().collect();
    assert_eq!(of_tina.len(), 8, "made, permitted, and changed six times");
    assert_eq!(pages(&running, &company, "person/tina", 3).await, of_tina);
    assert_eq!(audit_log(&running, &company, "person/nobody").await, []);

    let token = page(&running, &company, ("person/tina", 1, String::new())).await.expect("a page").next_page_token;
    for other in ["", "person/theo"] {
        assert_eq!(refusal(page(&running, &company, (other, 1, token.clone())).await), "PAGE_TOKEN_INVALID", "of {other:?}");
    }
}
