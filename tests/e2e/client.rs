//! The client library against real services that are killed, restarted and slow.

use std::time::{Duration, Instant};

use crewline_api::chat::v1 as chat;
use crewline_client::retry::{CallError, Retry};
use crewline_client::subscription::{Pace, Parting};
use crewline_client::thread::{Position, ThreadNews};
use crewline_client::{Client, Services, Subscription, TokenSource, Update};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::company::{Company, messages_of};
use crate::refusals::reason_of;
use crate::running::{PATIENCE, Running};
use crate::tokens::{Claims, Mint};

const KILLS: usize = 3;
/// Sends are under way all the time.
const WRITERS: usize = 8;

/// A thread as an application sees it that follows it through the library.
struct Follower {
    subscription: Subscription<ThreadNews>,
    seq: u64,
    bodies: Vec<String>,
    interrupted: Vec<Parting>,
}

impl Follower {
    fn of(client: &Client, thread: &str) -> Self {
        let subscription = client.watch_thread(thread, Position::AfterSeq(0));
        Self { subscription, seq: 0, bodies: Vec::new(), interrupted: Vec::new() }
    }

    /// Takes the next update in: the end, if it is one.
    async fn take_next(&mut self) -> Option<Parting> {
        let next = tokio::time::timeout(PATIENCE, self.subscription.next()).await.expect("an update within the limit");
        match next.expect("an update before the end") {
            Update::News(ThreadNews::Events(batch)) => {
                for event in batch.events {
                    assert_eq!((event.prev_seq, event.seq), (self.seq, self.seq + 1), "no gap and no double");
                    self.seq = event.seq;
                    if let Some(chat::event::Payload::MessagePosted(message)) = event.payload {
                        self.bodies.push(message.body);
                    }
                }
            }
            Update::News(ThreadNews::Reset(reset)) => panic!("{reset:?}"),
            Update::News(_) => {}
            Update::Interrupted(parting) => self.interrupted.push(parting),
            Update::Ended(parting) => return Some(parting),
        }
        None
    }

    async fn read_to(&mut self, seq: u64) {
        while self.seq < seq {
            let end = self.take_next().await;
            assert!(end.is_none(), "{end:?} before event {seq}");
        }
    }

    async fn end(&mut self) -> Parting {
        loop {
            if let Some(parting) = self.take_next().await {
                return parting;
            }
        }
    }
}

/// As long as a restart on a busy machine may take.
fn patient(client: &Client) -> Client {
    client.with_retry(Retry { attempts: 1000, within: PATIENCE, ..Retry::default() })
}

fn message(thread: &str, body: impl Into<String>) -> chat::SendMessageRequest {
    chat::SendMessageRequest { thread_id: thread.into(), body: body.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kills_and_restarts_every_send_is_made_once_and_a_stream_tells_all_of_them() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut olga = Follower::of(&company.olga, &company.thread);

    let (stop, stopped) = watch::channel(false);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (theo, thread, stopped) = (patient(&company.theo), company.thread.clone(), stopped.clone());
            tokio::spawn(async move {
                let mut bodies = Vec::new();
                while !*stopped.borrow() {
                    let body = format!("{writer}/{}", bodies.len());
                    theo.send_message(message(&thread, body.as_str())).await.expect("made, sooner or later");
                    bodies.push(body);
                }
                bodies
            })
        })
        .collect();
    for _ in 0..KILLS {
        olga.read_to(olga.seq + 50).await;
        running.kill();
        running.restart().await;
    }
    olga.read_to(olga.seq + 50).await;
    stop.send_replace(true);
    let mut sent = Vec::new();
    for writer in writers {
        sent.extend(writer.await.expect("a writer"));
    }

    olga.read_to(u64::try_from(sent.len()).expect("small")).await;
    assert!(olga.interrupted.len() >= KILLS, "{} interruptions", olga.interrupted.len());
    let listed: Vec<String> = messages_of(&company.olga, &company.thread).await.into_iter().map(|message| message.body).collect();
    assert_eq!(olga.bodies, listed, "the stream and the list tell the same");
    let mut once = listed;
    once.sort();
    sent.sort();
    assert_eq!(once, sent, "each send made one message");
}

#[tokio::test]
async fn a_send_that_nobody_answers_is_told_as_not_made_and_one_that_was_cut_off_as_unknown() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let tina = company.tina.with_retry(Retry { attempts: 3, ..Retry::default() });
    tina.send_message(message(&company.thread, "before")).await.expect("sent");
    running.kill();
    // The connection that was there is found broken by one attempt; after it nobody listens.
    let first = tina.send_message(message(&company.thread, "into the broken connection")).await.expect_err("nobody is there");
    let second = tina.send_message(message(&company.thread, "to nobody")).await.expect_err("nobody is there");
    assert!(matches!(second, CallError::Unanswered(_)), "{second:?}");

    running.restart().await;
    if let CallError::OutcomeUnknown { key, .. } = first {
        let again = chat::SendMessageRequest { client_message_id: key, ..message(&company.thread, "into the broken connection") };
        let settled = patient(&company.tina).send_message(again).await.expect("settled");
        assert!(!settled.duplicate, "it had not arrived");
    }
    let refused = company.vera.send_message(message(&company.thread, "may only view")).await.expect_err("refused");
    assert!(matches!(&refused, CallError::Refused(status) if reason_of(status) == "CHAT_PERMISSION_REQUIRED"), "{refused:?}");
}

