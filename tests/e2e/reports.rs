//! Delivery reports: in any order, any number of times, by either name; the status only moves forward and a final one stays.

use chat::event::Payload;
use chat::report_delivery_request::Text;
use chat::{Accepted, DeliveryStatus};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;

use crate::calls::seen;
use crate::company::{Company, refusal, try_send};
use crate::dice::Dice;
use crate::gateway::{Gateway, by_provider_id, by_token, provider_id, unknown_token};
use crate::running::Running;

const REPORTED: [DeliveryStatus; 5] = [
    DeliveryStatus::Accepted,
    DeliveryStatus::Sent,
    DeliveryStatus::Delivered,
    DeliveryStatus::Undelivered,
    DeliveryStatus::Failed,
];

fn is_final(status: DeliveryStatus) -> bool {
    matches!(status, DeliveryStatus::Delivered | DeliveryStatus::Undelivered | DeliveryStatus::Failed)
}

/// What a text is after one more report.
fn after(status: DeliveryStatus, report: DeliveryStatus) -> DeliveryStatus {
    if is_final(status) || (!is_final(report) && i32::from(report) < i32::from(status)) { status } else { report }
}

fn permutations(of: &[DeliveryStatus]) -> Vec<Vec<DeliveryStatus>> {
    let Some((first, rest)) = of.split_first() else { return vec![vec![]] };
    let mut all = Vec::new();
    for shorter in permutations(rest) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, *first);
            all.push(longer);
        }
    }
    all
}

/// Sends a text, and hands it to the gateway.
async fn send(company: &Company, gateway: &mut Gateway, party: &Party, id: &str) -> chat::OutboundText {
    try_send(party, &company.thread, id, id).await.expect("sent");
    let text = gateway.next().await;
    assert_eq!(text.body, id);
    text
}

#[tokio::test]
async fn reports_in_every_order_and_doubled_lead_to_the_first_final_status() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let mut tina = company.watch(&company.tina).await;
    let mut dice = Dice::new(13);
    let orders = permutations(&REPORTED);
    assert_eq!(orders.len(), 120);
    let mut expected = Vec::new();
    for (number, mut reports) in orders.into_iter().enumerate() {
        // Some of them twice, and some never.
        for _ in 0..dice.roll(6) {
            let again = *dice.pick(&reports);
            reports.insert(dice.roll(reports.len() + 1), again);
        }
        reports.truncate(1 + dice.roll(reports.len()));
        let text = send(&company, &mut gateway, &company.tina, &format!("{number}")).await;
        let mut status = gateway.accept(&text).await;
        let mut history = vec![status];
        for report in &reports {
            let next = after(status, *report);
            let name = if dice.once_in(2) { by_token(&text.token) } else { by_provider_id(&text.token) };
            assert_eq!(gateway.report(name, *report).await.expect("taken"), next, "{status:?}, then {report:?} of {reports:?}");
            if next != status {
                history.push(next);
            }
            status = next;
        }
        expected.push(history);
    }
    let messages = company.messages().await;
    let statuses: Vec<DeliveryStatus> = messages.iter().map(chat::Message::delivery_status).collect();
    assert_eq!(statuses, expected.iter().map(|history| history[history.len() - 1]).collect::<Vec<_>>());
    for message in &messages {
        let failed = matches!(message.delivery_status(), DeliveryStatus::Undelivered | DeliveryStatus::Failed);
        assert_eq!(message.delivery_error, if failed { "the carrier's word" } else { "" });
    }

    // Each change is one event, and there is no other.
    tina.read_to(seen(&company.tina, &company.thread).await.head_seq).await;
    let mut told = vec![Vec::new(); messages.len()];
    for event in &tina.events {
        if let Some(Payload::DeliveryUpdated(update)) = &event.payload {
            let of = messages.iter().position(|message| message.seq == update.message_seq).expect("of a message");
            told[of].push(update.status());
        }
    }
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_report_may_overtake_the_acknowledgement() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let text = send(&company, &mut gateway, &company.tina, "1").await;
    // By an id that only the acknowledgement will tell, it is not known yet.
    let unknown = gateway.report(by_provider_id(&text.token), DeliveryStatus::Sent).await;
    assert_eq!(refusal(unknown), "RESOURCE_NOT_FOUND");
    assert_eq!(gateway.report(by_token(&text.token), DeliveryStatus::Sent).await.expect("taken"), DeliveryStatus::Sent);
    assert_eq!(gateway.accept(&text).await, DeliveryStatus::Sent, "no step back");
    let by_id = gateway.report(by_provider_id(&text.token), DeliveryStatus::Delivered).await.expect("taken");
    assert_eq!(by_id, DeliveryStatus::Delivered);
}

#[tokio::test]
async fn a_report_names_a_text_that_is_known_and_how_far_it_has_come() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (company, other) = (Company::open(&callers).await, Company::open(&callers).await);
    let mut gateway = Gateway::open(&company.carrier).await;
    let foreign = Gateway::open(&other.carrier).await;
    let text = send(&company, &mut gateway, &company.tina, "1").await;
    gateway.accept(&text).await;
    let sent = DeliveryStatus::Sent;
    assert_eq!(refusal(gateway.report(by_token(&unknown_token()), sent).await), "RESOURCE_NOT_FOUND");
    let another = Accepted { provider: "another".into(), provider_message_id: provider_id(&text.token) };
    assert_eq!(refusal(gateway.report(Text::ProviderText(another), sent).await), "RESOURCE_NOT_FOUND");
    for name in [by_token(&text.token), by_provider_id(&text.token)] {
        assert_eq!(refusal(foreign.report(name, sent).await), "RESOURCE_NOT_FOUND", "another tenant's");
    }
    assert_eq!(refusal(gateway.report(by_token("no-token"), sent).await), "INVALID_FIELD");
    for status in [DeliveryStatus::Unspecified, DeliveryStatus::Queued] {
        assert_eq!(refusal(gateway.report(by_token(&text.token), status).await), "INVALID_FIELD", "{status:?}");
    }
    let nothing = chat::ReportDeliveryRequest { status: sent.into(), ..Default::default() };
    assert_eq!(refusal(company.carrier.carrier().report_delivery(nothing).await), "INVALID_FIELD");
    let too_long = chat::ReportDeliveryRequest { status: sent.into(), error: "x".repeat(201), text: Some(by_token(&text.token)) };
    assert_eq!(refusal(company.carrier.carrier().report_delivery(too_long).await), "INVALID_FIELD");
    assert_eq!(company.messages().await[0].delivery_status(), DeliveryStatus::Accepted);
}
