//! Sending again what was not delivered: only that, once for each order, as a new sending of the same message.

use chat::event::Payload;
use chat::{Audience, DeliveryStatus};
use crewline_api::chat::v1 as chat;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::calls::{note, resend, try_messages};
use crate::company::{Company, refusal, try_send};
use crate::gateway::{Gateway, by_token};
use crate::notifications::notify;
use crate::running::Running;

const NOT_FAILED: &str = "MESSAGE_NOT_FAILED";

#[tokio::test]
async fn only_what_failed_or_was_not_delivered_is_sent_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let again = async |message: &str| refusal(resend(&company.tina, &company.thread, message, &Uuid::new_v4().to_string()).await);
    let sent = try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent").message.expect("a message");
    assert_eq!(again(&sent.message_id).await, NOT_FAILED, "queued");
    let text = gateway.accept_next().await;
    assert_eq!(again(&sent.message_id).await, NOT_FAILED, "accepted");
    for status in [DeliveryStatus::Sent, DeliveryStatus::Delivered] {
        gateway.report(by_token(&text.token), status).await.expect("taken");
        assert_eq!(again(&sent.message_id).await, NOT_FAILED, "{status:?}");
    }
    company.text("1", "from the customer").await;
    note(&company.tina, &company.thread, "2", "a note", Audience::Crew).await.expect("noted");
    notify(&company.carrier, "1", crate::company::JOB, "automated").await.expect("told");
    for message in &try_messages(&company.tina, &company.thread).await.expect("seen")[1..] {
        assert_eq!(again(&message.message_id).await, NOT_FAILED, "{:?}", message.kind());
    }
    assert_eq!(again(&Uuid::new_v4().to_string()).await, "RESOURCE_NOT_FOUND");
    assert_eq!(again("no-message").await, "INVALID_FIELD");
    let elsewhere = company.start_thread(crate::company::JOB, "+15550100777").await;
    assert_eq!(refusal(resend(&company.tina, &elsewhere, &sent.message_id, "9").await), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn what_was_not_delivered_is_sent_again_as_a_new_sending_of_the_same_message() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let mut tina = company.watch(&company.tina).await;
    let sent = try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent").message.expect("a message");
    let first = gateway.accept_next().await;
    gateway.report(by_token(&first.token), DeliveryStatus::Undelivered).await.expect("taken");

    assert_eq!(refusal(resend(&company.vera, &company.thread, &sent.message_id, "r").await), "CHAT_PERMISSION_REQUIRED");
    // By whom it was written does not matter.
    let ordered = resend(&company.theo, &company.thread, &sent.message_id, "r").await.expect("ordered");
    let message = ordered.message.expect("a message");
    assert!(!ordered.duplicate);
    assert_eq!((&message.message_id, message.seq), (&sent.message_id, 1));
    assert_eq!((message.delivery_status(), message.delivery_attempt), (DeliveryStatus::Queued, 2));
    assert_eq!(message.delivery_error, "");
    assert_eq!(message.author, sent.author);
    assert_eq!(company.messages().await, [message], "no second message");

    let second = gateway.next().await;
    assert_ne!(second.token, first.token);
    assert_eq!((&second.message_id, second.body.as_str(), second.hand_outs), (&sent.message_id, "hello", 1));
    // A late word of the first sending says nothing of the second.
    let late = gateway.report(by_token(&first.token), DeliveryStatus::Delivered).await.expect("taken");
    assert_eq!(late, DeliveryStatus::Queued);
    gateway.reject(&second, "no again").await;
    let told = company.messages().await.remove(0);
    assert_eq!(
        (told.delivery_status(), told.delivery_error.as_str(), told.delivery_attempt),
        (DeliveryStatus::Failed, "no again", 2)
    );

    let third = resend(&company.olga, &company.thread, &sent.message_id, "r").await.expect("ordered").message;
    assert_eq!(third.expect("a message").delivery_attempt, 3);
    gateway.accept_next().await;
    let is_the_last = |payload: &Payload| match payload {
        Payload::DeliveryUpdated(told) if told.attempt == 3 && told.status() == DeliveryStatus::Accepted => Some(()),
        _ => None,
    };
    tina.read_until(is_the_last).await;
    let updates = tina.events[1..].iter().map(|event| match &event.payload {
        Some(Payload::DeliveryUpdated(told)) => (told.status(), told.attempt),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        updates.collect::<Vec<_>>(),
        [
            (DeliveryStatus::Accepted, 1),
            (DeliveryStatus::Undelivered, 1),
            (DeliveryStatus::Queued, 2),
            (DeliveryStatus::Failed, 2),
            (DeliveryStatus::Queued, 3),
            (DeliveryStatus::Accepted, 3),
        ]
    );
}

#[tokio::test]
async fn an_order_to_send_again_that_is_given_a_hundred_times_sends_once() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let sent = try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent").message.expect("a message");
    gateway.reject_next("no").await;
    let orders = join_all((0..100).map(|_| resend(&company.tina, &company.thread, &sent.message_id, "r"))).await;
    let duplicates = orders.into_iter().map(|ordered| ordered.expect("ordered").duplicate);
    assert_eq!(duplicates.filter(|duplicate| !duplicate).count(), 1);
    assert_eq!(gateway.reject_next("no again").await.hand_outs, 1);

    // Nor does it later, when the message has failed anew; and the id stands for this order alone.
    let late = resend(&company.tina, &company.thread, &sent.message_id, "r").await.expect("settled");
    assert!(late.duplicate);
    let message = late.message.expect("a message");
    assert_eq!((&message.message_id, message.delivery_attempt), (&sent.message_id, 2));
    let other = try_send(&company.tina, &company.thread, "2", "other").await.expect("sent").message.expect("a message");
    assert_eq!(gateway.reject_next("no").await.body, "other", "nothing went out in between");
    assert_eq!(refusal(resend(&company.tina, &company.thread, &other.message_id, "r").await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(refusal(resend(&company.tina, &company.thread, &other.message_id, "1").await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "r", "hello").await), "IDEMPOTENCY_KEY_REUSED");
}
