//! The client library's inbox and gateway streams, through kills.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::chat::v1 as chat;
use crewline_client::inbox::InboxNews;
use crewline_client::outbound::OutboundNews;
use crewline_client::{Client, Subscription, Update};

use crate::calls::list_all;
use crate::company::{Company, JOB};
use crate::running::{PATIENCE, Running};

/// The threads of an inbox, as an application holds them that follows it through the library.
struct Device {
    inbox: Subscription<InboxNews>,
    threads: BTreeMap<String, chat::Thread>,
    whole: usize,
}

impl Device {
    fn of(client: &Client) -> Self {
        Self { inbox: client.watch_inbox(chat::WatchInboxRequest::default()), threads: BTreeMap::new(), whole: 0 }
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let next = tokio::time::timeout(PATIENCE, self.inbox.next()).await;
            match next.unwrap_or_else(|_| panic!("not yet {what}: {:?}", self.threads.keys())).expect("an update") {
                Update::News(InboxNews::Entries(entries)) => {
                    let threads = entries.into_iter().filter_map(|entry| entry.thread);
                    self.threads.extend(threads.map(|thread| (thread.thread_id.clone(), thread)));
                }
                Update::News(InboxNews::Removed(removed)) => {
                    for removed in removed {
                        self.threads.remove(&removed.thread_id).expect("one that was there");
                    }
                }
                Update::News(InboxNews::Whole(_)) => self.whole += 1,
                Update::News(_) | Update::Interrupted(_) => {}
                Update::Ended(parting) => panic!("{parting:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_inbox_that_was_interrupted_again_and_again_tells_what_is_there() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.assign_to("1002", "1", &["tina"]).await;
    let other = company.start_thread("1002", "+15550100777").await;
    let mut tina = Device::of(&company.tina);
    tina.until("the first snapshot", |device| device.whole == 1).await;
    tina.until("both threads", |device| device.threads.len() == 2).await;

    for round in 1..=3 {
        running.kill();
        running.restart().await;
        // Before or after the device is back: in the end it is the same.
        match round {
            1 => _ = company.unassign_from("1002", "1", &["tina"]).await,
            2 => _ = company.start_thread(JOB, "+15550100888").await,
            _ => _ = company.assign_to("1002", "2", &["tina"]).await,
        }
        tina.until("a snapshot again", |device| device.whole > round).await;
        tina.until("the change", |device| device.threads.contains_key(&other) == (round == 3)).await;
    }
    tina.until("all three", |device| device.threads.len() == 3).await;
    let listed: BTreeMap<_, _> =
        list_all(&company.tina).await.into_iter().map(|thread| (thread.thread_id.clone(), thread)).collect();
    assert_eq!(tina.threads, listed, "the list and the inbox tell the same");
}

#[tokio::test]
async fn a_gateway_gets_every_text_once_it_acknowledges_them_through_a_kill() {
    const TEXTS: usize = 5;
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = company.carrier.watch_outbound();
    let mut texted = BTreeSet::new();
    for round in 0..2 {
        let mut sent = BTreeSet::new();
        for number in 0..TEXTS {
            let body = format!("{round}/{number}");
            let message =
                chat::SendMessageRequest { thread_id: company.thread.clone(), body: body.clone(), ..Default::default() };
            company.tina.send_message(message).await.expect("sent");
            sent.insert(body);
        }
        while !sent.is_empty() {
            let next = tokio::time::timeout(PATIENCE, gateway.next()).await.expect("a text within the limit");
            let Some(Update::News(OutboundNews::Texts(texts))) = next else { continue };
            for text in texts {
                assert!(texted.insert(text.token.clone()), "handed out again before its lease ran out");
                sent.remove(&text.body);
                let accepted = chat::Accepted { provider: "test".into(), provider_message_id: text.token.clone() };
                let result = chat::AcknowledgeOutboundRequest {
                    token: text.token,
                    result: Some(chat::acknowledge_outbound_request::Result::Accepted(accepted)),
                };
                let answer = company.carrier.acknowledge_outbound(result).await.expect("acknowledged");
                assert_eq!(answer.delivery_status(), chat::DeliveryStatus::Accepted);
            }
        }
        running.kill();
        running.restart().await;
    }
    assert_eq!(texted.len(), 2 * TEXTS);
}
