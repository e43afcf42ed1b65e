//! Moving a thread: the old job's crew loses it at once; the new one sees all of it, or what comes from the floor on.

use std::collections::BTreeMap;

use chat::event::Payload;
use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use chat::{AuthorKind, ClosingReason, ResetReason};
use crewline::party::{Pair, Party};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1::PersonKind;

use crate::calls::{bodies, get, list_all, list_job, move_to, read, seen, try_messages};
use crate::closing::by;
use crate::company::{CUSTOMER, Company, JOB, refusal, try_send, try_text_from};
use crate::inbox_reader::InboxReader;
use crate::reader::Reader;
use crate::running::Running;

const OTHER_JOB: &str = "1002";

/// A technician of the other job.
async fn nick(company: &Company, callers: &Pair) -> Party {
    let nick = company.hire(callers, PersonKind::Technician, "nick", (true, true)).await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["nick"]).await).await;
    nick
}

#[tokio::test]
async fn a_move_cuts_the_old_crew_and_shows_the_new_one_everything() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let nick = nick(&company, &callers).await;
    company.text("1", "to the old crew").await;
    try_send(&company.tina, &company.thread, "1", "from the old crew").await.expect("sent");
    let mut olga = company.watch(&company.olga).await;
    let tina = company.watch(&company.tina).await;
    assert_eq!(refusal(get(&nick, &company.thread).await), "THREAD_NOT_VISIBLE");

    let moved = move_to(&company.olga, &company.thread, OTHER_JOB, false).await.expect("moved");
    assert_eq!((moved.thread.expect("a thread").job_id.as_str(), moved.crew_first_available_seq), (OTHER_JOB, 1));
    tina.assert_ends(ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await;
    assert_eq!(refusal(get(&company.tina, &company.thread).await), "THREAD_NOT_VISIBLE");
    assert_eq!(list_all(&company.tina).await, []);

    let listed = list_job(&nick, OTHER_JOB).await;
    assert_eq!((listed.threads[0].thread_id.as_str(), listed.job_unread_count), (company.thread.as_str(), 1));
    assert_eq!(listed.threads[0].first_available_seq, 1);
    let mut stream = Reader::open(&nick, &company.thread).await;
    stream.read_to(3).await;
    assert_eq!(stream.bodies, ["to the old crew", "from the old crew"]);
    olga.read_to(3).await;

    // The crew is not told where it came from.
    for (events, from) in [(&olga.events, JOB), (&stream.events, "")] {
        let Some(Payload::ThreadMoved(told)) = &events[2].payload else { panic!("{events:?}") };
        assert_eq!((told.from_job_id.as_str(), told.to_job_id.as_str(), told.floor), (from, OTHER_JOB, false));
        assert_eq!(by(told.actor.as_ref()), (AuthorKind::Office, "olga", "olga"));
    }
    assert_eq!(company.text("2", "to the new crew").await.thread_id, company.thread);
    stream.read_to(4).await;
}

#[tokio::test]
async fn with_a_floor_the_new_crew_sees_only_what_comes_from_the_move_on() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let nick = nick(&company, &callers).await;
    for id in ["1", "2", "3"] {
        company.text(id, "hidden").await;
    }
    let moved = move_to(&company.olga, &company.thread, OTHER_JOB, true).await.expect("moved");
    assert_eq!(moved.crew_first_available_seq, 4, "the move itself");
    let thread = seen(&nick, &company.thread).await;
    assert_eq!((thread.first_available_seq, thread.unread_count, thread.last_message), (4, 0, None));
    assert_eq!(try_messages(&nick, &company.thread).await.expect("seen"), []);

    company.text("4", "shown").await;
    let thread = seen(&nick, &company.thread).await;
    assert_eq!((thread.unread_count, thread.last_message.expect("the newest").body.as_str()), (1, "shown"));
    assert_eq!(bodies(&try_messages(&nick, &company.thread).await.expect("seen")), ["shown"]);
    let mut stream = Reader::open(&nick, &company.thread).await;
    stream.seq = u64::MAX;
    let opened = stream.until(|frame| if let Frame::Opened(opened) = frame { Some(*opened) } else { None }).await;
    assert_eq!((opened.first_available_seq, opened.head_seq), (4, 5));
    stream.read_until(|payload| matches!(payload, Payload::MessagePosted(_)).then_some(())).await;
    assert_eq!(stream.bodies, ["shown"]);
    let Some(Payload::ThreadMoved(told)) = &stream.events[0].payload else { panic!("{:?}", stream.events) };
    assert!(told.floor && told.from_job_id.is_empty());

    // The office sees all of it.
    let thread = seen(&company.olga, &company.thread).await;
    assert_eq!((thread.first_available_seq, thread.unread_count), (1, 4));
    assert_eq!(company.messages().await.len(), 4);
    let mut olga = Reader::open(&company.olga, &company.thread).await;
    olga.read_to(5).await;
}

