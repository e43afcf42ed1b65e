//! Refusals: the first cause in the order of the API is told, and each carries one reason.

use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use crate::company::{CUSTOMER, Company, JOB, refusal, try_send, try_text_from};
use crate::refusals::{outcome, reason_of};
use crate::running::Running;
use crate::tokens::{Claims, Mint, with_token};
use crate::updating::update_person;

/// A technician with everything wrong: deactivated, chat disabled, no permission, off the job.
async fn ruin(company: &Company) {
    company.set_active("tina", false).await;
    company.permit("tina", false, false).await;
    company.unassign("1", &["tina"]).await;
    company.heard(company.set_chat(false).await).await;
}

/// Mends one cause after the other, and gives the reason that a call is refused with after each.
async fn mend(company: &Company, call: impl AsyncFn() -> Result<(), Status>) -> Vec<String> {
    let mut told = vec![outcome(call().await)];
    company.heard(company.set_active("tina", true).await).await;
    told.push(outcome(call().await));
    company.heard(company.set_chat(true).await).await;
    told.push(outcome(call().await));
    company.heard(company.permit("tina", true, true).await).await;
    told.push(outcome(call().await));
    company.heard(company.assign("1", &["tina"]).await).await;
    told.push(outcome(call().await));
    told
}

#[tokio::test]
async fn a_send_that_fails_for_several_causes_is_told_the_first() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    ruin(&company).await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "").await), "INVALID_FIELD");
    let told = mend(&company, async || try_send(&company.tina, &company.thread, "1", "hello").await.map(|_| ())).await;
    let order = ["PERSON_INACTIVE", "CHAT_DISABLED", "CHAT_PERMISSION_REQUIRED", "THREAD_NOT_VISIBLE", "OK"];
    assert_eq!(told, order);
}

#[tokio::test]
async fn a_list_that_fails_for_several_causes_is_told_the_first() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    ruin(&company).await;
    let list = async |page_size| {
        let page_token = "damaged".to_owned();
        let list = chat::ListMessagesRequest { thread_id: company.thread.clone(), page_size, page_token };
        company.tina.threads().list_messages(list).await.map(|_| ())
    };
    assert_eq!(refusal(list(-1).await), "INVALID_FIELD");
    let told = mend(&company, async || list(1).await).await;
    let order = ["PERSON_INACTIVE", "CHAT_DISABLED", "CHAT_PERMISSION_REQUIRED", "THREAD_NOT_VISIBLE", "PAGE_TOKEN_INVALID"];
    assert_eq!(told, order);
}

#[tokio::test]
async fn an_update_that_fails_for_several_causes_is_told_the_first() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let person =
        |role_id: &str| pb::Person { person_id: "tina".into(), role_id: role_id.into(), etag: "1".into(), ..Default::default() };
    let mut directory = company.admin.directory();
    assert_eq!(refusal(directory.update_person(update_person(person("not a role"), &["role_id"])).await), "INVALID_FIELD");
    assert_eq!(refusal(directory.update_person(update_person(person("no-role"), &["role_id"])).await), "RESOURCE_NOT_FOUND");
    assert_eq!(refusal(directory.update_person(update_person(person("office"), &["role_id"])).await), "ETAG_MISMATCH");
}

#[tokio::test]
async fn a_closed_tenant_is_told_before_a_malformed_field() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (company, open) = (Company::open(&callers).await, Company::open(&callers).await);
    let provision = callers.service("provision", &company.tenant).expect("a token");
    let close = pb::CloseTenantRequest { tenant_id: company.tenant.clone(), reason: "they left".into() };
    let closed = provision.tenants().close_tenant(close).await.expect("closed").into_inner().receipt.expect("a receipt");
    open.heard(closed.revision).await;
    let get = chat::GetThreadRequest { thread_id: "not a thread".into() };
    let told = [
        outcome(company.olga.threads().get_thread(get).await),
        outcome(try_text_from(&company.carrier, "not a number", "1", "hello").await),
        outcome(company.admin.directory().get_person(pb::GetPersonRequest { person_id: "not a person".into() }).await),
        outcome(company.dispatch.dispatch().report_job_status(pb::ReportJobStatusRequest::default()).await),
    ];
    assert_eq!(told, ["TENANT_NOT_ALLOWED"; 4]);
}

