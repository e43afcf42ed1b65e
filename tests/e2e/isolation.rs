//! Tenants see nothing of each other, whatever ids they share; and a technician sees no whole number of a customer.

use chat::watch_thread_request::Position;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::directory_service_client::DirectoryServiceClient;

use crate::calls;
use crate::company::{CUSTOMER, Company, JOB, refusal, try_send};
use crate::gateway::Gateway;
use crate::inbox_reader::InboxReader;
use crate::reader::Reader;
use crate::refusals::outcome;
use crate::running::Running;
use crate::tokens::{Claims, Mint, for_tenant, with_token};

#[tokio::test]
async fn a_thread_of_another_tenant_is_not_there() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (ours, theirs) = (Company::open(&callers).await, Company::open(&callers).await);
    theirs.text("1", "theirs").await;
    // The same people, the same job and the same customer are in both.
    for party in [&ours.tina, &ours.vera, &ours.olga] {
        let get = chat::GetThreadRequest { thread_id: theirs.thread.clone() };
        assert_eq!(refusal(party.threads().get_thread(get).await), "THREAD_NOT_VISIBLE");
        let list = chat::ListMessagesRequest { thread_id: theirs.thread.clone(), ..Default::default() };
        assert_eq!(refusal(party.threads().list_messages(list).await), "THREAD_NOT_VISIBLE");
        let opened = Reader::try_open_at(party, &theirs.thread, Position::AfterSeq(0)).await;
        assert_eq!(refusal(opened.map(|_| ())), "THREAD_NOT_VISIBLE");
    }
    for party in [&ours.tina, &ours.olga] {
        assert_eq!(refusal(try_send(party, &theirs.thread, "1", "hello").await), "THREAD_NOT_VISIBLE");
    }
    assert_eq!(theirs.messages().await.len(), 1);
}

#[tokio::test]
async fn the_same_ids_and_numbers_in_two_tenants_are_different_things() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (ours, theirs) = (Company::open(&callers).await, Company::open(&callers).await);
    let mut streams = [ours.watch(&ours.tina).await, theirs.watch(&theirs.tina).await];
    assert_eq!(ours.text("id", "to ours").await.thread_id, ours.thread);
    let received = theirs.text("id", "to theirs").await;
    assert!(!received.duplicate && received.thread_id == theirs.thread);
    assert!(!try_send(&ours.tina, &ours.thread, "id", "from ours").await.expect("sent").duplicate);
    assert!(!try_send(&theirs.tina, &theirs.thread, "id", "from theirs").await.expect("sent").duplicate);
    for (stream, expected) in streams.iter_mut().zip([["to ours", "from ours"], ["to theirs", "from theirs"]]) {
        stream.read_to(2).await;
        assert_eq!(stream.bodies, expected);
    }

    // What is changed in one is as it was in the other.
    let key = "key".to_owned();
    for company in [&ours, &theirs] {
        let reset = pb::ResetToRoleRequest {
            person_id: "vera".into(),
            reason: "a test".into(),
            idempotency_key: key.clone(),
            ..Default::default()
        };
        let reset = company.admin.directory().reset_to_role(reset).await.expect("reset").into_inner();
        assert!(!reset.receipt.expect("a receipt").replayed);
    }
    ours.unassign("1", &["tina"]).await;
    let newest = ours.set_chat(false).await;
    ours.heard(newest).await;
    theirs.assert_reaches(&mut streams[1], "still theirs").await;
    try_send(&theirs.tina, &theirs.thread, "2", "still sends").await.expect("sent");
    let list = pb::ListAssignmentsRequest { job_id: JOB.into(), ..Default::default() };
    let assigned = theirs.admin.dispatch().list_assignments(list).await.expect("listed").into_inner().assignments;
    assert!(assigned.len() == 3 && assigned.iter().all(|assignment| assignment.active));
}

#[tokio::test]
async fn a_token_names_its_tenants_and_no_header_names_another() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (ours, theirs) = (Company::open(&callers).await, Company::open(&callers).await);
    let mint = Mint::of(&running);
    let mut directory = DirectoryServiceClient::new(mint.permissions.clone());
    let people = pb::ListPeopleRequest::default;
    let admin = &ours.admin.token;
    assert_eq!(outcome(directory.list_people(for_tenant(admin, &ours.tenant, people())).await), "OK");
    assert_eq!(outcome(directory.list_people(for_tenant(admin, &theirs.tenant, people())).await), "TENANT_NOT_ALLOWED");

    let mut threads = chat::thread_service_client::ThreadServiceClient::new(mint.chat.clone());
    let get = chat::GetThreadRequest { thread_id: theirs.thread.clone() };
    let named = for_tenant(&ours.olga.token, &theirs.tenant, get);
    assert_eq!(outcome(threads.get_thread(named).await), "TENANT_NOT_ALLOWED");

    let provision = callers.service("provision", &ours.tenant).expect("a token");
    let close = pb::CloseTenantRequest { tenant_id: theirs.tenant.clone(), reason: "not ours".into() };
    assert_eq!(refusal(provision.tenants().close_tenant(close).await), "TENANT_NOT_ALLOWED");
}

