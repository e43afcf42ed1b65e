//! P4: one id, one message; what is written is written whole, or not at all.

use std::time::{Duration, Instant};

use chassis::clock::Clock;
use chassis::ids::Ids;
use crewline::party::until_heard;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tonic_types::StatusExt;

use crate::company::{Company, JOB, messages_of, refusal, try_send};
use crate::engine::hold_writers;
use crate::refusals::reason_of;
use crate::running::Running;

/// More than may wait for the database at once.
const MANY: usize = 800;
const CUT_SENDS: u64 = 200;
const LONGEST_PATIENCE: Duration = Duration::from_millis(12);
/// Far more than a write takes.
const TIME_TO_WRITE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_hundred_concurrent_sends_with_one_id_make_one_message() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    let sends = join_all((0..100).map(|_| try_send(&company.tina, &company.thread, "id", "hello"))).await;
    let answers: Vec<chat::SendMessageResponse> = sends.into_iter().map(|sent| sent.expect("answered")).collect();
    assert!(answers.iter().all(|answer| answer.message == answers[0].message), "all are told of the same message");
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    assert_eq!(company.messages().await.len(), 1);
    assert_eq!(company.text("1", "the next").await.seq, 2, "no number was lost");
    tina.read_to(2).await;
    assert_eq!(tina.bodies, ["hello", "the next"]);
}

#[tokio::test]
async fn an_id_is_its_authors_in_its_thread_and_stands_for_one_body() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let other = company.start_thread(JOB, "+15550100777").await;
    let first = try_send(&company.tina, &company.thread, "id", "hello").await.expect("sent");
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "id", "goodbye").await), "IDEMPOTENCY_KEY_REUSED");
    for (party, thread) in [(&company.theo, &company.thread), (&company.olga, &company.thread), (&company.tina, &other)] {
        assert!(!try_send(party, thread, "id", "goodbye").await.expect("its own").duplicate);
    }
    let again = try_send(&company.tina, &company.thread, "id", "hello").await.expect("a retry");
    assert!(again.duplicate);
    assert_eq!(again.message, first.message, "as the first call made it");
    assert_eq!((company.messages().await.len(), messages_of(&company.olga, &other).await.len()), (3, 1));
}

#[tokio::test]
async fn an_author_is_named_as_they_were_called_when_they_wrote() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let name = |sent: chat::SendMessageResponse| sent.message.expect("a message").author.expect("an author").display_name;
    let before = try_send(&company.tina, &company.thread, "1", "before").await.expect("sent");
    let renamed = pb::Person { person_id: "tina".into(), display_name: "Tina Turner".into(), ..Default::default() };
    company.heard(company.set_person(renamed, "display_name").await).await;
    let after = try_send(&company.tina, &company.thread, "2", "after").await.expect("sent");
    let again = try_send(&company.tina, &company.thread, "1", "before").await.expect("a retry");
    assert_eq!([name(before), name(after), name(again)], ["tina", "Tina Turner", "tina"]);
}

#[tokio::test]
async fn more_sends_than_may_wait_are_refused_with_when_to_retry_and_each_is_made_once() {
    // So many that the queue of the database is full, which is for all tenants together.
    let no_other_limit =
        ["CALLS_PER_SECOND_PER_CALLER", "CALLS_UNDER_WAY_PER_TENANT"].map(|limit| format!("CREWLINE_SERVER__LIMITS__{limit}"));
    let running = Running::start("all", &no_other_limit.each_ref().map(|name| (name.as_str(), "0"))).await;
    let company = Company::open(&running.callers().await).await;
    let (tina, thread) = (&company.tina, company.thread.as_str());
    let sends = join_all((0..MANY).map(|number| async move {
        let id = format!("m{number}");
        (try_send(tina, thread, &id, &id).await, id)
    }));
    let mut refused = Vec::new();
    for (sent, id) in sends.await {
        let Err(status) = sent else { continue };
        let full = reason_of(&status) == "QUEUE_FULL";
        // On a slow disk some of those who wait do so in vain, and do not know what came of it.
        assert!(full || reason_of(&status) == "STORE_UNAVAILABLE", "{status:?}");
        assert!(status.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()), "{status:?}");
        refused.push((id, full));
    }
    println!("{} of {MANY} sends were refused", refused.len());
    assert!(refused.iter().any(|(_, full)| *full) && refused.len() < MANY);
    for (id, full) in refused {
        let duplicate = try_send(tina, thread, &id, &id).await.expect("room again").duplicate;
        assert!(!(full && duplicate), "a send that was refused had written");
    }
    let mut bodies: Vec<String> = company.messages().await.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies.len(), MANY);
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), MANY);
}

