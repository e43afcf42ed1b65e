//! Texts on their way out: in order, one at a time for a number, each with a lease, and none without an end.

use std::time::Duration;

use chat::acknowledge_outbound_request::Result as Outcome;
use chat::event::Payload;
use chat::{Accepted, DeliveryStatus, Rejected, TryLater};
use crewline_api::chat::v1 as chat;
use futures_util::future::join_all;

use crate::company::{CUSTOMER, Company, messages_of, refusal, try_send};
use crate::gateway::{Gateway, unknown_token};
use crate::running::Running;
use crate::waiting::until;

const OTHER_NUMBER: &str = "+15550100777";

async fn with_lease(millis: &str, hand_outs: &str) -> Running {
    let environment = [("CREWLINE_CHAT__OUTBOUND_LEASE_MILLIS", millis), ("CREWLINE_CHAT__OUTBOUND_HAND_OUTS", hand_outs)];
    Running::start("all", &environment).await
}

/// Waits until a message is there with this status.
async fn until_status(company: &Company, body: &str, status: DeliveryStatus) -> chat::Message {
    until(&format!("{body} is {status:?}"), async || {
        company.messages().await.into_iter().find(|message| message.body == body && message.delivery_status() == status)
    })
    .await
}

#[tokio::test]
async fn a_hundred_sends_with_one_id_are_one_text_to_the_customer() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let sends = join_all((0..100).map(|_| try_send(&company.tina, &company.thread, "id", "hello"))).await;
    assert!(sends.into_iter().all(|sent| sent.is_ok()));
    assert_eq!(company.messages().await.len(), 1);
    let text = gateway.accept_next().await;
    assert_eq!((text.body.as_str(), text.hand_outs), ("hello", 1));
    try_send(&company.tina, &company.thread, "next", "the next").await.expect("sent");
    assert_eq!(gateway.next().await.body, "the next");
}

#[tokio::test]
async fn a_text_goes_out_as_it_was_written_and_says_where_it_belongs() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let sent = try_send(&company.tina, &company.thread, "1", "two\nlines 👍").await.expect("sent").message.expect("a message");
    assert_eq!((sent.delivery_status(), sent.delivery_attempt), (DeliveryStatus::Queued, 1));
    let text = gateway.next().await;
    assert_eq!((&text.thread_id, &text.message_id, &text.body), (&company.thread, &sent.message_id, &sent.body));
    assert_eq!((text.contact_number.as_str(), text.business_number.as_str(), text.hand_outs), (CUSTOMER, "", 1));
    assert!(text.lease_expire_time.is_some() && text.token.parse::<uuid::Uuid>().is_ok());
    assert_eq!(gateway.accept(&text).await, DeliveryStatus::Accepted);
    let told = company.messages().await.remove(0);
    assert_eq!((told.delivery_status(), told.delivery_error.as_str(), told.delivery_attempt), (DeliveryStatus::Accepted, "", 1));
    let mut tina = company.watch(&company.tina).await;
    let updated = |payload: &Payload| if let Payload::DeliveryUpdated(told) = payload { Some(told.clone()) } else { None };
    let update = tina.read_until(updated).await;
    assert_eq!((&update.message_id, update.message_seq, update.attempt), (&sent.message_id, 1, 1));
    assert_eq!((update.status(), update.error.as_str()), (DeliveryStatus::Accepted, ""));
}

