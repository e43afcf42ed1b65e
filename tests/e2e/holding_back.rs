//! Without fresh knowledge of access inboxes and the way out stand still too, and go on whole.

use std::time::Duration;

use chat::{DeliveryStatus, WatchInboxRequest, watch_inbox_response, watch_outbound_response};
use crewline_api::chat::v1 as chat;

use crate::apart::Apart;
use crate::calls::{close, get, read};
use crate::company::{Company, JOB, refusal, try_send};
use crate::gateway::{Gateway, by_token};
use crate::inbox_reader::InboxReader;
use crate::notifications::notify;

const UNKNOWN: &str = "ACCESS_UNKNOWN";
/// Shorter than the 10 s after which a stream that holds ends.
const A_WHILE: Duration = Duration::from_secs(2);

async fn until_holding(inbox: &mut InboxReader) {
    while !matches!(inbox.frame().await, Ok(Some(watch_inbox_response::Frame::Holding(_)))) {}
}

#[tokio::test]
async fn an_inbox_holds_while_access_is_unknown_and_goes_on_with_the_newest_state() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut inboxes = [InboxReader::open(&company.tina).await, InboxReader::open(&company.olga).await];
    apart.wire.cut();
    for inbox in &mut inboxes {
        until_holding(inbox).await;
    }
    company.text("1", "during the cut").await;
    assert_eq!(refusal(notify(&company.carrier, "1", JOB, "during the cut").await), UNKNOWN);
    for inbox in &mut inboxes {
        assert!(inbox.frame_within(A_WHILE / 2).await.is_none(), "{:?}", inbox.shown);
    }
    let opened = InboxReader::try_open(&company.tina, WatchInboxRequest::default()).await;
    assert_eq!(refusal(opened.map(|_| ())), UNKNOWN);
    apart.wire.mend();
    for inbox in &mut inboxes {
        inbox.until_unread(&company.thread, 1).await;
    }
}

#[tokio::test]
async fn an_inbox_that_holds_too_long_ends() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = InboxReader::open(&company.tina).await;
    apart.wire.cut();
    assert_eq!(tina.end().await, (chat::ClosingReason::AccessUnknown, UNKNOWN.to_owned()));
}

#[tokio::test]
async fn what_was_taken_away_during_the_cut_is_not_told_when_the_wire_is_mended() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = InboxReader::open(&company.tina).await;
    apart.wire.cut();
    until_holding(&mut tina).await;
    company.unassign("1", &["tina"]).await;
    company.text("1", "not for tina").await;
    apart.wire.mend();
    assert_eq!(tina.until_removed(&company.thread).await, chat::RemovedReason::Unassigned);
    assert_eq!(tina.unread(&company.thread), None);
}

#[tokio::test]
async fn no_text_goes_out_while_access_is_unknown_and_what_the_carrier_brings_is_taken() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    try_send(&company.tina, &company.thread, "1", "out").await.expect("sent");
    let out = gateway.accept_next().await;
    apart.wire.cut();
    while !matches!(gateway.frame().await, Ok(Some(watch_outbound_response::Frame::Holding(_)))) {}
    company.text("1", "during the cut").await;
    assert_eq!(gateway.report(by_token(&out.token), DeliveryStatus::Delivered).await.expect("taken"), DeliveryStatus::Delivered);
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "2", "hello").await), UNKNOWN);
    assert_eq!(refusal(get(&company.olga, &company.thread).await), UNKNOWN);
    assert_eq!(refusal(read(&company.tina, &company.thread, 1).await), UNKNOWN);
    assert_eq!(refusal(close(&company.olga, &company.thread).await), UNKNOWN);
    assert_eq!(gateway.next_within(A_WHILE / 2).await, None);
    apart.wire.mend();
    crewline::party::until_heard(async || try_send(&company.tina, &company.thread, "2", "again").await).await.expect("sent");
    assert_eq!(gateway.accept_next().await.body, "again");
}

#[tokio::test]
async fn a_gateway_that_comes_while_access_is_unknown_gets_nothing() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = InboxReader::open(&company.tina).await;
    try_send(&company.tina, &company.thread, "1", "waits").await.expect("sent");
    apart.wire.cut();
    until_holding(&mut tina).await;
    match Gateway::try_open(&company.carrier).await {
        Ok(mut gateway) => assert_eq!(gateway.next_within(A_WHILE).await, None),
        Err(status) => assert_eq!(refusal(Err::<(), _>(status)), UNKNOWN),
    }
    apart.wire.mend();
    assert_eq!(Gateway::reopen(&company.carrier).await.accept_next().await.body, "waits");
}
