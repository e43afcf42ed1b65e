//! Closing and opening again: the technicians' view ends and comes back whole; the office goes on reading.

use chat::event::Payload;
use chat::{AuthorKind, ClosingReason, ListThreadsRequest, ThreadState};
use crewline_api::chat::v1 as chat;
use tonic_types::StatusExt;

use crate::calls::{bodies, close, get, list, list_job, move_to, note, read, reopen, resend, seen, start, try_messages};
use crate::company::{CUSTOMER, Company, JOB, refusal, try_send};
use crate::gateway::Gateway;
use crate::reader::Reader;
use crate::refusals::reason_of;
use crate::running::Running;

const NOT_VISIBLE: &str = "THREAD_NOT_VISIBLE";

/// Who did it: the kind of author, and the person.
pub fn by(actor: Option<&chat::Author>) -> (AuthorKind, &str, &str) {
    let actor = actor.expect("an actor");
    (actor.kind(), &actor.person_id, &actor.display_name)
}

#[tokio::test]
async fn a_close_ends_the_crews_streams_at_once_and_the_office_reads_on() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "before").await;
    let mut olga = company.watch(&company.olga).await;
    let mut crew = [company.watch(&company.tina).await, company.watch(&company.vera).await];
    for stream in &mut crew {
        stream.read_to(1).await;
    }
    let closed = close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!((closed.state(), closed.head_seq), (ThreadState::Closed, 2));
    for mut stream in crew {
        assert_eq!(stream.end().await, (ClosingReason::ThreadClosed, NOT_VISIBLE.to_owned()));
        assert_eq!(stream.bodies, ["before"], "nothing after");
    }
    olga.read_to(2).await;
    let Some(Payload::ThreadClosed(told)) = &olga.events[1].payload else { panic!("{:?}", olga.events) };
    assert_eq!(by(told.actor.as_ref()), (AuthorKind::Office, "olga", "olga"));
    reopen(&company.olga, &company.thread).await.expect("open");
    olga.read_to(3).await;
    let Some(Payload::ThreadReopened(told)) = &olga.events[2].payload else { panic!("{:?}", olga.events) };
    assert_eq!(by(told.actor.as_ref()), (AuthorKind::Office, "olga", "olga"));
}

#[tokio::test]
async fn a_closed_thread_is_hidden_from_its_crew_and_the_office_still_reads_it() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "before").await;
    close(&company.olga, &company.thread).await.expect("closed");
    for party in [&company.tina, &company.vera] {
        assert_eq!(refusal(get(party, &company.thread).await), NOT_VISIBLE);
        assert_eq!(refusal(read(party, &company.thread, 1).await), NOT_VISIBLE);
        for state in [ThreadState::Unspecified, ThreadState::Open, ThreadState::Closed] {
            let listed = list(party, ListThreadsRequest { state: state.into(), ..Default::default() }).await.expect("listed");
            assert_eq!(listed.threads, [], "{state:?}");
        }
    }
    let states = [(ThreadState::Unspecified, 1), (ThreadState::Open, 0), (ThreadState::Closed, 1)];
    for (state, count) in states {
        let listed = list(&company.olga, ListThreadsRequest { state: state.into(), ..Default::default() }).await.expect("listed");
        assert_eq!(listed.threads.len(), count, "{state:?}");
    }
    assert_eq!(bodies(&company.messages().await), ["before"]);
    let mut olga = Reader::open(&company.olga, &company.thread).await;
    olga.read_to(2).await;
}

#[tokio::test]
async fn a_thread_that_is_opened_again_has_its_history_and_what_everybody_has_read() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for id in ["1", "2", "3"] {
        company.text(id, id).await;
    }
    read(&company.tina, &company.thread, 2).await.expect("read");
    close(&company.olga, &company.thread).await.expect("closed");
    let opened = reopen(&company.olga, &company.thread).await.expect("open");
    assert_eq!((opened.state(), opened.head_seq), (ThreadState::Open, 5));
    let listed = list_job(&company.tina, JOB).await;
    assert_eq!(
        listed.threads.iter().map(|thread| (&thread.thread_id, thread.unread_count, thread.read_seq)).collect::<Vec<_>>(),
        [(&company.thread, 1, 2)]
    );
    assert_eq!(seen(&company.theo, &company.thread).await.unread_count, 3);
    assert_eq!(bodies(&try_messages(&company.tina, &company.thread).await.expect("seen")), ["1", "2", "3"]);

    // An old close in the catch-up is shown, and ends nothing.
    let mut tina = Reader::open(&company.tina, &company.thread).await;
    tina.read_to(5).await;
    let kinds = tina.events[3..].iter().map(|event| event.payload.as_ref());
    assert!(matches!(kinds.collect::<Vec<_>>()[..], [Some(Payload::ThreadClosed(_)), Some(Payload::ThreadReopened(_))]));
    company.assert_reaches(&mut tina, "live").await;
    try_send(&company.tina, &company.thread, "1", "an answer").await.expect("sent");
}

