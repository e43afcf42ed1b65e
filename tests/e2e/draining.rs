//! What SIGTERM means to clients of every kind: nobody holds the process up, and those who listen are told in turn.

use std::time::{Duration, Instant};

use chat::watch_thread_response::Frame;
use crewline_api::chat::v1 as chat;
use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::company::Company;
use crate::raw_http2::{HEADERS, RawHttp2, greeting_with_wide_windows, whole_call};
use crate::reader::Reader;
use crate::refusals::reason_of;
use crate::running::Running;

const DRAIN_LIMIT: Duration = Duration::from_secs(15);
const SPREAD: Duration = Duration::from_secs(5);
/// For a busy machine.
const SLACK: Duration = Duration::from_secs(5);
const WATCH: &str = "/crewline.chat.v1.ThreadService/WatchThread";

#[tokio::test]
async fn a_thousand_clients_that_say_nothing_hold_nobody_up() {
    const CLIENTS: usize = 1_000;
    let mut running = Running::start("all", &[("CREWLINE_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "2000")]).await;
    let company = Company::open(&running.callers().await).await;
    let stream = Reader::open(&company.tina, &company.thread).await;
    let address = running.endpoints.chat.expect("chat");
    let mut silent = Vec::new();
    for _ in 0..CLIENTS {
        silent.push(TcpStream::connect(address).await.expect("connected"));
    }
    let began = Instant::now();
    let (status, ()) = tokio::join!(running.terminate(), stream.assert_ends(chat::ClosingReason::Draining, "DRAINING"));
    assert!(status.success());
    // They are cut at once: what is waited for is the turn of the stream.
    assert!(began.elapsed() < SPREAD + SLACK, "{:?}", began.elapsed());
}

#[tokio::test]
async fn clients_that_are_frozen_are_cut_at_the_end_of_the_drain() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let address = running.endpoints.chat.expect("chat");
    // One that reads nothing any more, one that has begun a call and stopped, one that has not asked anything.
    let request = chat::WatchThreadRequest { thread_id: company.thread.clone(), ..Default::default() };
    let mut watches = RawHttp2::greet(TcpStream::connect(address).await.expect("connected"), &greeting_with_wide_windows())
        .await
        .expect("greeted");
    watches.send(&whole_call(1, WATCH, &company.tina.token, &request)).await.expect("asked");
    assert!(watches.reading.until(|frame| frame.kind == HEADERS).await.is_some(), "the stream is open");
    let mut asks = RawHttp2::connect(address).await.expect("connected");
    let call = whole_call(1, WATCH, &company.tina.token, &request);
    asks.send(&call[..call.len() / 2]).await.expect("half of it");
    let mut idle = RawHttp2::connect(address).await.expect("connected");
    assert!(idle.is_served().await);

    let began = Instant::now();
    assert!(running.terminate().await.success());
    assert!(began.elapsed() < DRAIN_LIMIT + SLACK, "{:?}", began.elapsed());
    assert!(running.log().contains("are cut"), "they were there to the end");
}

#[tokio::test]
async fn streams_end_one_by_one_each_told_why_and_when_to_come_back() {
    const STREAMS: usize = 60;
    // Shorter than the spread, and longer than a busy machine stands still.
    let mut running = Running::start("all", &[("CREWLINE_PERMISSIONS__LEASE_MILLIS", "4000")]).await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let mut streams = Vec::new();
    for party in [&company.tina, &company.theo, &company.olga].into_iter().cycle().take(STREAMS) {
        let mut stream = Reader::open(party, &company.thread).await;
        stream.read_to(1).await;
        streams.push(stream);
    }
    let began = Instant::now();
    let ends = streams.into_iter().map(|mut stream| {
        tokio::spawn(async move {
            let told = stream.until(|frame| match frame {
                Frame::Closing(closing) => Some((closing.reason(), closing.retry_after.is_some())),
                // Nobody is left without a lease on the way out.
                Frame::Holding(_) => panic!("it holds"),
                _ => None,
            });
            assert_eq!(told.await, (chat::ClosingReason::Draining, true));
            let status = stream.frame().await.expect_err("a status after the last frame");
            assert_eq!(reason_of(&status), "DRAINING");
            began.elapsed()
        })
    });
    let (status, ends) = tokio::join!(running.terminate(), join_all(ends));
    assert!(status.success());
    let mut ends: Vec<Duration> = ends.into_iter().map(|end| end.expect("told")).collect();
    ends.sort();
    let (first, last) = (ends[0], ends[STREAMS - 1]);
    println!("{STREAMS} streams ended from {first:?} to {last:?}");
    // By chance alone, sixty are hardly ever within less than half of the spread.
    assert!(last - first > SPREAD / 2, "from {first:?} to {last:?}");
    assert!(last < SPREAD + SLACK, "{last:?}");
}