#[tokio::test]
async fn a_service_for_several_tenants_names_the_one_that_it_means() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (ours, theirs) = (Company::open(&callers).await, Company::open(&callers).await);
    let mint = Mint::of(&running);
    let mut carrier = chat::carrier_service_client::CarrierServiceClient::new(mint.chat.clone());
    let text = |id: &str| chat::ReceiveMessageRequest {
        provider: "test".into(),
        provider_message_id: id.into(),
        contact_number: CUSTOMER.into(),
        body: "hello".into(),
        ..Default::default()
    };
    for tenants in [vec![ours.tenant.as_str(), theirs.tenant.as_str()], vec!["*"]] {
        let token = mint.token(Claims::service(&["carrier"], &tenants));
        assert_eq!(outcome(carrier.receive_message(with_token(&token, text("1"))).await), "INVALID_FIELD");
        for company in [&ours, &theirs] {
            let received = carrier.receive_message(for_tenant(&token, &company.tenant, text("1"))).await.expect("received");
            assert_eq!(received.into_inner().thread_id, company.thread);
        }
        let elsewhere = carrier.receive_message(for_tenant(&token, "elsewhere", text("1"))).await;
        assert_eq!(outcome(elsewhere), "TENANT_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn a_technician_sees_the_last_four_digits_of_the_customers_number() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let get = async |party: &crewline::party::Party| {
        let get = chat::GetThreadRequest { thread_id: company.thread.clone() };
        party.threads().get_thread(get).await.expect("seen").into_inner().thread.expect("a thread").contact_number
    };
    assert_eq!(get(&company.olga).await, CUSTOMER);
    for technician in [&company.tina, &company.vera] {
        let shown = get(technician).await;
        assert!(shown.ends_with("0123"), "{shown}");
        assert_eq!(shown.chars().filter(char::is_ascii_digit).count(), 4, "{shown}");
    }
}

#[tokio::test]
async fn page_tokens_and_cursors_of_another_tenant_open_nothing() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (ours, theirs) = (Company::open(&callers).await, Company::open(&callers).await);
    let page = |page_token| pb::ListPeopleRequest { page_size: 1, page_token };
    let token = theirs.admin.directory().list_people(page(String::new())).await.expect("a page").into_inner().next_page_token;
    assert_eq!(refusal(ours.admin.directory().list_people(page(token)).await), "PAGE_TOKEN_INVALID");

    theirs.text("1", "theirs").await;
    let mut stream = theirs.watch(&theirs.olga).await;
    stream.read_to(1).await;
    let foreign = Reader::try_open_at(&ours.olga, &ours.thread, Position::Cursor(stream.cursor.clone())).await;
    assert_eq!(refusal(foreign.map(|_| ())), "INVALID_FIELD");
}

#[tokio::test]
async fn nothing_is_done_to_a_thread_of_another_tenant_and_nothing_of_it_is_told() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (ours, theirs) = (Company::open(&callers).await, Company::open(&callers).await);
    let mut gateways = [Gateway::open(&ours.carrier).await, Gateway::open(&theirs.carrier).await];
    let mut inbox = InboxReader::open(&ours.olga).await;
    let sent = try_send(&theirs.tina, &theirs.thread, "1", "theirs").await.expect("sent").message.expect("a message");
    let (thread, message) = (theirs.thread.as_str(), sent.message_id.as_str());
    for party in [&ours.tina, &ours.olga] {
        let told = [
            outcome(calls::read(party, thread, 1).await),
            outcome(calls::unread(party, thread, 0).await),
            outcome(calls::note(party, thread, "1", "hello", chat::Audience::Crew).await),
            outcome(calls::resend(party, thread, message, "2").await),
            outcome(calls::attachment(party, thread, message, "photo").await),
            outcome(calls::set_typing(party, thread, true).await),
        ];
        assert_eq!(told, ["THREAD_NOT_VISIBLE"; 6]);
    }
    let told = [
        outcome(calls::close(&ours.olga, thread).await),
        outcome(calls::reopen(&ours.olga, thread).await),
        outcome(calls::move_to(&ours.olga, thread, "1002", false).await),
    ];
    assert_eq!(told, ["THREAD_NOT_VISIBLE"; 3]);
    assert_eq!(outcome(calls::resend(&ours.olga, &ours.thread, message, "3").await), "RESOURCE_NOT_FOUND");

    // What comes first to ours is ours.
    try_send(&ours.tina, &ours.thread, "1", "ours").await.expect("sent");
    assert_eq!(gateways[0].accept_next().await.body, "ours");
    assert_eq!(gateways[1].accept_next().await.body, "theirs");
    inbox.until("ours", |inbox| inbox.shown.threads[&ours.thread].last_message.is_some()).await;
    assert_eq!(inbox.ids(), [ours.thread.as_str()]);
    assert_eq!(calls::list_all(&ours.olga).await.len(), 1);
}
