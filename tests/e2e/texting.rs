//! Customers' texts: each is one message, in the thread that it belongs to, and none is lost.

use crewline_api::chat::v1 as chat;
use futures_util::future::join_all;

use crate::company::{CUSTOMER, Company, refusal, try_send, try_text, try_text_from};
use crate::running::Running;

#[tokio::test]
async fn a_text_that_is_handed_in_a_hundred_times_is_one_message() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let texts = join_all((0..100).map(|_| try_text(&company.carrier, "id", "hello"))).await;
    let answers: Vec<chat::ReceiveMessageResponse> = texts.into_iter().map(|text| text.expect("answered")).collect();
    assert!(answers.iter().all(|answer| (answer.seq, &answer.thread_id) == (1, &company.thread)));
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);

    assert_eq!(refusal(try_text(&company.carrier, "id", "goodbye").await), "IDEMPOTENCY_KEY_REUSED");
    let other_number = try_text_from(&company.carrier, "+15550100777", "id", "hello").await;
    assert_eq!(refusal(other_number), "IDEMPOTENCY_KEY_REUSED");
    let other_provider = chat::ReceiveMessageRequest {
        provider: "another".into(),
        provider_message_id: "id".into(),
        contact_number: CUSTOMER.into(),
        body: "goodbye".into(),
        ..Default::default()
    };
    let received = company.carrier.carrier().receive_message(other_provider).await.expect("its own").into_inner();
    assert!(!received.duplicate);
    // A person's ids are apart from a provider's.
    assert!(!try_send(&company.tina, &company.thread, "id", "hello").await.expect("sent").duplicate);
    assert_eq!(company.messages().await.len(), 3);
}

#[tokio::test]
async fn a_text_goes_into_the_one_open_thread_of_its_number_and_with_several_to_the_office_alone() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assert_eq!(company.text("1", "only one").await.thread_id, company.thread);
    let second = company.start_thread("1002", CUSTOMER).await;
    let undecided = company.text("2", "which one?").await;
    assert!(![&company.thread, &second].contains(&&undecided.thread_id));
    assert_eq!(company.text("3", "and this?").await.thread_id, undecided.thread_id, "not into a third");

    let get = chat::GetThreadRequest { thread_id: undecided.thread_id.clone() };
    assert_eq!(refusal(company.tina.threads().get_thread(get.clone()).await), "THREAD_NOT_VISIBLE");
    let thread = company.olga.threads().get_thread(get).await.expect("the office's").into_inner().thread.expect("a thread");
    assert_eq!((thread.job_id.as_str(), thread.contact_number.as_str(), thread.head_seq), ("", CUSTOMER, 2));
    let bodies: Vec<String> = company.messages().await.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["only one"], "and nothing of it to the crew of a job");

    // A number that nobody has written with starts a thread of the office.
    let unknown = try_text_from(&company.carrier, "+15550100888", "4", "hello").await.expect("received");
    let get = chat::GetThreadRequest { thread_id: unknown.thread_id };
    let thread = company.olga.threads().get_thread(get).await.expect("the office's").into_inner().thread.expect("a thread");
    assert_eq!(thread.job_id, "");
}

#[tokio::test]
async fn a_customers_text_of_up_to_16000_characters_is_never_lost() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let long = "ü".repeat(16_000);
    let texts = ["x", "", &long, "two\r\nlines", "👩‍🔧", " ", "\n", "page\u{c}break", "bell\u{7}"];
    for (number, body) in texts.iter().enumerate() {
        let received = try_text(&company.carrier, &number.to_string(), body).await;
        assert!(received.is_ok(), "{:?}: {received:?}", body.chars().take(20).collect::<String>());
    }
    let shown = |text: &str| text.replace(['\u{c}', '\u{7}'], "\u{fffd}");
    let bodies: Vec<String> = company.messages().await.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, texts.map(shown), "as they were, but for what cannot be shown");
    let too_long = "ü".repeat(16_001);
    assert_eq!(refusal(try_text(&company.carrier, "bad", &too_long).await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_provider_and_its_ids_are_well_formed() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for bad in ["", "a b", "ü", &"x".repeat(129)] {
        assert_eq!(refusal(try_text(&company.carrier, bad, "hello").await), "INVALID_FIELD", "{bad:?}");
    }
    try_text(&company.carrier, &"x".repeat(128), "hello").await.expect("good");
    for provider in ["", "a provider", &"x".repeat(65)] {
        let text = chat::ReceiveMessageRequest {
            provider: provider.into(),
            provider_message_id: "id".into(),
            contact_number: CUSTOMER.into(),
            body: "hello".into(),
            ..Default::default()
        };
        assert_eq!(refusal(company.carrier.carrier().receive_message(text).await), "INVALID_FIELD", "{provider:?}");
    }
    for contact in ["", "+", "5550100123", "+123456", "+1234567890123456", "+0123456789", "+1 5550100123"] {
        assert_eq!(refusal(try_text_from(&company.carrier, contact, "id", "hello").await), "INVALID_FIELD", "{contact:?}");
    }
}

#[tokio::test]
async fn a_list_of_long_texts_comes_in_pages_that_any_client_can_take() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let long = "🔧".repeat(16_000);
    for number in 0..100 {
        company.text(&number.to_string(), &long).await;
    }
    // Six megabytes: a client as it comes refuses an answer of more than four.
    let messages = company.messages().await;
    assert_eq!(messages.iter().map(|message| message.seq).collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
}
