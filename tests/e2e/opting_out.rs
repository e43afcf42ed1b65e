//! STOP and START: the whole message and nothing else; kept, obeyed at once, and seen by everybody.

use chat::event::Payload;
use chat::{AuthorKind, DeliveryStatus};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use uuid::Uuid;

use crate::calls::{bodies, move_to, note, resend, seen, try_messages};
use crate::closing::by;
use crate::company::{CUSTOMER, Company, refusal, try_send};
use crate::gateway::Gateway;
use crate::inbox_reader::InboxReader;
use crate::reader::Reader;
use crate::records::Records;
use crate::running::Running;
use crate::waiting::until;

const OPTED_OUT: &str = "CONTACT_OPTED_OUT";
const STOPS: [&str; 10] = ["STOP", "END", "CANCEL", "UNSUBSCRIBE", "QUIT", "ARRET", "STOPALL", "REVOKE", "OPTOUT", "  stop\r\n"];
const STARTS: [&str; 4] = ["START", "UNSTOP", "YES", "\tStart "];

/// A customer texts one of the tenant's numbers.
pub async fn text_to(carrier: &Party, contact: &str, business: &str, body: &str) -> chat::ReceiveMessageResponse {
    let text = chat::ReceiveMessageRequest {
        provider: "test".into(),
        provider_message_id: Uuid::new_v4().to_string(),
        contact_number: contact.into(),
        business_number: business.into(),
        body: body.into(),
        ..Default::default()
    };
    carrier.carrier().receive_message(text).await.expect("received").into_inner()
}

async fn say(company: &Company, body: &str) -> chat::ReceiveMessageResponse {
    text_to(&company.carrier, CUSTOMER, "", body).await
}

/// The opt-outs in a stream.
fn changes(stream: &Reader) -> Vec<bool> {
    let told = stream.events.iter().filter_map(|event| match &event.payload {
        Some(Payload::OptOutChanged(told)) => {
            assert_eq!(by(told.actor.as_ref()), (AuthorKind::Customer, "", ""));
            Some(told.opted_out)
        }
        _ => None,
    });
    told.collect()
}

#[tokio::test]
async fn each_word_for_stop_opts_out_and_each_word_for_start_in_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    let mut expected = Vec::new();
    for (number, stop) in STOPS.iter().enumerate() {
        for stop in [(*stop).to_owned(), stop.to_lowercase()] {
            let start = STARTS[number % STARTS.len()];
            assert_eq!(say(&company, &stop).await.thread_id, company.thread);
            assert!(seen(&company.tina, &company.thread).await.contact_opted_out, "{stop:?}");
            for party in [&company.tina, &company.olga] {
                assert_eq!(refusal(try_send(party, &company.thread, &Uuid::new_v4().to_string(), "hello").await), OPTED_OUT);
            }
            say(&company, start).await;
            assert!(!seen(&company.tina, &company.thread).await.contact_opted_out, "{start:?}");
            try_send(&company.tina, &company.thread, &Uuid::new_v4().to_string(), "hello").await.expect("sent");
            expected.extend([stop, start.to_owned(), "hello".to_owned()]);
        }
    }
    assert_eq!(bodies(&company.messages().await), expected, "every word is kept");
    tina.read_to(seen(&company.tina, &company.thread).await.head_seq).await;
    assert_eq!(changes(&tina), [true, false].repeat(2 * STOPS.len()));
}

#[tokio::test]
async fn a_word_within_a_message_is_none_and_neither_is_what_changes_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    let no_words = [
        "please stop by at 5",
        "STOP it",
        "don't stop",
        "stop stop",
        "STOPP",
        "stop at the end",
        "the end",
        "cancel the appointment",
        "yes please",
        "s t o p",
        "",
    ];
    // Without an opt-out, a word to start is an answer like any other.
    for body in no_words.into_iter().chain(STARTS) {
        say(&company, body).await;
        assert!(!seen(&company.tina, &company.thread).await.contact_opted_out, "{body:?}");
    }
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");
    let stop = say(&company, "STOP").await;
    for body in ["STOP", "quit", "yes please", "no"] {
        say(&company, body).await;
        assert!(seen(&company.tina, &company.thread).await.contact_opted_out, "{body:?}");
    }
    say(&company, "YES").await;
    say(&company, "YES").await;
    assert!(!seen(&company.tina, &company.thread).await.contact_opted_out);
    tina.read_to(seen(&company.tina, &company.thread).await.head_seq).await;
    assert_eq!(changes(&tina), [true, false], "one event for each change");
    let at = tina.events.iter().position(|event| event.seq == stop.seq).expect("the message");
    assert!(matches!(tina.events[at].payload, Some(Payload::MessagePosted(_))));
}

#[tokio::test]
async fn a_stop_that_is_handed_in_again_later_does_not_opt_out_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "STOP").await;
    company.text("2", "START").await;
    assert!(company.text("1", "STOP").await.duplicate);
    assert!(!seen(&company.olga, &company.thread).await.contact_opted_out);
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");
}

