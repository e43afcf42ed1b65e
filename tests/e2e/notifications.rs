//! Automated notifications: written down where a conversation is open, and never more than that.

use chat::{Audience, AuthorKind, DeliveryStatus, MessageKind, RecordNotificationRequest, ThreadState};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use tonic::Status;

use crate::calls::{close, list_all, seen, try_messages};
use crate::company::{CUSTOMER, Company, JOB, refusal, try_send};
use crate::gateway::Gateway;
use crate::running::Running;

/// Another system says that it has told the customer something about a job.
pub async fn notify(carrier: &Party, id: &str, job: &str, body: &str) -> Result<chat::RecordNotificationResponse, Status> {
    notify_number(carrier, CUSTOMER, id, job, body).await
}

async fn notify_number(
    carrier: &Party,
    contact: &str,
    id: &str,
    job: &str,
    body: &str,
) -> Result<chat::RecordNotificationResponse, Status> {
    let record = RecordNotificationRequest {
        provider: "reminders".into(),
        provider_message_id: id.into(),
        contact_number: contact.into(),
        job_id: job.into(),
        body: body.into(),
    };
    Ok(carrier.carrier().record_notification(record).await?.into_inner())
}

#[tokio::test]
async fn a_notification_stands_in_the_open_conversation_of_its_job_and_number() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    let other = company.start_thread("1002", CUSTOMER).await;
    let told = notify(&company.carrier, "1", JOB, "we are on our way").await.expect("told");
    assert_eq!((told.thread_id.as_str(), told.seq, told.duplicate), (company.thread.as_str(), 1, false));
    assert_eq!(notify(&company.carrier, "2", "1002", "tomorrow at 9").await.expect("told").thread_id, other);

    tina.read_to(1).await;
    assert_eq!(tina.bodies, ["we are on our way"]);
    for party in [&company.tina, &company.vera, &company.olga] {
        let messages = try_messages(party, &company.thread).await.expect("seen");
        let [message] = messages.as_slice() else { panic!("{messages:?}") };
        let author = message.author.as_ref().expect("an author");
        assert_eq!(
            (message.kind(), message.audience(), author.kind()),
            (MessageKind::Automated, Audience::Crew, AuthorKind::System)
        );
        assert_eq!((message.delivery_status(), message.delivery_attempt), (DeliveryStatus::Unspecified, 0));
        assert_eq!(seen(party, &company.thread).await.unread_count, 0);
    }
}

#[tokio::test]
async fn a_notification_starts_no_conversation_and_opens_none_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for (contact, job) in [(CUSTOMER, "1002"), ("+15550100777", JOB), ("+15550100777", "")] {
        let told = notify_number(&company.carrier, contact, &format!("{contact}{job}"), job, "hello").await.expect("told");
        assert_eq!((told.thread_id.as_str(), told.seq), ("", 0), "{contact} {job}");
    }
    let closed = close(&company.olga, &company.thread).await.expect("closed");
    for (id, job) in [("1", JOB), ("2", "")] {
        assert_eq!(notify(&company.carrier, id, job, "hello").await.expect("told").thread_id, "");
    }
    let threads = list_all(&company.olga).await;
    assert_eq!(threads, [closed], "as it was, and alone");
    assert_eq!(threads[0].state(), ThreadState::Closed);
}

#[tokio::test]
async fn a_notification_without_a_job_is_written_where_one_conversation_alone_is_open() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assert_eq!(notify(&company.carrier, "1", "", "one is open").await.expect("told").thread_id, company.thread);
    let second = company.start_thread("1002", CUSTOMER).await;
    assert_eq!(notify(&company.carrier, "2", "", "two are open").await.expect("told").thread_id, "");
    close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(notify(&company.carrier, "3", "", "one is open").await.expect("told").thread_id, second);
}

#[tokio::test]
async fn a_notification_that_is_told_again_is_written_once() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let first = notify(&company.carrier, "id", JOB, "hello").await.expect("told");
    let again = notify(&company.carrier, "id", JOB, "hello").await.expect("told");
    assert!(again.duplicate);
    assert_eq!((again.thread_id, again.seq), (first.thread_id, first.seq));
    assert_eq!(refusal(notify(&company.carrier, "id", JOB, "goodbye").await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(company.messages().await.len(), 1);
    for bad in ["", "a b", &"x".repeat(129)] {
        assert_eq!(refusal(notify(&company.carrier, bad, JOB, "hello").await), "INVALID_FIELD", "{bad:?}");
    }
    let too_long = "ü".repeat(16_001);
    assert_eq!(refusal(notify(&company.carrier, "long", JOB, &too_long).await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_notification_does_not_go_out_and_decides_no_routing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread("1002", CUSTOMER).await;
    try_send(&company.olga, &second, "1", "from a person").await.expect("sent");
    notify(&company.carrier, "1", JOB, "later, and automated").await.expect("told");
    assert_eq!(company.text("1", "to the person").await.thread_id, second);
    let mut gateway = Gateway::open(&company.carrier).await;
    assert_eq!(gateway.accept_next().await.body, "from a person");
    try_send(&company.olga, &second, "2", "the next one").await.expect("sent");
    assert_eq!(gateway.accept_next().await.body, "the next one");
}
