//! P5: without fresh knowledge of access nothing is handed out, and nothing is lost.

use std::time::Duration;

use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use crewline::party::until_heard;
use crewline_api::chat::v1 as chat;

use crate::apart::Apart;
use crate::company::{Company, refusal, try_send};
use crate::reader::Reader;

fn is_holding(frame: &Frame) -> Option<()> {
    matches!(frame, Frame::Holding(_)).then_some(())
}

#[tokio::test]
async fn with_the_wire_cut_streams_hold_then_end_and_come_back_whole() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    company.text("1", "before the cut").await;
    let mut tina = Reader::open(&company.tina, &company.thread).await;
    let mut olga = Reader::open(&company.olga, &company.thread).await;
    tina.read_to(1).await;
    olga.read_to(1).await;

    apart.wire.cut();
    tina.until(is_holding).await;
    olga.until(is_holding).await;

    // The customer's text is accepted; everything else is refused; and no frame passes before the end.
    company.text("2", "during the cut").await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "t1", "hello").await), "ACCESS_UNKNOWN");
    let get = chat::GetThreadRequest { thread_id: company.thread.clone() };
    assert_eq!(refusal(company.olga.threads().get_thread(get).await), "ACCESS_UNKNOWN");
    let opened = Reader::try_open_at(&company.tina, &company.thread, Position::AfterSeq(0)).await;
    assert_eq!(refusal(opened.map(|_| ())), "ACCESS_UNKNOWN");
    for reader in [&mut tina, &mut olga] {
        let Some(Frame::Closing(closing)) = reader.frame().await.expect("a stream that lives") else {
            panic!("something passed while held: {:?}", reader.bodies);
        };
        assert_eq!(closing.reason(), chat::ClosingReason::AccessUnknown);
        let status = reader.frame().await.expect_err("a status after the last frame");
        assert_eq!(crewline::party::reason(&status), "ACCESS_UNKNOWN");
    }

    apart.wire.mend();
    for (party, old) in [(&company.tina, &tina), (&company.olga, &olga)] {
        let position = Position::Cursor(old.cursor.clone());
        let opened = until_heard(async || Reader::try_open_at(party, &company.thread, position.clone()).await).await;
        let mut resumed = opened.expect("the service is back");
        resumed.seq = 1;
        resumed.read_to(2).await;
        assert_eq!(resumed.bodies, ["during the cut"]);
    }
}

#[tokio::test]
async fn a_stream_that_held_for_a_moment_goes_on_whole() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = Reader::open(&company.tina, &company.thread).await;
    company.text("1", "before the cut").await;
    tina.read_to(1).await;

    apart.wire.cut();
    tina.until(is_holding).await;
    company.text("2", "during the cut").await;
    let passed = tokio::time::timeout(Duration::from_secs(1), tina.frame()).await;
    assert!(passed.is_err(), "held: {passed:?}");
    apart.wire.mend();
    tina.read_to(2).await;
}

#[tokio::test]
async fn access_that_was_taken_away_during_the_cut_is_gone_when_the_wire_is_mended() {
    let apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    let mut tina = Reader::open(&company.tina, &company.thread).await;
    company.text("1", "before the cut").await;
    tina.read_to(1).await;

    apart.wire.cut();
    tina.until(is_holding).await;
    crewline::demo::office::set_permissions(&company.admin, "tina", false, false).await.expect("taken away");
    company.text("2", "not for tina").await;
    apart.wire.mend();
    let (closing, reason) = tina.end().await;
    assert_eq!((closing, reason.as_str()), (chat::ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED"));
    assert_eq!(tina.bodies, ["before the cut"]);
}