#[tokio::test]
async fn a_person_writes_1_to_1600_characters_and_not_only_white_space() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let good = ["x", "two\nlines\twith a tab", "two\r\nlines", "  spaced  ", "👩‍🔧 ok", &"ü".repeat(1_600), &"👍".repeat(1_600)];
    for (number, body) in good.iter().enumerate() {
        let sent = try_send(&company.tina, &company.thread, &number.to_string(), body).await.expect("good");
        assert_eq!(sent.message.expect("a message").body, *body, "as it was written");
    }
    for bad in ["", " ", " \n\t ", "\u{a0}\u{2003}", &"ü".repeat(1_601), "nul\0", "bell\u{7}", "escape\u{1b}[1m"] {
        assert_eq!(refusal(try_send(&company.tina, &company.thread, "bad", bad).await), "INVALID_FIELD", "{bad:?}");
    }
    assert_eq!(company.messages().await.len(), good.len());
}

#[tokio::test]
async fn a_person_writes_no_control_characters_but_line_breaks_and_tabs() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for code in (0..0x20).chain(0x7f..0xa0) {
        let character = char::from_u32(code).expect("a control character");
        let sent = try_send(&company.tina, &company.thread, &format!("c{code}"), &format!("a{character}b")).await;
        if ['\n', '\r', '\t'].contains(&character) {
            sent.expect("line breaks and tabs are good");
        } else {
            assert_eq!(refusal(sent), "INVALID_FIELD", "{character:?}");
        }
    }
}

#[tokio::test]
async fn a_client_message_id_is_1_to_64_visible_characters() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for bad in ["", " ", "a b", "ü", "a\n", &"x".repeat(65)] {
        assert_eq!(refusal(try_send(&company.tina, &company.thread, bad, "hello").await), "INVALID_FIELD", "{bad:?}");
    }
    try_send(&company.tina, &company.thread, &"x".repeat(64), "hello").await.expect("good");
}

/// How long a client waits before it hangs up: some turns of the runtime, which are shorter than any timer, or some milliseconds.
async fn patience(number: u64, ids: &Ids) {
    if number.is_multiple_of(2) {
        for _ in 0..number % 64 {
            tokio::task::yield_now().await;
        }
    } else {
        tokio::time::sleep(ids.jitter(LONGEST_PATIENCE)).await;
    }
}

