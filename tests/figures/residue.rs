//! What is in the transport when a revocation returns: it comes out of the stream all the same, to a client that reads late.

use std::time::{Duration, Instant};

use chat::thread_service_client::ThreadServiceClient;
use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use crewline::party::until_heard;
use crewline_api::chat::v1 as chat;
use futures_util::{StreamExt, stream};
use prost::Message;
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};

use crate::company::{CUSTOMER, Company, JOB, try_text_from};
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::running::Running;
use crate::sample::Sample;

const MESSAGES: u64 = 1_800;
/// The longest body that there is.
const LONGEST: u64 = 1_600;
/// What a client offers for each of its streams.
const WINDOWS: [(&str, u32); 4] =
    [("1 KiB", 1024), ("16 KiB", 16 * 1024), ("64 KiB, the default", 65_535), ("1 MiB", 1024 * 1024)];
/// Each on a connection of its own.
const STREAMS: u64 = 20;
const ROUNDS: usize = 20;
/// While a stream is read.
const TEXTS: u64 = 40;
/// gRPC says of each message how long it is.
const PREFIX: usize = 5;
const HANDED_OUT: &str = "crewline_chat_events_delivered";

/// What a stream brought after the revocation had returned.
struct Late {
    bytes: u64,
    newest: u64,
}

pub async fn measure() {
    let (running, metrics) = Metrics::pair().await;
    let company = Company::open(&running.callers().await).await;

    println!(
        "| bodies | the client's window | streams | messages: median | most | bytes: median | most | of these in the server: median | most |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (bodies, longest_only, contact) in [("of 1,600 characters", true, CUSTOMER), ("of up to 1,600", false, "+15550100777")] {
        let thread = Thread::fill(&company, contact, longest_only).await;
        for (name, window) in WINDOWS {
            let [messages, bytes, held] =
                thread.residue(&running, &metrics, &company, window).await.map(|sample| sample.counted());
            println!("| {bodies} | {name} | {STREAMS} | {messages} | {bytes} | {held} |");
        }
    }
    let late = reading(&company).await.counted();
    println!("| texts come in, | and the client reads all the time | {ROUNDS} | {late} | | | | |");
}

/// A thread that does not fit into any window.
struct Thread(String);

impl Thread {
    async fn fill(company: &Company, contact: &str, longest_only: bool) -> Self {
        let thread = if contact == CUSTOMER { company.thread.clone() } else { company.start_thread(JOB, contact).await };
        let text = async |number: u64| {
            // Spread over all lengths, so that frames end at all places.
            let length = if longest_only { LONGEST } else { 1 + (number * 617) % LONGEST };
            let body = "x".repeat(usize::try_from(length).expect("small"));
            let id = format!("{contact}/{number}");
            // On a busy disk the store may ask to try again.
            until_heard(async || try_text_from(&company.carrier, contact, &id, &body).await).await.expect("received");
        };
        stream::iter(0..MESSAGES).for_each_concurrent(16, text).await;
        Self(thread)
    }

    /// What comes out of streams that nobody reads until a revocation has returned: messages, bytes, and those that the client had not
    /// let the server send.
    async fn residue(&self, running: &Running, metrics: &Metrics, company: &Company, window: u32) -> [Sample; 3] {
        let before = settled(metrics).await;
        let mut stalled = Vec::new();
        for number in 0..STREAMS {
            stalled.push((number, open(running, company, &self.0, number, window).await));
        }
        settled(metrics).await;
        company.permit("theo", false, false).await;
        let handed_out = metrics.count(HANDED_OUT).await - before;

        let (mut messages, mut bytes, mut held) = (Sample::default(), Sample::default(), Sample::default());
        let mut all = 0;
        for (after, stream) in stalled {
            let late = read_to_the_end(stream, after).await;
            all += late.newest - after;
            messages.add(as_figure(late.newest - after));
            bytes.add(as_figure(late.bytes));
            held.add(as_figure(late.bytes.saturating_sub(window.into())));
        }
        assert_eq!(all, handed_out, "what came late had been handed out before the revocation returned");
        company.heard(company.permit("theo", true, true).await).await;
        [messages, bytes, held]
    }
}

/// Messages that a stream which is read at all times brings after the return.
async fn reading(company: &Company) -> Sample {
    let (mut newest, mut late) = (MESSAGES, Sample::default());
    for _ in 0..ROUNDS {
        let mut reader = Reader::open(&company.theo, &company.thread).await;
        reader.read_to(newest).await;
        let following = tokio::spawn(async move {
            let mut came = Vec::new();
            loop {
                match reader.frame().await {
                    Ok(Some(Frame::Events(batch))) => came.extend(batch.events.iter().map(|_| Instant::now())),
                    Ok(Some(Frame::Closing(_))) => return came,
                    Ok(Some(_)) => {}
                    ended => panic!("{ended:?} instead of a closing frame"),
                }
            }
        });
        let texts = stream::iter(newest..newest + TEXTS).for_each_concurrent(16, async |number| {
            company.text(&number.to_string(), "x").await;
        });
        let revoked = async {
            company.permit("theo", false, false).await;
            Instant::now()
        };
        let ((), returned) = tokio::join!(texts, revoked);
        newest += TEXTS;
        let came = following.await.expect("read to the end");
        late.add(as_figure(came.iter().filter(|at| **at > returned).map(|_| 1).sum()));
        company.heard(company.permit("theo", true, true).await).await;
    }
    late
}

/// A stream that nobody reads.
async fn open(
    running: &Running,
    company: &Company,
    thread: &str,
    after: u64,
    window: u32,
) -> Streaming<chat::WatchThreadResponse> {
    let channel = Endpoint::from_shared(format!("http://{}", running.endpoints.chat.expect("chat")))
        .expect("a url")
        .initial_stream_window_size(window)
        // It is 64 KiB at least.
        .initial_connection_window_size(window.max(65_535))
        .connect()
        .await
        .expect("connected");
    let mut watch = Request::new(chat::WatchThreadRequest {
        thread_id: thread.into(),
        position: Some(Position::AfterSeq(after)),
        ..Default::default()
    });
    watch.metadata_mut().insert("authorization", format!("Bearer {}", company.theo.token).parse().expect("ascii"));
    ThreadServiceClient::new(channel).watch_thread(watch).await.expect("a stream").into_inner()
}

/// Waits until nothing is handed out any more, for every stream is at its end or everything on its way is full: how much was.
async fn settled(metrics: &Metrics) -> u64 {
    let mut before = u64::MAX;
    loop {
        let now = metrics.count(HANDED_OUT).await;
        if now == before {
            return now;
        }
        before = now;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// All that still comes, but for the word that the stream is closed.
async fn read_to_the_end(mut stream: Streaming<chat::WatchThreadResponse>, after: u64) -> Late {
    let mut late = Late { bytes: 0, newest: after };
    loop {
        let response =
            stream.message().await.expect("a closing frame before the status").expect("a closing frame before the end");
        let bytes = u64::try_from(response.encoded_len() + PREFIX).expect("small");
        match response.frame {
            Some(Frame::Closing(_)) => return late,
            Some(Frame::Events(batch)) => {
                for event in batch.events {
                    assert_eq!(event.seq, late.newest + 1, "a gap");
                    late.newest = event.seq;
                }
            }
            _ => {}
        }
        late.bytes += bytes;
    }
}

fn as_figure(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
