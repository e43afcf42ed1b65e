//! One chat for all: whoever is on the job, the office and the customer get each message, once, in one order.

use std::collections::BTreeMap;

use chat::AuthorKind;
use chat::event::Payload;
use crewline_api::chat::v1 as chat;

use crate::company::{Company, try_send};
use crate::gateway::Gateway;
use crate::running::Running;

const ROUNDS: usize = 20;

#[tokio::test]
async fn each_message_reaches_every_technician_the_office_and_the_customer_once_and_in_one_order() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let mut streams = Vec::new();
    for party in [&company.tina, &company.theo, &company.vera, &company.olga] {
        streams.push(company.watch(party).await);
    }
    let send = async |party, name: &str| {
        for round in 0..ROUNDS {
            try_send(party, &company.thread, &format!("{name}{round}"), &format!("{name} {round}")).await.expect("sent");
        }
    };
    let text = async {
        for round in 0..ROUNDS {
            company.text(&format!("c{round}"), &format!("customer {round}")).await;
        }
    };
    tokio::join!(send(&company.tina, "tina"), send(&company.theo, "theo"), send(&company.olga, "olga"), text);
    let written = company.messages().await;
    assert_eq!(written.len(), 4 * ROUNDS);
    let mut taken = Vec::new();
    for _ in 0..3 * ROUNDS {
        taken.push(gateway.accept_next().await.body);
    }
    let out = written.iter().filter(|message| message.author.as_ref().expect("an author").kind() != AuthorKind::Customer);
    assert_eq!(taken, out.map(|message| message.body.clone()).collect::<Vec<_>>(), "to the customer");

    let head = crate::calls::seen(&company.olga, &company.thread).await.head_seq;
    assert_eq!(head, (written.len() + taken.len()) as u64, "a message, and what became of it");
    for stream in &mut streams {
        stream.read_to(head).await;
        assert_eq!(stream.bodies, written.iter().map(|message| message.body.clone()).collect::<Vec<_>>());
        let names: BTreeMap<&str, usize> = stream.events.iter().fold(BTreeMap::new(), |mut names, event| {
            if let Some(Payload::MessagePosted(message)) = &event.payload {
                *names.entry(&message.author.as_ref().expect("an author").display_name).or_default() += 1;
            }
            names
        });
        assert_eq!(names, BTreeMap::from([("", ROUNDS), ("olga", ROUNDS), ("theo", ROUNDS), ("tina", ROUNDS)]));
    }
}