#[tokio::test]
async fn a_send_whose_client_hangs_up_half_way_is_written_whole_or_not_at_all() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut olga = company.watch(&company.olga).await;
    let ids = Ids::from_os(Clock::system());
    let (thread, tina, ids) = (company.thread.as_str(), &company.tina, &ids);
    let outcomes: Vec<(bool, bool)> = stream::iter(0..CUT_SENDS)
        .map(|number| async move {
            let id = format!("m{number}");
            // Dropping the call resets its stream: the server is told at once.
            let cut = tokio::select! {
                biased;
                // On a busy machine a send may have waited in vain.
                sent = try_send(tina, thread, &id, &id) => sent.is_err(),
                () = patience(number, ids) => true,
            };
            let settled = until_heard(async || try_send(tina, thread, &id, &id).await).await.expect("settled");
            (cut, settled.duplicate)
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let cut = outcomes.iter().filter(|(cut, _)| *cut).count();
    let cut_and_written = outcomes.iter().filter(|(cut, duplicate)| *cut && *duplicate).count();
    println!("{cut} of {CUT_SENDS} sends were cut, {cut_and_written} of them had been written");
    assert!(outcomes.iter().all(|(cut, duplicate)| *cut || *duplicate), "what was acknowledged is there");
    assert!(cut_and_written > 0 && cut_and_written < cut, "the cuts hit sends before, in and after the write");

    let messages = company.messages().await;
    let mut bodies: Vec<String> = messages.iter().map(|message| message.body.clone()).collect();
    assert!(messages.iter().zip(1..).all(|(message, seq)| message.seq == seq), "numbered without a gap");
    olga.read_to(CUT_SENDS).await;
    assert_eq!(olga.bodies, bodies, "the stream and the list tell the same");
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len() as u64, CUT_SENDS, "exactly one message each");
    assert_eq!(messages.len() as u64, CUT_SENDS);
}

/// The number of the message with this body, if it comes to be there.
async fn found(company: &Company, body: &str) -> Option<u64> {
    let began = Instant::now();
    while began.elapsed() < TIME_TO_WRITE {
        if let Some(message) = company.messages().await.into_iter().find(|message| message.body == body) {
            return Some(message.seq);
        }
    }
    None
}

#[tokio::test]
async fn what_is_written_after_its_client_hung_up_reaches_those_who_watch() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut olga = company.watch(&company.olga).await;
    let ids = Ids::from_os(Clock::system());
    let mut left_behind = 0;
    for number in 0..40 {
        let id = format!("m{number}");
        let send = try_send(&company.tina, &company.thread, &id, &id);
        let cut = tokio::time::timeout(ids.jitter(LONGEST_PATIENCE / 3), send).await.is_err();
        // Neither a retry nor another message may be what wakes the watcher.
        if let Some(seq) = found(&company, &id).await {
            olga.read_to(seq).await;
            left_behind += u32::from(cut);
        }
    }
    println!("{left_behind} of 40 sends were written after their client had hung up");
    assert!(left_behind > 0);
}

#[tokio::test]
async fn a_send_that_waited_for_its_turn_is_not_written_when_access_is_gone_by_then() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    // Somebody else holds the writer's place.
    let writer = hold_writers(&running.chat_database().await).await;
    let (tina, thread) = (company.tina.clone(), company.thread.clone());
    let send = tokio::spawn(async move { try_send(&tina, &thread, "1", "too late").await });
    let mut olga = company.watch(&company.olga).await;
    company.heard(company.permit("tina", false, false).await).await;
    writer.rollback().await.expect("freed");

    let refused = refusal(send.await.expect("answered"));
    // Under load the send may come after the revocation, or wait longer than a write may: none of it writes.
    assert!(["CHAT_PERMISSION_REQUIRED", "STORE_UNAVAILABLE"].contains(&refused.as_str()), "{refused}");
    company.text("1", "the first").await;
    olga.read_to(1).await;
    assert_eq!(olga.bodies, ["the first"]);
}

#[tokio::test]
async fn a_repeated_send_that_waited_for_its_turn_is_not_answered_when_access_is_gone_by_then() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    try_send(&company.tina, &company.thread, "1", "once").await.expect("sent");
    let writer = hold_writers(&running.chat_database().await).await;
    let (tina, thread) = (company.tina.clone(), company.thread.clone());
    let again = tokio::spawn(async move { try_send(&tina, &thread, "1", "once").await });
    // A stream that opens in between has come after the send.
    let _olga = company.watch(&company.olga).await;
    company.heard(company.permit("tina", false, false).await).await;
    writer.rollback().await.expect("freed");
    let refused = refusal(again.await.expect("answered"));
    assert!(["CHAT_PERMISSION_REQUIRED", "STORE_UNAVAILABLE"].contains(&refused.as_str()), "{refused}");
}