#[tokio::test]
async fn a_restart_in_good_order_is_announced_and_the_stream_comes_back() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = Follower::of(&company.tina, &company.thread);
    company.text("1", "before").await;
    tina.read_to(1).await;
    assert!(running.terminate().await.success());
    running.restart().await;
    patient(&company.theo).send_message(message(&company.thread, "after")).await.expect("sent");
    tina.read_to(2).await;
    assert_eq!(tina.bodies, ["before", "after"]);
    assert_eq!(tina.interrupted[0].closing, Some(chat::ClosingReason::Draining));
}

#[tokio::test]
async fn a_slow_application_gets_everything_while_its_calls_and_its_other_streams_go_on() {
    const EVENTS: u64 = 1_000;
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let olga = company.olga.with_pace(Pace { buffer: 2, ..Pace::default() });
    let mut slow: Vec<Follower> = (0..10).map(|_| Follower::of(&olga, &company.thread)).collect();
    let mut quick = Follower::of(&company.tina, &company.thread);

    let text = "a text of some length, so that they fill every window on the way. ".repeat(15);
    let texts = stream::iter(0..EVENTS).for_each_concurrent(16, |number| {
        let (company, text) = (&company, &text);
        async move {
            company.text(&number.to_string(), text).await;
        }
    });
    tokio::join!(texts, quick.read_to(EVENTS));
    let began = Instant::now();
    for number in 0..20 {
        olga.send_message(message(&company.thread, format!("meanwhile {number}"))).await.expect("sent");
    }
    println!("with ten streams that nobody reads, 20 sends take {:?}", began.elapsed());
    for follower in &mut slow {
        follower.read_to(EVENTS + 20).await;
    }
}

#[tokio::test]
async fn whoever_loses_access_is_told_why_and_is_not_reconnected() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = Follower::of(&company.tina, &company.thread);
    let mut theo = Follower::of(&company.theo, &company.thread);
    company.text("1", "hello").await;
    tina.read_to(1).await;
    theo.read_to(1).await;

    company.permit("tina", false, false).await;
    company.unassign("1", &["theo"]).await;
    for (follower, closing, reason) in [
        (&mut tina, chat::ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED"),
        (&mut theo, chat::ClosingReason::Unassigned, "THREAD_NOT_VISIBLE"),
    ] {
        let end = follower.end().await;
        assert_eq!((end.closing, reason_of(&end.status).as_str()), (Some(closing), reason));
        // Its task has ended: nobody is left to open anything.
        assert!(follower.subscription.next().await.is_none());
        assert!(follower.interrupted.is_empty(), "{:?}", follower.interrupted);
    }
    let refused = Follower::of(&company.theo, &company.thread).end().await;
    assert_eq!((refused.closing, reason_of(&refused.status).as_str()), (None, "THREAD_NOT_VISIBLE"));
}

#[tokio::test]
async fn a_renewed_token_carries_a_stream_on_and_without_one_it_ends() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let tenants = [company.tenant.as_str()];
    let token = |expires_in| mint.token(Claims { expires_in, ..Claims::person("office", "olga", &tenants) });
    let services = Services::new(&format!("http://{}", running.endpoints.chat.expect("chat")), None).expect("a URL");
    let (renew, tokens) = watch::channel(token(3));
    let mut renewed = Follower::of(&Client::new(services.clone(), TokenSource::watched(tokens)), &company.thread);
    let mut fixed = Follower::of(&Client::new(services, token(3)), &company.thread);
    company.text("1", "before").await;
    renewed.read_to(1).await;

    let end = fixed.end().await;
    assert_eq!(end.closing, Some(chat::ClosingReason::TokenExpired));
    renew.send_replace(token(600));
    company.text("2", "after").await;
    renewed.read_to(2).await;
    assert_eq!(renewed.interrupted.len(), 1);
    assert_eq!(renewed.interrupted[0].closing, Some(chat::ClosingReason::TokenExpired));
}

#[tokio::test]
async fn many_streams_of_one_process_are_spread_over_connections() {
    const STREAMS: usize = 250;
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let mut open = Vec::new();
    for number in 0..STREAMS.div_ceil(30) {
        let id = format!("o{number}");
        crewline::demo::office::create_person(&company.admin, &id, &id, crewline_api::permissions::v1::PersonKind::Office)
            .await
            .expect("a person");
        company.heard(company.permit(&id, true, false).await).await;
        let party = callers.person("office", &id, &company.tenant).expect("a token");
        open.extend((0..30).map(|_| Follower::of(&party, &company.thread)));
    }
    company.text("1", "to all").await;
    for follower in &mut open {
        follower.read_to(1).await;
        let crowded = follower.interrupted.iter().any(|parting| crewline::party::reason(&parting.status) == "TOO_MANY_STREAMS");
        assert!(!crowded, "more on a connection than the server accepts");
    }
}

#[tokio::test]
async fn a_client_without_a_permissions_service_says_so() {
    let running = Running::pair().await;
    let services = Services::new(&format!("http://{}", running.endpoints.chat.expect("chat")), None).expect("a URL");
    let client = Client::new(services, "no token");
    let request = crewline_api::permissions::v1::ListPeopleRequest::default();
    let refused = client.read(request, |client, request| async move { client.directory().list_people(request).await }).await;
    let status = refused.expect_err("nobody to ask").status().clone();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert!(status.message().contains("no URL"), "{status:?}");
    let watched = tokio::time::timeout(Duration::from_secs(10), Follower::of(&client, "thread").end()).await.expect("refused");
    assert_eq!(reason_of(&watched.status), "TOKEN_INVALID");
}