#[tokio::test]
async fn texts_of_one_number_go_out_in_order_and_one_at_a_time_from_two_threads_too() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread("1002", CUSTOMER).await;
    let other = company.start_thread("1001", OTHER_NUMBER).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    for number in 0..6 {
        let thread = if number % 2 == 0 { &company.thread } else { &second };
        try_send(&company.olga, thread, &number.to_string(), &number.to_string()).await.expect("sent");
    }
    let mut settled = Vec::new();
    for number in 0..6 {
        let text = gateway.next().await;
        // While it is out, another number's text comes, and no other one of this number.
        try_send(&company.olga, &other, &number.to_string(), "elsewhere").await.expect("sent");
        assert_eq!(gateway.accept_next().await.body, "elsewhere");
        // Refused is settled, too.
        if number == 3 {
            gateway.reject(&text, "no").await
        } else {
            gateway.accept(&text).await
        };
        settled.push(text.body);
    }
    assert_eq!(settled, ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_text_that_is_not_acknowledged_is_handed_out_again_with_its_token_and_not_before_its_lease_has_run_out() {
    let running = with_lease("1000", "8").await;
    let company = Company::open(&running.callers().await).await;
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");
    let mut first = Gateway::open(&company.carrier).await;
    let before = first.next().await;
    assert_eq!(first.next_within(Duration::from_millis(300)).await, None, "it is leased");
    // On any stream of the tenant.
    drop(first);
    let mut second = Gateway::open(&company.carrier).await;
    let again = second.next().await;
    assert_eq!((&again.token, &again.message_id, again.hand_outs), (&before.token, &before.message_id, 2));
    let expiry = |text: &chat::OutboundText| text.lease_expire_time.map(|time| (time.seconds, time.nanos));
    assert!(expiry(&again) > expiry(&before));
    assert_eq!(second.accept(&again).await, DeliveryStatus::Accepted);
    try_send(&company.tina, &company.thread, "2", "the next").await.expect("sent");
    assert_eq!(second.next().await.body, "the next", "the first is settled");
}

#[tokio::test]
async fn a_text_that_nobody_ever_acknowledges_fails_where_everybody_sees_it() {
    let running = with_lease("1000", "3").await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let mut tina = company.watch(&company.tina).await;
    try_send(&company.tina, &company.thread, "1", "poison").await.expect("sent");
    try_send(&company.tina, &company.thread, "2", "after it").await.expect("sent");
    for hand_outs in 1..=3 {
        let text = gateway.next().await;
        assert_eq!((text.body.as_str(), text.hand_outs), ("poison", hand_outs));
    }
    let after = gateway.next().await;
    assert_eq!(after.body, "after it", "it blocks nothing");
    let failed = until_status(&company, "poison", DeliveryStatus::Failed).await;
    assert!(!failed.delivery_error.is_empty());
    let update = tina.read_until(|payload| match payload {
        Payload::DeliveryUpdated(told) if told.message_seq == 1 => Some(told.clone()),
        _ => None,
    });
    assert_eq!(update.await.status(), DeliveryStatus::Failed);
    gateway.accept(&after).await;
    until_status(&company, "after it", DeliveryStatus::Accepted).await;
}

#[tokio::test]
async fn the_first_answer_counts_and_a_repeated_one_changes_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    for (body, first) in [("accepted", DeliveryStatus::Accepted), ("rejected", DeliveryStatus::Failed)] {
        try_send(&company.tina, &company.thread, body, body).await.expect("sent");
        let text = gateway.next().await;
        let told =
            if first == DeliveryStatus::Accepted { gateway.accept(&text).await } else { gateway.reject(&text, "no").await };
        assert_eq!(told, first);
        let message = until_status(&company, body, first).await;
        let head = crate::calls::seen(&company.olga, &company.thread).await.head_seq;
        assert_eq!(gateway.accept(&text).await, first);
        assert_eq!(gateway.reject(&text, "another reason").await, first);
        assert_eq!(gateway.put_off(&text).await, first);
        assert_eq!(until_status(&company, body, first).await, message);
        assert_eq!(message.delivery_error, if first == DeliveryStatus::Failed { "no" } else { "" });
        assert_eq!(crate::calls::seen(&company.olga, &company.thread).await.head_seq, head, "no event");
    }
}

#[tokio::test]
async fn a_text_that_was_put_off_comes_again_with_its_token() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");
    try_send(&company.tina, &company.thread, "2", "the next").await.expect("sent");
    let text = gateway.next().await;
    assert_eq!(gateway.put_off(&text).await, DeliveryStatus::Queued);
    let again = gateway.next().await;
    assert_eq!((&again.token, again.hand_outs), (&text.token, 2), "in its place");
    gateway.accept(&again).await;
    assert_eq!(gateway.next().await.body, "the next");
}

#[tokio::test]
async fn a_token_that_was_never_given_or_says_nothing_is_refused() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let other = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");
    let text = gateway.next().await;
    let foreign = Gateway::open(&other.carrier).await;
    let accepted = Accepted { provider: "test".into(), provider_message_id: "p1".into() };
    for outcome in
        [Outcome::Accepted(accepted), Outcome::Rejected(Rejected { error: "no".into() }), Outcome::TryLater(TryLater {})]
    {
        assert_eq!(refusal(gateway.acknowledge(&unknown_token(), outcome.clone()).await), "RESOURCE_NOT_FOUND");
        assert_eq!(refusal(foreign.acknowledge(&text.token, outcome.clone()).await), "RESOURCE_NOT_FOUND");
        assert_eq!(refusal(gateway.acknowledge("no-token", outcome).await), "INVALID_FIELD");
    }
    let says_nothing = chat::AcknowledgeOutboundRequest { token: text.token.clone(), result: None };
    assert_eq!(refusal(company.carrier.carrier().acknowledge_outbound(says_nothing).await), "INVALID_FIELD");
    let too_long = Outcome::Rejected(Rejected { error: "x".repeat(201) });
    assert_eq!(refusal(gateway.acknowledge(&text.token, too_long).await), "INVALID_FIELD");
    for (provider, id) in [("", "p1"), ("a provider", "p1"), ("test", ""), ("test", "a b")] {
        let bad = Outcome::Accepted(Accepted { provider: provider.into(), provider_message_id: id.into() });
        assert_eq!(refusal(gateway.acknowledge(&text.token, bad).await), "INVALID_FIELD", "{provider:?} {id:?}");
    }
    assert_eq!(gateway.accept(&text).await, DeliveryStatus::Accepted);
}

#[tokio::test]
async fn texts_that_wait_survive_a_kill_and_go_out_once_it_serves_again() {
    let mut running = with_lease("1000", "8").await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    for id in ["1", "2"] {
        try_send(&company.tina, &company.thread, id, id).await.expect("sent");
    }
    let out = gateway.next().await;
    running.kill();
    running.restart().await;
    let mut gateway = Gateway::reopen(&company.carrier).await;
    let again = gateway.accept_next().await;
    assert_eq!((&again.token, again.hand_outs), (&out.token, 2));
    assert_eq!(gateway.accept_next().await.body, "2");
    assert_eq!(messages_of(&company.olga, &company.thread).await.len(), 2);
}
