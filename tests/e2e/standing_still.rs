//! A process that stands still as a whole, and goes on: it must not act on what it knew before.

use std::sync::Arc;

use chat::ClosingReason;
use chat::watch_thread_response::Frame;
use crewline_api::chat::v1 as chat;

use crate::apart::Apart;
use crate::calls::bodies;
use crate::company::{Company, refusal, try_send, try_text};
use crate::switchboard::{Cause, Switchboard};

#[tokio::test]
async fn a_node_that_stands_still_is_waited_out_and_hands_nothing_to_the_one_revoked_when_it_goes_on() {
    let apart = Apart::start().await;
    let company = Arc::new(Company::open(&apart.callers().await).await);
    company.text("1", "before").await;
    let (mut tina, mut theo) = (company.watch(&company.tina).await, company.watch(&company.theo).await);
    tina.read_to(1).await;
    theo.read_to(1).await;

    apart.chat.stop();
    // At its door while it stands still: before the revocation, and after.
    let text = |id: &'static str, body: &'static str| {
        let company = Arc::clone(&company);
        tokio::spawn(async move { try_text(&company.carrier, id, body).await.expect("received").seq })
    };
    let send = |id: &'static str| {
        let company = Arc::clone(&company);
        tokio::spawn(async move { refusal(try_send(&company.tina, &company.thread, id, id).await) })
    };
    let earlier = text("2", "at its door");
    let _under_way = send("under-way");
    let counts = Switchboard::of(&company).turn(&Cause::Permissions("tina".into()), false).await;
    assert_eq!(counts, (0, 1), "confirmed, waited out");
    let (later, too_late) = (text("3", "after the return"), send("too-late"));
    apart.chat.go_on();

    let newest = earlier.await.expect("settled").max(later.await.expect("settled"));
    let refused = too_late.await.expect("settled");
    assert!(["CHAT_PERMISSION_REQUIRED", "ACCESS_UNKNOWN"].contains(&refused.as_str()), "{refused}");
    assert_eq!(tina.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
    assert_eq!(tina.bodies, ["before"], "nothing was in hand when it stopped");
    theo.hold_and_read_to(newest).await;
    assert!(["before", "at its door", "after the return"].iter().all(|body| theo.bodies.iter().any(|there| there == body)));
    let messages = company.messages().await;
    assert!(!bodies(&messages).contains(&"too-late"), "{messages:?}");
}

#[tokio::test]
async fn while_the_permissions_service_stands_still_streams_hold_texts_are_accepted_and_a_revocation_waits() {
    let apart = Apart::start().await;
    let company = Arc::new(Company::open(&apart.callers().await).await);
    let (mut tina, mut theo) = (company.watch(&company.tina).await, company.watch(&company.theo).await);

    apart.permissions.stop();
    let board = Switchboard::of(&company);
    let revocation = tokio::spawn(async move { board.turn(&Cause::Permissions("tina".into()), false).await });
    for reader in [&mut tina, &mut theo] {
        reader.until(|frame| matches!(frame, Frame::Holding(_)).then_some(())).await;
    }
    company.text("1", "nobody is shown this yet").await;
    assert_eq!(refusal(try_send(&company.theo, &company.thread, "1", "hello").await), "ACCESS_UNKNOWN");
    assert!(!revocation.is_finished());
    apart.permissions.go_on();

    revocation.await.expect("returned");
    // Until the revocation was made, tina was allowed.
    assert_eq!(tina.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
    theo.hold_and_read_to(1).await;
}

#[tokio::test]
async fn a_stream_of_a_node_that_stood_still_goes_on_whole_for_those_who_may() {
    let apart = Apart::start().await;
    let company = Arc::new(Company::open(&apart.callers().await).await);
    let mut theo = company.watch(&company.theo).await;
    company.text("1", "before").await;
    theo.read_to(1).await;
    apart.chat.stop();
    let texting = Arc::clone(&company);
    let text = tokio::spawn(async move { texting.text("2", "at its door").await.seq });
    let board = Switchboard::of(&company);
    // Long enough for the lease to run out.
    board.turn(&Cause::Permissions("tina".into()), false).await;
    board.turn(&Cause::Permissions("tina".into()), true).await;
    apart.chat.go_on();
    theo.hold_and_read_to(text.await.expect("received")).await;
    assert_eq!(theo.bodies, ["before", "at its door"]);
    // And who got it back while the node stood still, never lost it there.
    company.watch(&company.tina).await.hold_and_read_to(theo.seq).await;
}
