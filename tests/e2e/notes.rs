//! Notes among colleagues: never for the customer; some for the office alone.

use chat::event::Payload;
use chat::{Audience, AuthorKind, DeliveryStatus, MessageKind};
use crewline_api::chat::v1 as chat;

use crate::calls::{bodies, note, seen, try_messages};
use crate::company::{Company, refusal, try_send};
use crate::gateway::Gateway;
use crate::reader::Reader;
use crate::running::Running;

#[tokio::test]
async fn a_note_is_for_office_and_crew_unless_the_office_keeps_it_to_itself() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for (party, id, audience, told) in [
        (&company.tina, "1", Audience::Unspecified, Audience::Crew),
        (&company.theo, "2", Audience::Crew, Audience::Crew),
        (&company.olga, "3", Audience::Unspecified, Audience::Crew),
        (&company.olga, "4", Audience::Office, Audience::Office),
        (&company.olga, "5", Audience::Crew, Audience::Crew),
    ] {
        let added = note(party, &company.thread, id, id, audience).await.expect("noted");
        let message = added.message.expect("a note");
        assert!(!added.duplicate);
        assert_eq!((message.kind(), message.audience(), message.body.as_str()), (MessageKind::Note, told, id));
        assert_eq!((message.delivery_status(), message.delivery_attempt), (DeliveryStatus::Unspecified, 0));
    }
    let messages = company.messages().await;
    assert_eq!(bodies(&messages), ["1", "2", "3", "4", "5"]);
    assert_eq!(messages[0].author.as_ref().expect("an author").kind(), AuthorKind::Technician);
    for party in [&company.tina, &company.theo, &company.vera] {
        assert_eq!(bodies(&try_messages(party, &company.thread).await.expect("seen")), ["1", "2", "3", "5"]);
    }
}

#[tokio::test]
async fn what_the_office_keeps_to_itself_leaves_no_gap_in_the_crews_chain() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut live = Reader::with_gaps(&company.tina, &company.thread).await;
    let mut olga = company.watch(&company.olga).await;
    company.text("1", "one").await;
    for id in ["a", "b"] {
        note(&company.olga, &company.thread, id, "hidden", Audience::Office).await.expect("noted");
    }
    company.text("2", "four").await;
    note(&company.olga, &company.thread, "c", "hidden", Audience::Office).await.expect("noted");
    let thread = seen(&company.tina, &company.thread).await;
    assert_eq!(thread.last_message.expect("the newest that she sees").body, "four");
    assert_eq!(seen(&company.olga, &company.thread).await.last_message.expect("the newest").body, "hidden");
    company.text("3", "six").await;

    olga.read_to(6).await;
    assert_eq!(olga.bodies, ["one", "hidden", "hidden", "four", "hidden", "six"]);
    let mut late = Reader::with_gaps(&company.vera, &company.thread).await;
    for stream in [&mut live, &mut late] {
        stream.read_to(6).await;
        assert_eq!(stream.bodies, ["one", "four", "six"]);
        assert!(stream.events.iter().all(|event| event.audience() == Audience::Crew));
        assert_eq!(stream.events.iter().map(|event| event.prev_seq).collect::<Vec<_>>(), [0, 1, 4]);
    }
    // Resumed after each number, the crew gets what it may see of the rest.
    for seq in 0..6 {
        let position = chat::watch_thread_request::Position::AfterSeq(seq);
        let mut resumed = Reader::open_at(&company.tina, &company.thread, position).await;
        (resumed.gaps, resumed.seq) = (true, [0, 1, 1, 1, 4, 4][usize::try_from(seq).expect("small")]);
        resumed.read_to(6).await;
        let left = if seq == 0 {
            3
        } else if seq < 4 {
            2
        } else {
            1
        };
        assert_eq!(resumed.bodies.len(), left, "after {seq}");
    }
}

#[tokio::test]
async fn a_technician_cannot_write_for_the_office_alone() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assert_eq!(refusal(note(&company.tina, &company.thread, "1", "hello", Audience::Office).await), "INVALID_FIELD");
    assert_eq!(company.messages().await, []);
}

#[tokio::test]
async fn a_note_has_the_limits_and_the_idempotency_of_a_message() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for bad in ["", " \n\t", "nul\0", &"ü".repeat(1_601)] {
        assert_eq!(refusal(note(&company.tina, &company.thread, "bad", bad, Audience::Crew).await), "INVALID_FIELD", "{bad:?}");
    }
    for bad in ["", "a b", &"x".repeat(65)] {
        assert_eq!(refusal(note(&company.tina, &company.thread, bad, "hello", Audience::Crew).await), "INVALID_FIELD", "{bad:?}");
    }
    let longest = "ü".repeat(1_600);
    let first = note(&company.olga, &company.thread, "id", &longest, Audience::Crew).await.expect("noted");
    let again = note(&company.olga, &company.thread, "id", &longest, Audience::Crew).await.expect("noted");
    assert_eq!((again.duplicate, &again.message), (true, &first.message));
    let reused = "IDEMPOTENCY_KEY_REUSED";
    assert_eq!(refusal(note(&company.olga, &company.thread, "id", "other", Audience::Crew).await), reused);
    assert_eq!(refusal(note(&company.olga, &company.thread, "id", &longest, Audience::Office).await), reused);
    assert_eq!(refusal(try_send(&company.olga, &company.thread, "id", &longest).await), reused, "a text is something else");
    assert!(!note(&company.tina, &company.thread, "id", "hers", Audience::Crew).await.expect("its own").duplicate);
    assert_eq!(company.messages().await.len(), 2);
}

#[tokio::test]
async fn notes_do_not_go_out() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for audience in [Audience::Crew, Audience::Office] {
        note(&company.olga, &company.thread, &format!("{audience:?}"), "a note", audience).await.expect("noted");
    }
    try_send(&company.olga, &company.thread, "1", "to the customer").await.expect("sent");
    let mut gateway = Gateway::open(&company.carrier).await;
    assert_eq!(gateway.accept_next().await.body, "to the customer");
    let mut olga = company.watch(&company.olga).await;
    olga.read_until(|payload| if let Payload::DeliveryUpdated(told) = payload { Some(told.message_seq) } else { None }).await;
}
