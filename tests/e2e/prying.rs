//! Ways to come by what one may not see, or no longer: none leads there.

use crewline_api::chat::v1 as chat;
use tokio::time::{Instant, timeout};
use tonic::Request;
use tonic::transport::Endpoint;

use crate::calls::{close, list_job, move_to, resend, try_messages};
use crate::company::{Company, JOB, refusal, try_send, try_text_from};
use crate::gateway::Gateway;
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::running::{PATIENCE, Running};
use crate::waiting::until;

const OTHER_JOB: &str = "1002";
/// Threads of one stalled inbox: several frames.
const THREADS: usize = 100;

#[tokio::test]
async fn what_a_floor_hides_is_not_sent_again_by_its_id_and_nothing_is_told_of_it() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let hidden = try_send(&company.olga, &company.thread, "1", "the gate code").await.expect("sent").message.expect("a message");
    let out = gateway.next().await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["theo"]).await).await;
    move_to(&company.olga, &company.thread, OTHER_JOB, true).await.expect("moved");
    let mut theo = Reader::try_open_at(&company.theo, &company.thread, chat::watch_thread_request::Position::AfterSeq(1)).await;
    let theo = theo.as_mut().expect("a stream");
    theo.gaps = true;
    gateway.reject(&out, "a landline").await;
    try_send(&company.olga, &company.thread, "2", "hello").await.expect("sent");

    theo.read_to(4).await;
    let updates = theo.events.iter().filter(|event| matches!(event.payload, Some(chat::event::Payload::DeliveryUpdated(_))));
    assert_eq!(updates.count(), 0, "of what is hidden nothing is told");
    let again = resend(&company.theo, &company.thread, &hidden.message_id, "r").await;
    assert_eq!(refusal(again), "RESOURCE_NOT_FOUND");
    resend(&company.olga, &company.thread, &hidden.message_id, "r").await.expect("the office sees it");
}

#[tokio::test]
async fn an_inbox_that_stalled_tells_nothing_of_what_was_closed_or_moved_meanwhile() {
    let (running, metrics) = Metrics::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut threads = Vec::new();
    for number in 0..THREADS {
        let contact = format!("+1555020{number:04}");
        threads.push(company.start_thread(JOB, &contact).await);
        try_text_from(&company.carrier, &contact, &format!("{number}"), &format!("{number} {}", "x".repeat(15_000)))
            .await
            .expect("text");
    }
    let channel = Endpoint::from_shared(format!("http://{}", running.endpoints.chat.expect("chat")))
        .expect("a url")
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(64 * 1024)
        .connect()
        .await
        .expect("connected");
    let mut watch = Request::new(chat::WatchInboxRequest::default());
    watch.metadata_mut().insert("authorization", format!("Bearer {}", company.tina.token).parse().expect("ascii"));
    let mut threads_client = chat::thread_service_client::ThreadServiceClient::new(channel);
    let mut inbox = threads_client.watch_inbox(watch).await.expect("an inbox").into_inner();
    // The first threads have been read; the transport holds a few frames, and cannot send them.
    until("a read", async || (metrics.count("crewline_chat_inbox_reads").await >= 1).then_some(())).await;

    // Newest first: these are in hand.
    let (closed, moved) = (&threads[THREADS - 25], &threads[THREADS - 28]);
    close(&company.olga, closed).await.expect("closed");
    move_to(&company.olga, moved, "9999", false).await.expect("moved");
    let (began, mut entries, mut ended) = (Instant::now(), 0, false);
    while !ended {
        assert!(began.elapsed() < PATIENCE);
        let response = timeout(PATIENCE, inbox.message()).await.expect("a frame").expect("alive").expect("more");
        match response.frame.expect("something") {
            chat::watch_inbox_response::Frame::Entries(batch) => {
                for entry in batch.entries {
                    let id = entry.thread.expect("a thread").thread_id;
                    assert!(id != *closed && id != *moved, "it was told of after it was gone");
                    entries += 1;
                }
            }
            chat::watch_inbox_response::Frame::SnapshotEnd(_) => ended = true,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(entries, THREADS + 1 - 2, "and all others came");
}

#[tokio::test]
async fn a_list_of_a_job_that_somebody_is_taken_off_while_it_is_made_is_empty_or_refused_afterwards() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for number in 0..50 {
        company.start_thread(JOB, &format!("+1555020{number:04}")).await;
    }
    for round in 0..5 {
        let (listing, unassigned) = tokio::join!(list_job(&company.tina, JOB), company.unassign("1", &["tina"]));
        assert!(matches!(listing.threads.len(), 0 | 50), "round {round}: all at one moment");
        company.heard(unassigned).await;
        let after = list_job(&company.tina, JOB).await;
        assert_eq!((after.threads.len(), after.job_unread_count), (0, 0));
        company.heard(company.assign("1", &["tina"]).await).await;
    }
}

#[tokio::test]
async fn a_position_beyond_all_numbers_is_another_history() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let position = chat::watch_thread_request::Position::AfterSeq(u64::MAX);
    let mut stream = Reader::try_open_at(&company.tina, &company.thread, position).await.expect("a stream");
    let reset = stream.until(|frame| match frame {
        chat::watch_thread_response::Frame::Reset(reset) => Some(reset.reason()),
        _ => None,
    });
    assert_eq!(reset.await, chat::ResetReason::HistoryForked);
    assert!(try_messages(&company.tina, &company.thread).await.is_ok(), "the service goes on");
}