#[tokio::test]
async fn who_has_opted_out_is_sent_nothing_and_colleagues_still_write_notes() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let sent = try_send(&company.tina, &company.thread, "1", "before").await.expect("sent").message.expect("a message");
    gateway.reject_next("no").await;
    say(&company, "STOP").await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "2", "hello").await), OPTED_OUT);
    assert_eq!(refusal(resend(&company.tina, &company.thread, &sent.message_id, "3").await), OPTED_OUT);
    note(&company.tina, &company.thread, "4", "they want no texts", chat::Audience::Crew).await.expect("noted");
    // A retry of what had been sent is settled, and the refused ids are free.
    assert!(try_send(&company.tina, &company.thread, "1", "before").await.expect("settled").duplicate);
    say(&company, "START").await;
    assert!(!try_send(&company.tina, &company.thread, "2", "hello again").await.expect("sent").duplicate);
    assert_eq!(gateway.accept_next().await.body, "hello again");
}

#[tokio::test]
async fn what_waits_for_the_gateway_at_a_stop_is_not_handed_out_and_fails() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let other = company.start_thread("1001", "+15550100777").await;
    let records = Records::of(&running);
    for (body, by_the_office) in [("stopped by text", false), ("stopped by the office", true)] {
        let id = format!("office-{by_the_office}");
        try_send(&company.tina, &company.thread, &id, body).await.expect("sent");
        if by_the_office {
            assert!(records.set(&company.olga, CUSTOMER, "", true).await.expect("set"));
        } else {
            say(&company, "STOP").await;
        }
        try_send(&company.tina, &other, &id, "to another").await.expect("sent");
        let mut gateway = Gateway::open(&company.carrier).await;
        assert_eq!(gateway.accept_next().await.contact_number, "+15550100777");
        let failed = until("it has failed", async || {
            let messages = company.messages().await;
            messages.into_iter().find(|message| message.body == body && message.delivery_status() == DeliveryStatus::Failed)
        });
        assert!(!failed.await.delivery_error.is_empty());
        // Nor is it when they want texts again, unless somebody says so.
        say(&company, "START").await;
        try_send(&company.tina, &company.thread, &format!("{id}-2"), "wanted again").await.expect("sent");
        assert_eq!(gateway.accept_next().await.body, "wanted again");
    }
}

#[tokio::test]
async fn a_stop_is_told_in_every_open_thread_of_the_number_and_live_in_each_inbox() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    try_send(&company.olga, &company.thread, "1", "so that texts come here").await.expect("sent");
    let second = company.start_thread("1001", "+15550100777").await;
    move_to(&company.olga, &company.thread, "1002", false).await.expect("moved");
    let first = company.start_thread("1001", CUSTOMER).await;
    let mut inbox = InboxReader::open(&company.tina).await;
    let mut stream = Reader::open(&company.tina, &first).await;
    for (body, out) in [("STOP", true), ("START", false)] {
        assert_eq!(say(&company, body).await.thread_id, company.thread, "of another job");
        inbox.until(body, |inbox| inbox.shown.threads[&first].contact_opted_out == out).await;
        assert!(!inbox.shown.threads[&second].contact_opted_out, "another number's");
        assert_eq!(seen(&company.tina, &first).await.contact_opted_out, out);
        stream.read_to(seen(&company.olga, &first).await.head_seq).await;
        assert_eq!(changes(&stream).last(), Some(&out));
    }
    assert_eq!(changes(&stream), [true, false]);
}

#[tokio::test]
async fn a_stop_from_a_number_that_nobody_knows_is_kept_and_obeyed_too() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let received = text_to(&company.carrier, "+15550100888", "+15550109001", "Stop").await;
    let thread = seen(&company.olga, &received.thread_id).await;
    assert!(thread.contact_opted_out);
    assert_eq!((thread.job_id.as_str(), thread.last_message.expect("the text").body.as_str()), ("", "Stop"));
    assert_eq!(refusal(try_send(&company.olga, &received.thread_id, "1", "hello").await), OPTED_OUT);
    let pair = ("+15550100888".to_owned(), "+15550109001".to_owned());
    assert_eq!(Records::of(&running).pairs(&company.olga, "").await, [pair]);
}

#[tokio::test]
async fn a_stop_to_a_number_holds_back_what_would_go_out_from_one_that_nobody_knows() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let second = company.start_thread("1002", CUSTOMER).await;
    try_send(&company.olga, &company.thread, "1", "goes out").await.expect("sent");
    let out = gateway.next().await;
    try_send(&company.olga, &second, "1", "waits").await.expect("sent");
    text_to(&company.carrier, CUSTOMER, "+15550109001", "STOP").await;
    for thread in [&company.thread, &second] {
        assert!(seen(&company.olga, thread).await.contact_opted_out);
        assert_eq!(refusal(try_send(&company.olga, thread, "2", "hello").await), OPTED_OUT);
    }
    gateway.accept(&out).await;
    let failed = async || {
        let message = try_messages(&company.olga, &second).await.expect("seen").remove(0);
        (message.delivery_status() == DeliveryStatus::Failed).then_some(())
    };
    until("what waited has failed", failed).await;
    text_to(&company.carrier, CUSTOMER, "+15550109001", "START").await;
    try_send(&company.olga, &second, "3", "hello again").await.expect("sent");
    assert_eq!(gateway.next().await.body, "hello again", "the one that waited did not go out");
}