#[tokio::test]
async fn an_open_thread_is_not_started_again_and_its_id_is_told() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let start = chat::StartThreadRequest { job_id: JOB.into(), contact_number: CUSTOMER.into(), ..Default::default() };
    let refused = company.olga.threads().start_thread(start).await.expect_err("refused");
    assert_eq!(reason_of(&refused), "OPEN_THREAD_EXISTS");
    let info = refused.get_details_error_info().expect("the reason");
    assert_eq!(info.metadata.get("thread_id"), Some(&company.thread));
    // Another job, another number, or no job: another thread.
    for (job, contact) in [("1002", CUSTOMER), (JOB, "+15550100777"), ("", CUSTOMER)] {
        assert_ne!(company.start_thread(job, contact).await, company.thread);
    }
}

#[tokio::test]
async fn a_malformed_id_number_or_cursor_names_its_field() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let long = "x".repeat(65);
    for (job, contact) in
        [("a job", CUSTOMER), (long.as_str(), CUSTOMER), (JOB, ""), (JOB, "5550100123"), (JOB, "+0123456789"), (JOB, "+1555")]
    {
        let start = chat::StartThreadRequest { job_id: job.into(), contact_number: contact.into(), ..Default::default() };
        assert_eq!(refusal(company.olga.threads().start_thread(start).await), "INVALID_FIELD", "{job} {contact}");
    }
    for thread_id in ["", "1", "not-a-uuid", &format!("{}0", company.thread)] {
        let get = chat::GetThreadRequest { thread_id: thread_id.into() };
        assert_eq!(refusal(company.olga.threads().get_thread(get).await), "INVALID_FIELD", "{thread_id:?}");
    }
    let other = company.start_thread("1002", CUSTOMER).await;
    let mut reader = crate::reader::Reader::open(&company.olga, &other).await;
    let caught_up = |frame: &chat::watch_thread_response::Frame| {
        if let chat::watch_thread_response::Frame::CaughtUp(caught_up) = frame { Some(caught_up.cursor.clone()) } else { None }
    };
    let of_another_thread = reader.until(caught_up).await;
    for cursor in ["damaged".to_owned(), of_another_thread] {
        let position = Some(chat::watch_thread_request::Position::Cursor(cursor));
        let watch =
            chat::WatchThreadRequest { thread_id: company.thread.clone(), position, stop_at_head: false, ..Default::default() };
        assert_eq!(refusal(company.olga.threads().watch_thread(watch).await), "INVALID_FIELD");
    }
}

/// Sends a message that is none of the RPC's.
async fn send_wrong<T: prost::Message + 'static>(mint: &Mint, rpc: &str, request: Request<T>) -> Status {
    let mut client = Grpc::new(mint.chat.clone());
    client.ready().await.expect("a connection");
    let path = format!("/crewline.chat.v1.{rpc}").parse::<PathAndQuery>().expect("a path");
    client.unary(request, path, ProstCodec::<T, ()>::default()).await.expect_err("refused")
}

#[tokio::test]
async fn an_rpc_that_is_not_there_is_refused_with_a_reason_too() {
    let running = Running::pair().await;
    let mint = Mint::of(&running);
    let token = mint.token(Claims::person("office", "olga", &["acme"]));
    for rpc in ["ThreadService/NoSuchMethod", "NoSuchService/GetThread"] {
        assert_eq!(reason_of(&send_wrong(&mint, rpc, with_token(&token, ())).await), "UNKNOWN_METHOD");
        assert_eq!(reason_of(&send_wrong(&mint, rpc, Request::new(())).await), "TOKEN_INVALID", "the token comes first");
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused_with_a_reason_too() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let token = mint.token(Claims::person("office", "olga", &[&company.tenant]));
    // Where the thread id stands: bytes that are no UTF-8, then a number.
    let not_utf8 = send_wrong(&mint, "ThreadService/GetThread", with_token(&token, vec![0xff_u8])).await;
    assert_eq!(reason_of(&not_utf8), "INVALID_FIELD");
    let number = send_wrong(&mint, "ThreadService/GetThread", with_token(&token, 5_u64)).await;
    assert_eq!(reason_of(&number), "INVALID_FIELD");
}

#[tokio::test]
async fn a_request_over_256_kib_is_refused_with_a_reason_too() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let refused = try_send(&company.tina, &company.thread, "1", &"x".repeat(256 * 1024 + 1)).await.expect_err("refused");
    assert_eq!(reason_of(&refused), "INVALID_FIELD");
    let refused = try_text_from(&company.carrier, CUSTOMER, "1", &"x".repeat(256 * 1024 + 1)).await.expect_err("refused");
    assert_eq!(reason_of(&refused), "INVALID_FIELD");
}
