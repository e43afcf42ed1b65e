//! The office keeps the opt-outs straight: who may, what it changes, and what the list says.

use chat::event::Payload;
use chat::records_service_client::RecordsServiceClient;
use chat::{AuthorKind, ListOptOutsRequest, OptOut, SetOptOutRequest};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1::PersonKind;
use tonic::Status;
use tonic::transport::Channel;

use crate::calls::{close, seen};
use crate::closing::by;
use crate::company::{CUSTOMER, Company, refusal, try_send};
use crate::opting_out::text_to;
use crate::running::Running;
use crate::tokens::{Mint, with_token};

const OTHER_NUMBER: &str = "+15550100777";
const BUSINESS: &str = "+15550109001";
const OTHER_BUSINESS: &str = "+15550109002";

/// The records service, for whoever calls.
pub struct Records(Channel);

impl Records {
    pub fn of(running: &Running) -> Self {
        Self(Mint::of(running).chat)
    }

    /// Sets an opt-out: whether that changed anything.
    pub async fn set(&self, party: &Party, contact: &str, business: &str, opted_out: bool) -> Result<bool, Status> {
        let set = SetOptOutRequest { contact_number: contact.into(), business_number: business.into(), opted_out };
        let set = RecordsServiceClient::new(self.0.clone()).set_opt_out(with_token(&party.token, set)).await?;
        Ok(set.into_inner().changed)
    }

    pub async fn list(&self, party: &Party, list: ListOptOutsRequest) -> Result<chat::ListOptOutsResponse, Status> {
        Ok(RecordsServiceClient::new(self.0.clone()).list_opt_outs(with_token(&party.token, list)).await?.into_inner())
    }

    /// All pairs of contact and business number that are out.
    pub async fn pairs(&self, party: &Party, contact: &str) -> Vec<(String, String)> {
        let list = ListOptOutsRequest { contact_number: contact.into(), ..Default::default() };
        let listed = self.list(party, list).await.expect("listed").opt_outs;
        assert!(listed.iter().all(|out| out.update_time.is_some()));
        let mut pairs: Vec<_> =
            listed.into_iter().map(|OptOut { contact_number, business_number, .. }| (contact_number, business_number)).collect();
        pairs.sort();
        pairs
    }
}

#[tokio::test]
async fn the_office_says_that_a_customer_wants_no_texts_and_that_they_want_them_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let records = Records::of(&running);
    let mut tina = company.watch(&company.tina).await;
    for (seq, opted_out) in [(1, true), (2, false)] {
        assert!(records.set(&company.olga, CUSTOMER, "", opted_out).await.expect("set"));
        assert!(!records.set(&company.olga, CUSTOMER, "", opted_out).await.expect("set"), "it is so already");
        assert_eq!(seen(&company.tina, &company.thread).await.contact_opted_out, opted_out);
        let sent = try_send(&company.tina, &company.thread, &format!("{opted_out}"), "hello").await;
        if opted_out {
            assert_eq!(refusal(sent), "CONTACT_OPTED_OUT");
        } else {
            sent.expect("sent");
        }
        tina.read_to(seq).await;
        let Some(Payload::OptOutChanged(told)) = &tina.events[tina.events.len() - 1].payload else { panic!("{:?}", tina.events) };
        assert_eq!(told.opted_out, opted_out);
        assert_eq!(by(told.actor.as_ref()), (AuthorKind::Office, "olga", "olga"));
    }
    assert_eq!(records.pairs(&company.olga, "").await, []);
}

