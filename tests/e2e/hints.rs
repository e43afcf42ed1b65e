//! Who else is here, and who types: a hint to the others, never to oneself, and soon forgotten.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chat::watch_thread_response::Frame;
use crewline::party::Party;
use crewline_api::chat::v1 as chat;

use crate::calls::{close, set_typing};
use crate::company::{Company, refusal};
use crate::reader::Reader;
use crate::running::Running;

/// Who views and who types.
type Here = BTreeMap<String, (bool, bool)>;

fn here(frame: &Frame) -> Option<Here> {
    let Frame::Presence(presence) = frame else { return None };
    let people = presence.people.iter();
    Some(people.map(|person| (person.person_id.clone(), (person.viewing, person.typing))).collect())
}

/// Somebody with the thread on their screen, once the stream is live.
async fn view(party: &Party, thread: &str) -> Reader {
    open(party, thread, true).await
}

/// Somebody who watches, and does not look.
async fn watch(party: &Party, thread: &str) -> Reader {
    open(party, thread, false).await
}

async fn open(party: &Party, thread: &str, viewing: bool) -> Reader {
    let watch = chat::WatchThreadRequest { thread_id: thread.into(), viewing, ..Default::default() };
    let mut reader = Reader::over(party.threads().watch_thread(watch).await.expect("a stream").into_inner());
    // Of presence nothing is told before that.
    let first = reader.until(|frame| matches!(frame, Frame::CaughtUp(_) | Frame::Presence(_)).then_some(frame.clone())).await;
    assert!(matches!(first, Frame::CaughtUp(_)), "{first:?}");
    reader
}

/// Reads until the others are these.
async fn until_here(reader: &mut Reader, expected: &[(&str, bool, bool)]) {
    let expected: Here = expected.iter().map(|&(id, viewing, typing)| (id.to_owned(), (viewing, typing))).collect();
    reader.until(|frame| here(frame).filter(|here| *here == expected)).await;
}

#[tokio::test]
async fn who_has_the_thread_on_their_screen_is_told_to_the_others_and_not_to_themselves() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut olga = watch(&company.olga, &company.thread).await;
    let mut tina = view(&company.tina, &company.thread).await;
    until_here(&mut olga, &[("tina", true, false)]).await;
    let vera = view(&company.vera, &company.thread).await;
    until_here(&mut olga, &[("tina", true, false), ("vera", true, false)]).await;
    until_here(&mut tina, &[("vera", true, false)]).await;
    // Who comes later is told of those who are here already.
    let mut theo = watch(&company.theo, &company.thread).await;
    until_here(&mut theo, &[("tina", true, false), ("vera", true, false)]).await;
    drop(vera);
    until_here(&mut olga, &[("tina", true, false)]).await;
    until_here(&mut tina, &[]).await;
}

#[tokio::test]
async fn a_person_with_two_devices_is_one_and_is_told_of_themselves_on_neither() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut olga = watch(&company.olga, &company.thread).await;
    let mut phone = view(&company.tina, &company.thread).await;
    let tablet = view(&company.tina, &company.thread).await;
    set_typing(&company.tina, &company.thread, true).await.expect("taken");
    until_here(&mut olga, &[("tina", true, true)]).await;
    drop(tablet);
    // The first that her phone hears of is somebody else.
    set_typing(&company.theo, &company.thread, true).await.expect("taken");
    let told = phone.until(here).await;
    assert_eq!(told, Here::from([("theo".to_owned(), (false, true))]));
    set_typing(&company.tina, &company.thread, false).await.expect("taken");
    set_typing(&company.theo, &company.thread, false).await.expect("taken");
    until_here(&mut olga, &[("tina", true, false)]).await;
}

#[tokio::test]
async fn who_types_is_told_until_they_stop_and_forgotten_after_6_seconds() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut streams = [watch(&company.olga, &company.thread).await, watch(&company.theo, &company.thread).await];
    set_typing(&company.tina, &company.thread, true).await.expect("taken");
    for stream in &mut streams {
        until_here(stream, &[("tina", false, true)]).await;
    }
    set_typing(&company.tina, &company.thread, false).await.expect("taken");
    for stream in &mut streams {
        until_here(stream, &[]).await;
    }
    set_typing(&company.tina, &company.thread, true).await.expect("taken");
    let began = Instant::now();
    for stream in &mut streams {
        until_here(stream, &[("tina", false, true)]).await;
        until_here(stream, &[]).await;
    }
    assert!((Duration::from_secs(5)..Duration::from_secs(12)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_hint_is_no_event_and_is_never_stored() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut olga = watch(&company.olga, &company.thread).await;
    set_typing(&company.tina, &company.thread, true).await.expect("taken");
    until_here(&mut olga, &[("tina", false, true)]).await;
    assert_eq!(crate::calls::seen(&company.olga, &company.thread).await.head_seq, 0);
    company.assert_reaches(&mut olga, "the first event").await;
    assert_eq!(olga.seq, 1);
}

#[tokio::test]
async fn typing_needs_full_access_to_a_thread_that_one_sees() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assert_eq!(refusal(set_typing(&company.vera, &company.thread, true).await), "CHAT_PERMISSION_REQUIRED");
    let elsewhere = company.start_thread("1002", "+15550100777").await;
    assert_eq!(refusal(set_typing(&company.tina, &elsewhere, true).await), "THREAD_NOT_VISIBLE");
    close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(refusal(set_typing(&company.tina, &company.thread, true).await), "THREAD_NOT_VISIBLE");
}

#[tokio::test]
async fn who_is_taken_off_the_job_is_no_longer_here() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut olga = watch(&company.olga, &company.thread).await;
    let tina = view(&company.tina, &company.thread).await;
    set_typing(&company.tina, &company.thread, true).await.expect("taken");
    until_here(&mut olga, &[("tina", true, true)]).await;
    company.unassign("1", &["tina"]).await;
    tina.assert_ends(chat::ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await;
    until_here(&mut olga, &[]).await;
}
