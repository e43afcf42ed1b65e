//! P5: a watcher that stalls costs next to nothing, and is then served from the store.

use crewline_api::chat::v1 as chat;
use crewline_api::chat::v1::thread_service_client::ThreadServiceClient;
use futures_util::{StreamExt, stream};
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};

use crate::company::Company;
use crate::costs::anonymous_kib;
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::running::{PATIENCE, Running};

const EVENTS: u64 = 10_000;
/// Enough to tell their cost from what the database and the allocator do at the same time.
const WATCHERS: u64 = 20;
const WINDOW: u32 = 64 * 1024;
const STORE_PAGES: &str = "crewline_chat_store_pages";

#[tokio::test]
async fn a_watcher_that_stalls_for_ten_thousand_events_costs_less_than_a_mebibyte_and_is_served_from_the_store() {
    let (running, metrics) = Metrics::pair().await;
    let company = Company::open(&running.callers().await).await;

    // The same load with a watcher that reads: caches, pools and the allocator grow to what they need.
    let mut healthy = Reader::open(&company.tina, &company.thread).await;
    text_many(&company, 0).await;
    healthy.read_to(EVENTS).await;
    let before = anonymous_kib(running.process_id());

    let mut stalled = Vec::new();
    for _ in 0..WATCHERS {
        stalled.push(open_and_stall(&running, &company).await);
    }
    text_many(&company, EVENTS).await;
    healthy.read_to(2 * EVENTS).await;
    let cost = anonymous_kib(running.process_id()).saturating_sub(before) / WATCHERS;
    println!("a watcher that stalls for {EVENTS} events costs {cost} KiB");
    assert!(cost < 1024, "{cost} KiB");

    let pages = metrics.count(STORE_PAGES).await;
    let mut stream = stalled.pop().expect("one of them");
    let mut seq = 0;
    while seq < 2 * EVENTS {
        let response = tokio::time::timeout(PATIENCE, stream.message()).await.expect("served").expect("alive");
        if let Some(chat::watch_thread_response::Frame::Events(batch)) = response.expect("more").frame {
            for event in batch.events {
                assert_eq!((event.prev_seq, event.seq), (seq, seq + 1));
                seq = event.seq;
            }
        }
    }
    let read = metrics.count(STORE_PAGES).await - pages;
    println!("{read} pages were read from the store");
    assert!(read >= EVENTS / 200, "only {read} pages");
}

/// A stream on a connection of its own, whose first bytes are all that it will ever take in until somebody reads.
async fn open_and_stall(running: &Running, company: &Company) -> Streaming<chat::WatchThreadResponse> {
    let channel = Endpoint::from_shared(format!("http://{}", running.endpoints.chat.expect("chat")))
        .expect("a url")
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .connect()
        .await
        .expect("connected");
    let mut watch = Request::new(chat::WatchThreadRequest { thread_id: company.thread.clone(), ..Default::default() });
    watch.metadata_mut().insert("authorization", format!("Bearer {}", company.theo.token).parse().expect("ascii"));
    ThreadServiceClient::new(channel).watch_thread(watch).await.expect("a stream").into_inner()
}

async fn text_many(company: &Company, from: u64) {
    let numbers = stream::iter(from..from + EVENTS);
    numbers
        .for_each_concurrent(32, |number| async move {
            company.text(&number.to_string(), "a text of the usual length, with a question about the appointment").await;
        })
        .await;
}
