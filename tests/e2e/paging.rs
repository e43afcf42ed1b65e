//! Lists come in pages: sizes, order, and tokens that fit only the list that gave them.

use crewline::demo::office::create_person;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::PersonKind;

use crate::company::{Company, JOB, refusal};
use crate::running::Running;

#[tokio::test]
async fn people_and_roles_come_in_pages_by_id() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for number in 0..203 {
        create_person(&company.admin, &format!("p{number:03}"), "Pat", PersonKind::Technician).await.expect("a person");
    }
    let page = async |page_size, page_token: &str| {
        let list = pb::ListPeopleRequest { page_size, page_token: page_token.into() };
        company.admin.directory().list_people(list).await.map(tonic::Response::into_inner)
    };
    for (asked, given) in [(0, 50), (1, 1), (200, 200), (201, 200), (i32::MAX, 200)] {
        assert_eq!(page(asked, "").await.expect("a page").people.len(), given, "{asked}");
    }
    assert_eq!(refusal(page(-1, "").await), "INVALID_FIELD");

    let (mut ids, mut token) = (Vec::new(), String::new());
    loop {
        let page = page(60, &token).await.expect("a page");
        ids.extend(page.people.into_iter().map(|person| person.person_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let mut sorted = ids.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((ids.len(), &ids), (207, &sorted));

    let token = page(1, "").await.expect("a page").next_page_token;
    let list = pb::ListRolesRequest { page_size: 1, page_token: token.clone() };
    assert_eq!(refusal(company.admin.directory().list_roles(list).await), "PAGE_TOKEN_INVALID", "of another list");
    let damaged = format!("{}A{}", &token[..3], &token[4..]);
    for bad in ["x", "AAAA", &token[1..], damaged.as_str()] {
        assert_eq!(refusal(page(1, bad).await), "PAGE_TOKEN_INVALID", "{bad}");
    }
    let roles = pb::ListRolesRequest { page_size: 1, page_token: String::new() };
    let first = company.admin.directory().list_roles(roles).await.expect("a page").into_inner();
    let next = pb::ListRolesRequest { page_size: 1, page_token: first.next_page_token };
    let second = company.admin.directory().list_roles(next).await.expect("a page").into_inner();
    assert_eq!((first.roles[0].role_id.as_str(), second.roles[0].role_id.as_str()), ("office", "technician"));
    assert_eq!(second.next_page_token, "");
}

#[tokio::test]
async fn assignments_come_in_pages_by_appointment_and_technician_the_inactive_ones_too() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.assign("2", &["theo", "vera"]).await;
    company.assign("10", &["tina"]).await;
    company.unassign("1", &["tina"]).await;
    company.report_job(pb::JobStatus::Hold).await;
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = pb::ListAssignmentsRequest { job_id: JOB.into(), page_size: 2, page_token };
        let page = company.admin.dispatch().list_assignments(list).await.expect("a page").into_inner();
        assert!(page.assignments.len() <= 2 && page.job_status() == pb::JobStatus::Hold);
        found.extend(
            page.assignments.into_iter().map(|one| format!("{}/{}/{}", one.appointment_id, one.technician_id, one.active)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["1/theo/true", "1/tina/false", "1/vera/true", "10/tina/true", "2/theo/true", "2/vera/true"]);
}

#[tokio::test]
async fn messages_come_in_pages_oldest_first_and_a_token_of_another_thread_is_refused() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for number in 1..=7 {
        company.text(&number.to_string(), &number.to_string()).await;
    }
    let other = company.start_thread("1002", "+15550100999").await;
    let page = async |thread: &str, page_size, page_token: &str| {
        let list = chat::ListMessagesRequest { thread_id: thread.into(), page_size, page_token: page_token.into() };
        company.tina.threads().list_messages(list).await.map(tonic::Response::into_inner)
    };
    let (mut bodies, mut token) = (Vec::new(), String::new());
    loop {
        let page = page(&company.thread, 3, &token).await.expect("a page");
        bodies.extend(page.messages.into_iter().map(|message| message.body));
        if page.next_page_token.is_empty() {
            break;
        }
        token = page.next_page_token;
    }
    assert_eq!(bodies, ["1", "2", "3", "4", "5", "6", "7"]);
    let list = chat::ListMessagesRequest { thread_id: other, page_size: 3, page_token: token };
    assert_eq!(refusal(company.olga.threads().list_messages(list).await), "PAGE_TOKEN_INVALID");
    assert_eq!(refusal(page(&company.thread, -1, "").await), "INVALID_FIELD");
}

#[tokio::test]
async fn tenants_come_in_pages_of_those_that_the_token_names() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let everywhere = callers.service("provision", "*").expect("a token");
    for number in 0..5 {
        let create = pb::CreateTenantRequest { tenant_id: format!("t{number}"), display_name: "Tenant".into() };
        everywhere.tenants().create_tenant(create).await.expect("a tenant");
    }
    let first = pb::ListTenantsRequest { page_size: 3, page_token: String::new() };
    let first = everywhere.tenants().list_tenants(first).await.expect("a page").into_inner();
    let second = pb::ListTenantsRequest { page_size: 3, page_token: first.next_page_token };
    let second = everywhere.tenants().list_tenants(second.clone()).await.expect("a page").into_inner();
    let ids: Vec<String> = first.tenants.into_iter().chain(second.tenants).map(|tenant| tenant.tenant_id).collect();
    assert_eq!(ids, ["t0", "t1", "t2", "t3", "t4"]);
    assert_eq!(second.next_page_token, "");

    let here = callers.service("provision", "t3").expect("a token");
    let listed = here.tenants().list_tenants(pb::ListTenantsRequest::default()).await.expect("a page").into_inner().tenants;
    assert_eq!(listed.iter().map(|tenant| tenant.tenant_id.as_str()).collect::<Vec<_>>(), ["t3"]);
    let other = pb::GetTenantRequest { tenant_id: "t2".into() };
    assert_eq!(refusal(here.tenants().get_tenant(other).await), "TENANT_NOT_ALLOWED");
}