#[tokio::test]
async fn an_opt_out_is_of_one_number_from_one_number_of_one_tenant() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (company, other) = (Company::open(&callers).await, Company::open(&callers).await);
    let records = Records::of(&running);
    text_to(&company.carrier, CUSTOMER, BUSINESS, "hello").await;
    records.set(&company.olga, CUSTOMER, OTHER_BUSINESS, true).await.expect("set");
    records.set(&company.olga, CUSTOMER, "", true).await.expect("set");
    records.set(&company.olga, OTHER_NUMBER, BUSINESS, true).await.expect("set");
    records.set(&other.olga, CUSTOMER, BUSINESS, true).await.expect("set");
    assert!(!seen(&company.olga, &company.thread).await.contact_opted_out);
    try_send(&company.tina, &company.thread, "1", "from the first number").await.expect("sent");

    // The customer texts the other number: answers go out from that one.
    text_to(&company.carrier, CUSTOMER, OTHER_BUSINESS, "hello").await;
    assert!(seen(&company.olga, &company.thread).await.contact_opted_out);
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "2", "from the other").await), "CONTACT_OPTED_OUT");
    text_to(&company.carrier, CUSTOMER, BUSINESS, "hello").await;
    try_send(&company.tina, &company.thread, "2", "from the first again").await.expect("sent");

    let pair = |contact: &str, business: &str| (contact.to_owned(), business.to_owned());
    let of_the_customer = [pair(CUSTOMER, ""), pair(CUSTOMER, OTHER_BUSINESS)];
    assert_eq!(records.pairs(&company.olga, CUSTOMER).await, of_the_customer);
    assert_eq!(records.pairs(&company.olga, "").await.len(), 3);
    assert_eq!(records.pairs(&other.olga, "").await, [pair(CUSTOMER, BUSINESS)]);
}

#[tokio::test]
async fn opt_outs_come_in_pages() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let records = Records::of(&running);
    for number in 0..7 {
        records.set(&company.olga, &format!("+1555010020{number}"), "", true).await.expect("set");
    }
    let (mut contacts, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = ListOptOutsRequest { page_size: 3, page_token, ..Default::default() };
        let page = records.list(&company.olga, list).await.expect("a page");
        assert!(page.opt_outs.len() <= 3);
        contacts.extend(page.opt_outs.into_iter().map(|out| out.contact_number));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(contacts, (0..7).map(|number| format!("+1555010020{number}")).collect::<Vec<_>>());
    let bad = ListOptOutsRequest { page_token: "damaged".into(), ..Default::default() };
    assert_eq!(refusal(records.list(&company.olga, bad).await), "PAGE_TOKEN_INVALID");
}

#[tokio::test]
async fn the_office_alone_keeps_opt_outs_with_view_to_read_and_full_access_to_change() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let records = Records::of(&running);
    let otto = company.hire(&callers, PersonKind::Office, "otto", (true, false)).await;
    let nobody = company.hire(&callers, PersonKind::Office, "nobody", (false, false)).await;
    let list = ListOptOutsRequest::default;
    for technician in [&company.tina, &company.vera] {
        assert_eq!(refusal(records.set(technician, CUSTOMER, "", true).await), "CALLER_NOT_ALLOWED");
        assert_eq!(refusal(records.list(technician, list()).await), "CALLER_NOT_ALLOWED");
    }
    assert_eq!(refusal(records.set(&otto, CUSTOMER, "", true).await), "CHAT_PERMISSION_REQUIRED");
    assert_eq!(refusal(records.list(&nobody, list()).await), "CHAT_PERMISSION_REQUIRED");
    assert_eq!(records.pairs(&otto, "").await, []);
    for (contact, business) in [("", ""), ("5550100123", ""), (CUSTOMER, "12"), (CUSTOMER, "+0123456789")] {
        assert_eq!(refusal(records.set(&company.olga, contact, business, true).await), "INVALID_FIELD", "{contact} {business}");
    }
}

#[tokio::test]
async fn an_opt_out_outlives_the_conversation_and_meets_the_next_one() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let records = Records::of(&running);
    // Before anybody has written.
    assert!(records.set(&company.olga, OTHER_NUMBER, "", true).await.expect("set"));
    let thread = company.start_thread("1001", OTHER_NUMBER).await;
    assert!(seen(&company.olga, &thread).await.contact_opted_out);
    assert_eq!(refusal(try_send(&company.olga, &thread, "1", "hello").await), "CONTACT_OPTED_OUT");
    // And while it is closed.
    close(&company.olga, &company.thread).await.expect("closed");
    assert!(records.set(&company.olga, CUSTOMER, "", true).await.expect("set"));
    let other = company.start_thread("1002", CUSTOMER).await;
    assert_eq!(refusal(try_send(&company.olga, &other, "1", "hello").await), "CONTACT_OPTED_OUT");
}
