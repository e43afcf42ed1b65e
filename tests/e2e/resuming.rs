//! P3: whoever resumes gets the rest, each event once, in order, chained.

use std::time::Duration;

use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use crewline_api::chat::v1 as chat;
use futures_util::{StreamExt, stream};
use sea_orm::ConnectionTrait;

use crate::company::{Company, try_send};
use crate::reader::Reader;
use crate::running::Running;

const EVENTS: u64 = 300;
const MORE: u64 = 200;

#[tokio::test]
async fn resuming_at_every_number_and_cursor_while_writers_go_on_gives_the_rest_once() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let (olga, tina, thread) = (&company.olga, &company.tina, company.thread.as_str());

    // A live watcher collects the cursor after each single event.
    let mut live = Reader::open(olga, thread).await;
    let mut cursors = Vec::new();
    for number in 1..=EVENTS {
        try_send(tina, thread, &format!("m{number}"), &format!("body {number}")).await.expect("sent");
        live.read_to(number).await;
        cursors.push(live.cursor.clone());
    }

    let total = EVENTS + 2 * MORE;
    let write = async |who: &str, party| {
        for number in 0..MORE {
            try_send(party, thread, &format!("{who}{number}"), &format!("{who} {number}")).await.expect("sent");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let by_number = (0..=EVENTS).map(|number| (number, Position::AfterSeq(number)));
    let by_cursor = cursors.into_iter().enumerate().map(|(index, cursor)| (index as u64 + 1, Position::Cursor(cursor)));
    let resume = stream::iter(by_number.chain(by_cursor)).for_each_concurrent(16, |(number, position)| async move {
        let mut reader = Reader::open_at(olga, thread, position).await;
        reader.read_to(total).await;
        assert_eq!(reader.bodies.len() as u64, total - number, "resumed after {number}");
    });
    let (_, _, ()) = tokio::join!(write("tina", tina), write("theo", &company.theo), resume);

    live.read_to(total).await;
    let listed: Vec<String> = company.messages().await.into_iter().map(|message| message.body).collect();
    assert_eq!(live.bodies, listed, "the stream and the list tell the same");
}

#[tokio::test]
async fn a_stream_that_stops_at_the_head_ends_well_after_the_newest_event() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for number in 1..=450 {
        company.text(&number.to_string(), "hello").await;
    }
    let watch =
        chat::WatchThreadRequest { thread_id: company.thread.clone(), position: None, stop_at_head: true, ..Default::default() };
    let mut stream = company.tina.threads().watch_thread(watch).await.expect("a stream").into_inner();
    let (mut kinds, mut seen) = (Vec::new(), 0);
    while let Some(response) = stream.message().await.expect("a good end") {
        match response.frame.expect("a frame") {
            Frame::Events(batch) => seen += batch.events.len(),
            Frame::Opened(opened) => kinds.push(format!("opened {}", opened.head_seq)),
            Frame::CaughtUp(caught_up) => kinds.push(format!("caught up {}", caught_up.seq)),
            other => kinds.push(format!("{other:?}")),
        }
    }
    assert_eq!((seen, kinds), (450, vec!["opened 450".to_owned(), "caught up 450".to_owned()]));
}

#[tokio::test]
async fn a_position_beyond_the_history_is_reset_and_served_from_the_beginning() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for number in 1..=3 {
        company.text(&number.to_string(), "hello").await;
    }
    let mut reader = Reader::open_at(&company.olga, &company.thread, Position::AfterSeq(4)).await;
    let reset = reader.until(|frame| if let Frame::Reset(reset) = frame { Some(*reset) } else { None }).await;
    assert_eq!((reset.reason(), reset.first_available_seq), (chat::ResetReason::HistoryForked, 1));
    reader.seq = 0;
    reader.read_to(3).await;
}

#[tokio::test]
async fn a_cursor_of_another_history_is_reset() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let mut reader = Reader::open(&company.olga, &company.thread).await;
    reader.read_to(1).await;

    // The same numbers with other tags: what a restored database has after it was written to again.
    running.kill();
    let fork = "UPDATE thread_events SET tag = tag - 1; UPDATE threads SET head_tag = head_tag - 1, crew_tag = crew_tag - 1";
    let database = running.chat_database().await;
    database.execute_unprepared(fork).await.expect("forked");
    database.close().await.expect("closed");
    running.restart().await;

    let mut resumed = Reader::open_at(&company.olga, &company.thread, Position::Cursor(reader.cursor.clone())).await;
    let reset = resumed.until(|frame| if let Frame::Reset(reset) = frame { Some(*reset) } else { None }).await;
    assert_eq!(reset.reason(), chat::ResetReason::HistoryForked);
}