#[tokio::test]
async fn closing_what_is_closed_and_opening_what_is_open_changes_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let open = seen(&company.olga, &company.thread).await;
    assert_eq!(reopen(&company.olga, &company.thread).await.expect("as it was"), open);
    let closed = close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(close(&company.olga, &company.thread).await.expect("as it was"), closed);
    assert_eq!(seen(&company.olga, &company.thread).await, closed, "no event");
}

#[tokio::test]
async fn into_a_closed_thread_the_office_writes_nothing_and_does_not_move_it() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let sent = try_send(&company.olga, &company.thread, "1", "before").await.expect("sent").message.expect("a message");
    gateway.reject_next("a landline").await;
    let closed = close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(refusal(try_send(&company.olga, &company.thread, "2", "hello").await), "THREAD_CLOSED");
    assert_eq!(refusal(note(&company.olga, &company.thread, "3", "hello", chat::Audience::Office).await), "THREAD_CLOSED");
    assert_eq!(refusal(resend(&company.olga, &company.thread, &sent.message_id, "4").await), "THREAD_CLOSED");
    assert_eq!(refusal(move_to(&company.olga, &company.thread, "1002", false).await), "THREAD_CLOSED");
    assert_eq!(seen(&company.olga, &company.thread).await, closed);
    // A retry of what had been sent is settled all the same.
    assert!(try_send(&company.olga, &company.thread, "1", "before").await.expect("settled").duplicate);
}

#[tokio::test]
async fn starting_a_closed_thread_opens_the_latest_one_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "before").await;
    close(&company.olga, &company.thread).await.expect("closed");
    let started = start(&company.olga, JOB, CUSTOMER).await.expect("open again");
    let thread = started.thread.expect("a thread");
    assert!(started.reopened);
    assert_eq!((&thread.thread_id, thread.state(), thread.head_seq), (&company.thread, ThreadState::Open, 3));
    let fresh = start(&company.olga, "1002", CUSTOMER).await.expect("started");
    assert!(!fresh.reopened);

    // Two of one key, both closed: the later one is opened.
    close(&company.olga, &company.thread).await.expect("closed");
    let second = fresh.thread.expect("a thread").thread_id;
    move_to(&company.olga, &second, JOB, false).await.expect("moved");
    close(&company.olga, &second).await.expect("closed");
    assert_eq!(start(&company.olga, JOB, CUSTOMER).await.expect("open again").thread.expect("a thread").thread_id, second);
}

#[tokio::test]
async fn two_threads_of_one_key_are_never_open_and_the_one_that_is_open_is_named() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let named = |status: tonic::Status| {
        assert_eq!(reason_of(&status), "OPEN_THREAD_EXISTS");
        status.get_details_error_info().and_then(|mut info| info.metadata.remove("thread_id")).expect("the open one's id")
    };
    let second = company.start_thread("1002", CUSTOMER).await;
    assert_eq!(named(start(&company.olga, JOB, CUSTOMER).await.expect_err("refused")), company.thread);
    assert_eq!(named(move_to(&company.olga, &second, JOB, false).await.expect_err("refused")), company.thread);
    close(&company.olga, &company.thread).await.expect("closed");
    move_to(&company.olga, &second, JOB, false).await.expect("moved");
    assert_eq!(named(reopen(&company.olga, &company.thread).await.expect_err("refused")), second);
    assert_eq!(named(start(&company.olga, JOB, CUSTOMER).await.expect_err("refused")), second);

    // Of the office alone there is one for a number, too.
    let alone = company.start_thread("", CUSTOMER).await;
    assert_eq!(named(move_to(&company.olga, &second, "", false).await.expect_err("refused")), alone);
    assert_eq!(named(start(&company.olga, "", CUSTOMER).await.expect_err("refused")), alone);
    assert_eq!(seen(&company.olga, &second).await.job_id, JOB, "it stayed where it was");
}
