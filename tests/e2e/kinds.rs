//! Every kind of event in one thread: resumed at each number and after a restart, each comes once, to those it is for.

use chat::event::Payload;
use chat::watch_thread_request::Position;
use chat::{Audience, DeliveryStatus, ThreadState};
use crewline::party::{Party, until_heard};
use crewline_api::chat::v1 as chat;

use crate::calls::{close, move_to, note, read, reopen, resend, seen, unread};
use crate::company::{CUSTOMER, Company, JOB, try_send};
use crate::gateway::{Gateway, by_token};
use crate::inbox_reader::InboxReader;
use crate::notifications::notify;
use crate::opting_out::text_to;
use crate::reader::Reader;
use crate::records::Records;
use crate::running::Running;

/// Makes events of every kind: how many there are.
async fn live_a_little(company: &Company, records: &Records) -> u64 {
    let mut gateway = Gateway::open(&company.carrier).await;
    company.text("1", "hello").await;
    let sent = try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent").message.expect("a message");
    let text = gateway.accept_next().await;
    gateway.report(by_token(&text.token), DeliveryStatus::Undelivered).await.expect("taken");
    note(&company.olga, &company.thread, "2", "hidden", Audience::Office).await.expect("noted");
    resend(&company.theo, &company.thread, &sent.message_id, "3").await.expect("ordered");
    gateway.accept_next().await;
    note(&company.vera_can_write().await, &company.thread, "4", "shown", Audience::Crew).await.expect("noted");
    notify(&company.carrier, "1", JOB, "on our way").await.expect("told");
    close(&company.olga, &company.thread).await.expect("closed");
    reopen(&company.olga, &company.thread).await.expect("open");
    text_to(&company.carrier, CUSTOMER, "", "STOP").await;
    records.set(&company.olga, CUSTOMER, "", false).await.expect("set");
    move_to(&company.olga, &company.thread, "", false).await.expect("moved");
    move_to(&company.olga, &company.thread, JOB, false).await.expect("moved back");
    note(&company.olga, &company.thread, "5", "hidden", Audience::Office).await.expect("noted");
    seen(&company.olga, &company.thread).await.head_seq
}

impl Company {
    async fn vera_can_write(&self) -> Party {
        self.heard(self.permit("vera", true, true).await).await;
        self.vera.clone()
    }
}

fn kind(event: &chat::Event) -> &'static str {
    match event.payload.as_ref().expect("a kind") {
        Payload::MessagePosted(_) => "posted",
        Payload::DeliveryUpdated(_) => "delivery",
        Payload::ThreadClosed(_) => "closed",
        Payload::ThreadReopened(_) => "reopened",
        Payload::ThreadMoved(_) => "moved",
        Payload::OptOutChanged(_) => "opt-out",
    }
}

/// The events after a position, until the stream has caught up.
async fn rest(party: &Party, thread: &str, position: Position) -> (Vec<chat::Event>, String) {
    let watch =
        chat::WatchThreadRequest { thread_id: thread.into(), position: Some(position), stop_at_head: true, ..Default::default() };
    let mut reader = Reader::over(party.threads().watch_thread(watch).await.expect("a stream").into_inner());
    (reader.gaps, reader.seq) = (true, u64::MAX);
    while reader.frame().await.expect("a good end").is_some() {}
    (reader.events, reader.cursor)
}

#[tokio::test]
async fn resuming_at_every_number_gives_the_rest_of_every_kind_once() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut live = company.watch(&company.olga).await;
    let head = live_a_little(&company, &Records::of(&running)).await;
    live.read_to(head).await;
    for (party, hidden) in [(&company.olga, 0), (&company.tina, 2)] {
        let (all, _) = rest(party, &company.thread, Position::AfterSeq(0)).await;
        assert_eq!(all.len() as u64, head - hidden);
        let mut kinds: Vec<&str> = all.iter().map(kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, ["closed", "delivery", "moved", "opt-out", "posted", "reopened"]);
        assert_eq!(all.iter().map(|event| event.prev_seq).collect::<Vec<_>>(), {
            let seqs = all.iter().map(|event| event.seq);
            std::iter::once(0).chain(seqs).take(all.len()).collect::<Vec<_>>()
        });
        for seq in 0..=head {
            let (rest, cursor) = rest(party, &company.thread, Position::AfterSeq(seq)).await;
            let expected: Vec<&chat::Event> = all.iter().filter(|event| event.seq > seq).collect();
            assert_eq!(rest.iter().collect::<Vec<_>>(), expected, "after {seq}");
            assert_eq!(self::rest(party, &company.thread, Position::Cursor(cursor)).await.0, [], "after all");
        }
        if hidden == 0 {
            assert_eq!(live.events, all, "as it was live");
        } else {
            assert!(all.iter().all(|event| event.audience() == Audience::Crew));
        }
    }
}

#[tokio::test]
async fn what_people_have_read_what_is_closed_and_who_has_opted_out_survive_a_kill() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let records = Records::of(&running);
    let head = live_a_little(&company, &records).await;
    company.text("2", "more").await;
    read(&company.tina, &company.thread, head).await.expect("read");
    unread(&company.theo, &company.thread, 0).await.expect("marked");
    records.set(&company.olga, CUSTOMER, "", true).await.expect("set");
    let closed = company.start_thread("1002", CUSTOMER).await;
    close(&company.olga, &closed).await.expect("closed");
    let look = async || {
        let mut looks = Vec::new();
        for party in [&company.tina, &company.theo, &company.vera, &company.olga] {
            looks.push((seen(party, &company.thread).await, InboxReader::open(party).await.shown));
            looks.push((seen(&company.olga, &closed).await, InboxReader::open(party).await.shown));
        }
        (looks, company.messages().await, records.pairs(&company.olga, "").await)
    };
    let before = look().await;
    running.kill();
    running.restart().await;
    until_heard(async || crate::calls::get(&company.tina, &company.thread).await).await.expect("back");
    assert_eq!(look().await, before);
    assert_eq!(seen(&company.olga, &closed).await.state(), ThreadState::Closed);
    assert_eq!(rest(&company.olga, &company.thread, Position::AfterSeq(0)).await.0.len() as u64, head + 2);
}
