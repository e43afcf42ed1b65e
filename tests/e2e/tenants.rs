//! A tenant without chat, closed, or not there.

use chat::ClosingReason;
use crewline::party::until_heard;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;

use crate::company::{CUSTOMER, Company, JOB, refusal, try_send, try_text};
use crate::running::Running;

#[tokio::test]
async fn with_chat_disabled_technicians_are_cut_the_office_reads_on_nobody_sends_and_texts_are_stored() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let tina = company.watch(&company.tina).await;
    let vera = company.watch(&company.vera).await;
    let mut olga = company.watch(&company.olga).await;

    let newest = company.set_chat(false).await;
    for stream in [tina, vera] {
        stream.assert_ends(ClosingReason::ChatDisabled, "CHAT_DISABLED").await;
    }
    company.heard(newest).await;
    company.assert_reaches(&mut olga, "stored all the same").await;
    assert_eq!(company.messages().await.len(), 1, "the office lists it too");
    assert_eq!(refusal(try_send(&company.olga, &company.thread, "1", "hello").await), "CHAT_DISABLED");
    let start = chat::StartThreadRequest { job_id: "1002".into(), contact_number: CUSTOMER.into(), ..Default::default() };
    assert_eq!(refusal(company.olga.threads().start_thread(start).await), "CHAT_DISABLED");

    company.set_chat(true).await;
    let mut tina = company.watch(&company.tina).await;
    tina.read_to(1).await;
    assert_eq!(tina.bodies, ["stored all the same"]);
}

#[tokio::test]
async fn when_a_tenant_is_closed_its_streams_end_and_every_call_for_it_is_refused() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let streams = [company.watch(&company.tina).await, company.watch(&company.olga).await];
    let provision = callers.service("provision", &company.tenant).expect("a token");
    let close = pb::CloseTenantRequest { tenant_id: company.tenant.clone(), reason: "they left".into() };
    provision.tenants().close_tenant(close.clone()).await.expect("closed");
    for stream in streams {
        stream.assert_ends(ClosingReason::ChatDisabled, "TENANT_NOT_ALLOWED").await;
    }

    let get = chat::GetThreadRequest { thread_id: company.thread.clone() };
    assert_eq!(refusal(company.olga.threads().get_thread(get).await), "TENANT_NOT_ALLOWED");
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "hello").await), "TENANT_NOT_ALLOWED");
    assert_eq!(refusal(try_text(&company.carrier, "1", "hello").await), "TENANT_NOT_ALLOWED");
    let report = pb::ReportJobStatusRequest { job_id: JOB.into(), status: pb::JobStatus::Hold.into(), ..Default::default() };
    assert_eq!(refusal(company.dispatch.dispatch().report_job_status(report).await), "TENANT_NOT_ALLOWED");
    let people = company.admin.directory().list_people(pb::ListPeopleRequest::default()).await;
    assert_eq!(refusal(people), "TENANT_NOT_ALLOWED");
    let settings = company.admin.directory().get_tenant_settings(pb::GetTenantSettingsRequest {}).await;
    assert_eq!(refusal(settings), "TENANT_NOT_ALLOWED");

    // What was done, and why nobody has access, can still be asked.
    let log = company.admin.audit().list_changes(pb::ListChangesRequest::default()).await.expect("the log").into_inner();
    assert_eq!(log.changes[0].kind, "tenant.closed");
    let question =
        pb::AccessQuestion { person_id: "tina".into(), job_id: JOB.into(), permission: pb::Permission::ViewCustomerChats.into() };
    let explain = pb::ExplainAccessRequest { question: Some(question) };
    let explained = company.admin.access().explain_access(explain).await.expect("explained").into_inner();
    assert_eq!(explained.decision.expect("a decision").reason(), pb::AccessReason::TenantClosed);

    let again = provision.tenants().close_tenant(close).await.expect("repeating it is no error").into_inner();
    assert!(again.tenant.expect("a tenant").closed);
    let get = pb::GetTenantRequest { tenant_id: company.tenant.clone() };
    assert!(provision.tenants().get_tenant(get).await.expect("found").into_inner().tenant.expect("a tenant").closed);
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_refused_by_both_services() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let nobody = |kind| callers.person(kind, "olga", "nowhere").expect("a token");
    let get = chat::GetThreadRequest { thread_id: company.thread.clone() };
    assert_eq!(refusal(nobody("office").threads().get_thread(get).await), "TENANT_NOT_ALLOWED");
    let carrier = callers.service("carrier", "nowhere").expect("a token");
    assert_eq!(refusal(try_text(&carrier, "1", "hello").await), "TENANT_NOT_ALLOWED");
    let people = nobody("admin").directory().list_people(pb::ListPeopleRequest::default()).await;
    assert_eq!(refusal(people), "TENANT_NOT_ALLOWED");

    // Made later, it is served as soon as the chat service has heard of it.
    let provision = callers.service("provision", "nowhere").expect("a token");
    let create = pb::CreateTenantRequest { tenant_id: "nowhere".into(), display_name: "Now here".into() };
    provision.tenants().create_tenant(create).await.expect("made");
    until_heard(async || try_text(&carrier, "1", "hello").await).await.expect("received");
}
