//! How many streams a person holds, and how long one lives.

use std::time::{Duration, Instant};

use chat::thread_service_client::ThreadServiceClient;
use chat::watch_thread_response::Frame;
use crewline::demo::office::create_person;
use crewline::party::{Party, until_heard};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use tonic::transport::Channel;

use crate::company::{Company, refusal};
use crate::reader::Reader;
use crate::running::Running;
use crate::tokens::{Claims, Mint, with_token};

const MOST: usize = 32;
const MOST_ON_A_CONNECTION: usize = 200;

async fn open(party: &Party, thread: &str) -> Result<Reader, tonic::Status> {
    Reader::try_open_at(party, thread, chat::watch_thread_request::Position::AfterSeq(0)).await
}

#[tokio::test]
async fn a_person_holds_at_most_32_streams_and_a_closed_one_makes_room() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let other = company.start_thread("1001", "+15550100777").await;
    company.watch(&company.theo).await;
    let mut streams = vec![company.watch(&company.tina).await];
    while streams.len() < MOST {
        let thread = if streams.len() % 2 == 0 { &company.thread } else { &other };
        streams.push(open(&company.tina, thread).await.expect("room"));
    }
    for thread in [&company.thread, &other] {
        assert_eq!(refusal(open(&company.tina, thread).await.map(|_| ())), "TOO_MANY_STREAMS");
    }
    let _of_another = open(&company.theo, &company.thread).await.expect("room of their own");
    for stream in &mut streams {
        stream.until(|frame| matches!(frame, Frame::CaughtUp(_)).then_some(())).await;
    }

    // The server hears a moment later that the client has hung up.
    streams.pop();
    streams.push(until_heard(async || open(&company.tina, &company.thread).await).await.expect("room again"));
    assert_eq!(refusal(open(&company.tina, &company.thread).await.map(|_| ())), "TOO_MANY_STREAMS");
}

#[tokio::test]
async fn a_connection_holds_at_most_200_streams() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    // A client of ours would open another one in time.
    let connection = Mint::of(&running).chat;
    let mut streams = Vec::new();
    for number in 0..=MOST_ON_A_CONNECTION / MOST {
        let id = format!("o{number}");
        create_person(&company.admin, &id, &id, pb::PersonKind::Office).await.expect("a person");
        company.heard(company.permit(&id, true, false).await).await;
        let party = callers.person("office", &id, &company.tenant).expect("a token");
        for _ in 0..MOST.min(MOST_ON_A_CONNECTION - streams.len()) {
            streams.push(until_heard(async || open_on(&connection, &party, &company.thread).await).await.expect("room"));
        }
    }
    assert_eq!(streams.len(), MOST_ON_A_CONNECTION);
    assert_eq!(refusal(open_on(&connection, &company.tina, &company.thread).await.map(|_| ())), "TOO_MANY_STREAMS");
    let _on_another = open(&company.tina, &company.thread).await.expect("room on a connection of its own");
    drop(streams);
    until_heard(async || open_on(&connection, &company.tina, &company.thread).await).await.expect("room again");
}

async fn open_on(connection: &Channel, party: &Party, thread: &str) -> Result<Reader, tonic::Status> {
    let watch = chat::WatchThreadRequest { thread_id: thread.into(), ..Default::default() };
    let opened = ThreadServiceClient::new(connection.clone()).watch_thread(with_token(&party.token, watch)).await?;
    Ok(Reader::over(opened.into_inner()))
}

#[tokio::test]
async fn streams_that_the_server_ended_make_room() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut streams = Vec::new();
    for _ in 0..MOST {
        streams.push(company.watch(&company.tina).await);
    }
    company.permit("tina", false, false).await;
    for stream in streams {
        stream.assert_ends(chat::ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED").await;
    }
    company.permit("tina", true, false).await;
    company.watch(&company.tina).await;
}

#[tokio::test]
async fn a_stream_lives_no_longer_than_its_token() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.watch(&company.tina).await;
    let mint = Mint::of(&running);
    let began = Instant::now();
    let tenants = [company.tenant.as_str()];
    let token = mint.token(Claims { expires_in: 3, ..Claims::person("technician", "tina", &tenants) });
    let watch = chat::WatchThreadRequest { thread_id: company.thread.clone(), ..Default::default() };
    let stream = ThreadServiceClient::new(mint.chat.clone()).watch_thread(with_token(&token, watch)).await.expect("a stream");
    let mut reader = Reader::over(stream.into_inner());
    company.assert_reaches(&mut reader, "before the end").await;
    reader.assert_ends(chat::ClosingReason::TokenExpired, "TOKEN_EXPIRED").await;
    // Tokens count in whole seconds; what is above the third is the test's own slowness.
    let lived = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&lived), "{lived:?}");
}
