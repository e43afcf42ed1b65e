//! Open streams follow what the administrator changes: they end with the reason, or go on.

use chat::ClosingReason;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;

use crate::company::{Company, refusal, try_send};
use crate::running::Running;

const NEEDS_PERMISSION: &str = "CHAT_PERMISSION_REQUIRED";

#[tokio::test]
async fn whoever_loses_full_access_reads_on_and_no_longer_sends() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");

    company.heard(company.permit("tina", true, false).await).await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "2", "hello").await), NEEDS_PERMISSION);
    company.assert_reaches(&mut tina, "still read").await;

    company.permit("tina", false, false).await;
    tina.assert_ends(ClosingReason::AccessRevoked, NEEDS_PERMISSION).await;
}

#[tokio::test]
async fn whoever_keeps_either_permission_keeps_the_stream() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    company.heard(company.permit("tina", false, true).await).await;
    company.assert_reaches(&mut tina, "full alone").await;
    try_send(&company.tina, &company.thread, "1", "full alone sends").await.expect("sent");
    company.heard(company.permit("tina", true, false).await).await;
    company.assert_reaches(&mut tina, "view alone").await;
}

#[tokio::test]
async fn a_change_of_a_role_reaches_the_open_streams_of_those_without_permissions_of_their_own() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.set_role("technician", true, false).await;
    company.reset("tina").await;
    company.heard(company.permit("vera", true, false).await).await;
    let mut tina = company.watch(&company.tina).await;
    let mut vera = company.watch(&company.vera).await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "hello").await), NEEDS_PERMISSION);

    company.heard(company.set_role("technician", true, true).await).await;
    try_send(&company.tina, &company.thread, "2", "gained").await.expect("sent");
    assert_eq!(refusal(try_send(&company.vera, &company.thread, "1", "hello").await), NEEDS_PERMISSION);
    company.assert_reaches(&mut tina, "to both").await;

    company.set_role("technician", false, false).await;
    tina.assert_ends(ClosingReason::AccessRevoked, NEEDS_PERMISSION).await;
    company.assert_reaches(&mut vera, "to vera").await;

    company.set_role("technician", true, false).await;
    let mut again = company.watch(&company.tina).await;
    again.read_to(vera.seq).await;
    assert_eq!(again.bodies, vera.bodies, "the whole history is back");
}

#[tokio::test]
async fn a_reset_to_the_role_and_another_role_take_effect_on_open_streams() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut theo = company.watch(&company.theo).await;
    company.set_role("technician", true, false).await;
    company.heard(company.reset("theo").await).await;
    company.assert_reaches(&mut theo, "the role may view").await;
    assert_eq!(refusal(try_send(&company.theo, &company.thread, "1", "hello").await), NEEDS_PERMISSION);

    // The role of the office holds nothing.
    company.set_person(pb::Person { person_id: "theo".into(), role_id: "office".into(), ..Default::default() }, "role_id").await;
    theo.assert_ends(ClosingReason::AccessRevoked, NEEDS_PERMISSION).await;

    let tina = company.watch(&company.tina).await;
    company.set_role("technician", false, false).await;
    company.reset("tina").await;
    tina.assert_ends(ClosingReason::AccessRevoked, NEEDS_PERMISSION).await;
}

#[tokio::test]
async fn a_deactivated_person_is_cut_and_comes_back_when_activated() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for (person, party) in [("tina", &company.tina), ("olga", &company.olga)] {
        let stream = company.watch(party).await;
        company.set_active(person, false).await;
        stream.assert_ends(ClosingReason::PersonInactive, "PERSON_INACTIVE").await;
        assert_eq!(refusal(try_send(party, &company.thread, "1", "hello").await), "PERSON_INACTIVE");
        company.set_active(person, true).await;
        company
            .watch(party)
            .await
            .until(|frame| matches!(frame, chat::watch_thread_response::Frame::CaughtUp(_)).then_some(()))
            .await;
    }
}

#[tokio::test]
async fn a_technician_without_mobile_access_is_cut_and_the_office_needs_none() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let tina = company.watch(&company.tina).await;
    let mut olga = company.watch(&company.olga).await;
    company.set_mobile_access("tina", false).await;
    let newest = company.set_mobile_access("olga", false).await;
    tina.assert_ends(ClosingReason::PersonInactive, "PERSON_INACTIVE").await;
    company.heard(newest).await;
    company.assert_reaches(&mut olga, "to the office").await;
    try_send(&company.olga, &company.thread, "1", "from the office").await.expect("sent");
}

#[tokio::test]
async fn a_token_of_another_kind_than_the_person_is_of_nobody() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    for (kind, id) in [("office", "tina"), ("technician", "olga"), ("technician", "nobody"), ("office", "nobody")] {
        let party = callers.person(kind, id, &company.tenant).expect("a token");
        let get = chat::GetThreadRequest { thread_id: company.thread.clone() };
        assert_eq!(refusal(party.threads().get_thread(get).await), "PERSON_INACTIVE", "{kind} {id}");
    }
}
