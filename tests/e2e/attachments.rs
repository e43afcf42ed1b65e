//! Attachments: opaque ids, behind the same guard as their message, for a minute.

use std::time::{Duration, SystemTime};

use chat::SendMessageRequest;
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use tonic::Status;
use uuid::Uuid;

use crate::calls::{attachment, close, move_to, try_messages};
use crate::company::{CUSTOMER, Company, refusal};
use crate::gateway::Gateway;
use crate::running::Running;
use crate::waiting::until;

const MEDIA: &str = "https://media.example.com/files";
const LONGEST: Duration = Duration::from_secs(60);

async fn with_media() -> Running {
    Running::start("all", &[("CREWLINE_CHAT__ATTACHMENTS_URL", MEDIA)]).await
}

async fn send(party: &Party, thread: &str, id: &str, body: &str, ids: &[&str]) -> Result<chat::SendMessageResponse, Status> {
    let send = SendMessageRequest {
        thread_id: thread.into(),
        client_message_id: id.into(),
        body: body.into(),
        attachment_ids: ids.iter().map(ToString::to_string).collect(),
    };
    Ok(party.threads().send_message(send).await?.into_inner())
}

async fn receive(carrier: &Party, id: &str, body: &str, ids: &[&str]) -> Result<chat::ReceiveMessageResponse, Status> {
    let text = chat::ReceiveMessageRequest {
        provider: "test".into(),
        provider_message_id: id.into(),
        contact_number: CUSTOMER.into(),
        body: body.into(),
        attachment_ids: ids.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    Ok(carrier.carrier().receive_message(text).await?.into_inner())
}

/// The id of the company's first message.
async fn first(company: &Company) -> String {
    company.messages().await.remove(0).message_id
}

#[tokio::test]
async fn whoever_sees_a_message_gets_a_url_of_its_media_that_ends_within_a_minute() {
    let running = with_media().await;
    let company = Company::open(&running.callers().await).await;
    receive(&company.carrier, "1", "look", &["photo-1", "photo-2"]).await.expect("received");
    let message = first(&company).await;
    for party in [&company.tina, &company.vera, &company.olga] {
        let mut urls = Vec::new();
        for id in ["photo-1", "photo-2"] {
            let asked = SystemTime::now();
            let answer = attachment(party, &company.thread, &message, id).await.expect("a url");
            assert!(answer.url.starts_with(MEDIA), "{}", answer.url);
            let expiry = SystemTime::try_from(answer.expire_time.expect("an end")).expect("a time");
            assert!(expiry > asked && expiry <= SystemTime::now() + LONGEST);
            urls.push(answer.url);
        }
        assert_ne!(urls[0], urls[1]);
    }
    // It is made anew for each time that somebody asks.
    let before = attachment(&company.tina, &company.thread, &message, "photo-1").await.expect("a url");
    until("another url", async || {
        let answer = attachment(&company.tina, &company.thread, &message, "photo-1").await.expect("a url");
        (answer.url != before.url && answer.expire_time != before.expire_time).then_some(())
    })
    .await;
}

#[tokio::test]
async fn media_are_behind_the_guard_of_their_message() {
    let running = with_media().await;
    let company = Company::open(&running.callers().await).await;
    receive(&company.carrier, "1", "", &["photo"]).await.expect("received");
    receive(&company.carrier, "2", "", &["another"]).await.expect("received");
    let message = first(&company).await;
    let not_there = "RESOURCE_NOT_FOUND";
    assert_eq!(refusal(attachment(&company.tina, &company.thread, &message, "another").await), not_there);
    assert_eq!(refusal(attachment(&company.tina, &company.thread, &message, "none").await), not_there);
    let unknown = Uuid::new_v4().to_string();
    assert_eq!(refusal(attachment(&company.tina, &company.thread, &unknown, "photo").await), not_there);
    let elsewhere = company.start_thread("1001", "+15550100777").await;
    assert_eq!(refusal(attachment(&company.tina, &elsewhere, &message, "photo").await), not_there);
    for bad in ["", "a b", &"x".repeat(129)] {
        assert_eq!(refusal(attachment(&company.tina, &company.thread, &message, bad).await), "INVALID_FIELD", "{bad:?}");
    }
    assert_eq!(refusal(attachment(&company.tina, &company.thread, "no-message", "photo").await), "INVALID_FIELD");

    // Below the floor it is not there for the crew.
    company.heard(company.assign_to("1002", "1", &["tina"]).await).await;
    move_to(&company.olga, &company.thread, "1002", true).await.expect("moved");
    assert_eq!(refusal(attachment(&company.tina, &company.thread, &message, "photo").await), not_there);
    assert_eq!(refusal(attachment(&company.theo, &company.thread, &message, "photo").await), "THREAD_NOT_VISIBLE");
    close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(refusal(attachment(&company.tina, &company.thread, &message, "photo").await), "THREAD_NOT_VISIBLE");
    attachment(&company.olga, &company.thread, &message, "photo").await.expect("the office reads on");
}

#[tokio::test]
async fn a_message_carries_up_to_ten_media_and_needs_no_words_beside_them() {
    let running = with_media().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let ten = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let sent = send(&company.tina, &company.thread, "a", "", &ten).await.expect("sent").message.expect("a message");
    assert_eq!((sent.body.as_str(), sent.attachment_ids.len()), ("", 10));
    let text = gateway.accept_next().await;
    assert_eq!((text.body.as_str(), &text.attachment_ids), ("", &sent.attachment_ids));
    let longest = "x".repeat(128);
    send(&company.tina, &company.thread, "b", "and words", &[&longest]).await.expect("sent");
    receive(&company.carrier, "1", "", &ten).await.expect("received");
    for party in [&company.vera, &company.olga] {
        let messages = try_messages(party, &company.thread).await.expect("seen");
        assert_eq!(messages.iter().map(|message| message.attachment_ids.len()).collect::<Vec<_>>(), [10, 1, 10]);
        assert_eq!(messages[0].attachment_ids, ten);
    }
    let eleven = [&ten[..], &["11"]].concat();
    let too_long = "x".repeat(129);
    for bad in [&eleven[..], &[""], &["a b"], &["ü"], &[too_long.as_str()]] {
        assert_eq!(refusal(send(&company.tina, &company.thread, "bad", "hello", bad).await), "INVALID_FIELD", "{bad:?}");
        assert_eq!(refusal(receive(&company.carrier, "bad", "hello", bad).await), "INVALID_FIELD", "{bad:?}");
    }
    assert_eq!(refusal(send(&company.tina, &company.thread, "bad", "", &[]).await), "INVALID_FIELD");
}

#[tokio::test]
async fn media_are_part_of_what_an_id_stands_for() {
    let running = with_media().await;
    let company = Company::open(&running.callers().await).await;
    let reused = "IDEMPOTENCY_KEY_REUSED";
    send(&company.tina, &company.thread, "id", "hello", &["1", "2"]).await.expect("sent");
    assert!(send(&company.tina, &company.thread, "id", "hello", &["1", "2"]).await.expect("settled").duplicate);
    receive(&company.carrier, "id", "hello", &["1", "2"]).await.expect("received");
    assert!(receive(&company.carrier, "id", "hello", &["1", "2"]).await.expect("settled").duplicate);
    for other in [&["1"][..], &[], &["1", "3"], &["12"], &["1", "2", "3"]] {
        assert_eq!(refusal(send(&company.tina, &company.thread, "id", "hello", other).await), reused, "{other:?}");
        assert_eq!(refusal(receive(&company.carrier, "id", "hello", other).await), reused, "{other:?}");
    }
    assert_eq!(company.messages().await.len(), 2);
}

#[tokio::test]
async fn no_id_makes_an_address_that_leads_elsewhere() {
    let running = with_media().await;
    let company = Company::open(&running.callers().await).await;
    let ids = [".", "..", "../photo", "a/../../b", "?x=1", "#x", "%2e%2e", "..%2F", "//host"];
    send(&company.tina, &company.thread, "a", "", &ids).await.expect("sent");
    let message = first(&company).await;
    let mut addresses = Vec::new();
    for id in ids {
        let url = attachment(&company.tina, &company.thread, &message, id).await.expect("a url").url;
        let (path, _) = url.strip_prefix(MEDIA).expect("behind the server's").split_once('?').expect("signed");
        // Whoever follows an address takes these for steps, written out or not.
        let steps = path.to_lowercase().replace("%2e", ".");
        assert!(steps.split('/').all(|step| !matches!(step, "." | "..")) && !steps.contains("//"), "{id:?}: {url}");
        addresses.push(path.to_owned());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), ids.len(), "each has its own");
}

#[tokio::test]
async fn media_of_one_thread_is_not_taken_into_another_by_its_id() {
    let running = with_media().await;
    let company = Company::open(&running.callers().await).await;
    receive(&company.carrier, "1", "look", &["photo-1"]).await.expect("received");
    let other = company.start_thread("", "+15550100777").await;
    let taken = send(&company.olga, &other, "a", "mine now", &["photo-1"]).await;
    assert_eq!(refusal(taken), "RESOURCE_NOT_FOUND");
    assert!(try_messages(&company.olga, &other).await.expect("seen").is_empty(), "it left nothing behind");
    send(&company.tina, &company.thread, "b", "this one?", &["photo-1"]).await.expect("within its thread it goes back");
}