#[tokio::test]
async fn a_position_below_the_floor_is_reset_to_the_floor() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["tina"]).await).await;
    for id in ["1", "2", "3"] {
        company.text(id, "hidden").await;
    }
    let mut before = Reader::open_at(&company.tina, &company.thread, Position::AfterSeq(0)).await;
    before.read_to(3).await;
    move_to(&company.olga, &company.thread, OTHER_JOB, true).await.expect("moved");
    company.text("4", "shown").await;
    for position in [Position::AfterSeq(1), Position::AfterSeq(2)] {
        let mut stream = Reader::open_at(&company.tina, &company.thread, position).await;
        let reset = stream.until(|frame| if let Frame::Reset(reset) = frame { Some(*reset) } else { None }).await;
        assert_eq!((reset.reason(), reset.first_available_seq), (ResetReason::Trimmed, 4));
        stream.read_to(5).await;
        assert_eq!(stream.bodies, ["shown"]);
    }
    // Whoever had all that lies below it goes on.
    let mut stream = Reader::open_at(&company.tina, &company.thread, Position::Cursor(before.cursor.clone())).await;
    stream.read_to(5).await;
    assert_eq!(stream.bodies, ["shown"]);
}

#[tokio::test]
async fn whoever_is_on_both_jobs_keeps_the_stream_through_a_move() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["tina"]).await).await;
    let mut tina = company.watch(&company.tina).await;
    company.assert_reaches(&mut tina, "before").await;
    move_to(&company.olga, &company.thread, OTHER_JOB, false).await.expect("moved");
    company.assert_reaches(&mut tina, "after").await;
    assert_eq!(tina.seq, 3);
}

#[tokio::test]
async fn a_thread_that_is_moved_to_the_office_is_no_crews_and_can_be_given_back() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    read(&company.tina, &company.thread, 1).await.expect("read");
    let tina = company.watch(&company.tina).await;
    move_to(&company.olga, &company.thread, "", false).await.expect("moved");
    tina.assert_ends(ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await;
    assert_eq!(list_all(&company.tina).await, []);
    assert_eq!(seen(&company.olga, &company.thread).await.job_id, "");
    assert_eq!(company.text("2", "to the office").await.thread_id, company.thread);
    move_to(&company.olga, &company.thread, JOB, false).await.expect("given back");
    let thread = seen(&company.tina, &company.thread).await;
    assert_eq!((thread.unread_count, thread.read_seq), (1, 1));
    // A thread from the office can be linked to a job.
    let unknown = try_text_from(&company.carrier, "+15550100888", "3", "a lead").await.expect("received");
    move_to(&company.olga, &unknown.thread_id, JOB, false).await.expect("linked");
    assert_eq!(list_job(&company.tina, JOB).await.job_unread_count, 2);
    assert_ne!(seen(&company.tina, &unknown.thread_id).await.contact_number, CUSTOMER);
}

#[tokio::test]
async fn a_move_between_two_jobs_of_an_inbox_changes_the_red_marks_of_both() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["tina"]).await).await;
    let stays = company.start_thread(JOB, "+15550100777").await;
    for id in ["1", "2"] {
        company.text(id, "hello").await;
    }
    try_text_from(&company.carrier, "+15550100777", "3", "hello").await.expect("received");
    let mut inboxes = [InboxReader::open(&company.tina).await, InboxReader::open(&company.olga).await];
    let marks = |of: [(&str, u32); 2]| BTreeMap::from(of.map(|(job, count)| (job.to_owned(), count)));
    for inbox in &inboxes {
        assert_eq!(inbox.shown.jobs, BTreeMap::from([(JOB.to_owned(), 3)]));
    }
    move_to(&company.olga, &company.thread, OTHER_JOB, false).await.expect("moved");
    for inbox in &mut inboxes {
        inbox.until("both", |inbox| inbox.shown.jobs == marks([(JOB, 1), (OTHER_JOB, 2)])).await;
        assert_eq!(inbox.unread(&stays), Some(1));
    }
}
