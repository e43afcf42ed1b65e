//! Those who write: the customers through the carrier, and everybody else.

use std::time::Duration;

use crewline_api::chat::v1 as chat;
use crewline_checkers::history::Author;
use crewline_client::Client;
use crewline_client::fault::Fault;
use crewline_client::retry::CallError;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::time::sleep;
use tonic::{Request, Status};

use crate::book::Sent;
use crate::plan::{CALM, LAST_TEXTS};
use crate::scene::{Place, Scene};

const LONG_TEXT: usize = 15_000;
/// So many long texts are more than a stream's window.
const MORE_THAN_A_WINDOW: usize = 12;
const FAST: Duration = Duration::from_millis(40);
/// Who tries once gives up after this long.
const PATIENCE: Duration = Duration::from_secs(3);

/// The customers text now and then, fast while a revocation waits for a lease to run out, and each of them once more in the end.
pub async fn customers(scene: Scene, carriers: Vec<Client>) {
    let mut dice = scene.plan.dice("customers");
    let places = scene.places().await;
    let mut texts = 0;
    let mut next = |prefix: &str| {
        texts += 1;
        format!("{prefix}-{texts}")
    };
    if scene.plan.long_texts {
        for _ in 0..MORE_THAN_A_WINDOW {
            text(&scene, &carriers[places[0].node], &places[0], &next("text"), LONG_TEXT).await;
        }
    }
    while elapsed() < LAST_TEXTS {
        let waiting_out = scene.book.open().is_waiting_out();
        if waiting_out {
            sleep(FAST).await;
        } else {
            scene.think_or_be_revoked(&mut dice).await;
        }
        if let Some(place) = places.choose(&mut dice) {
            let length = if scene.plan.long_texts && !waiting_out && dice.random_bool(0.5) { LONG_TEXT } else { 0 };
            tokio::task::spawn_local({
                let (scene, carrier, place, id) = (scene.clone(), carriers[place.node].clone(), place.clone(), next("text"));
                async move { text(&scene, &carrier, &place, &id, length).await }
            });
        }
    }
    for place in &places {
        text(&scene, &carriers[place.node], place, &next("last"), 0).await;
    }
}

async fn text(scene: &Scene, carrier: &Client, place: &Place, id: &str, length: usize) {
    let text = chat::ReceiveMessageRequest {
        provider: "simulated".into(),
        provider_message_id: id.into(),
        contact_number: place.contact.into(),
        body: format!("{id} {}", "x".repeat(length)),
        ..Default::default()
    };
    let send = scene.book.open().send_begins(Author::Customer, place.thread, id);
    // Handed in again it makes no second message.
    let received = carrier.read(text, |client, request| async move { client.carrier().receive_message(request).await }).await;
    let ended = match received {
        Ok(received) if received.thread_id == place.thread_id => Sent::At(received.seq),
        Ok(received) => {
            scene.book.open().surprise(format!("{id} went into the thread {}", received.thread_id));
            Sent::Unknown
        }
        Err(_) => Sent::Unknown,
    };
    scene.book.open().send_ends(send, ended);
}

/// A person writes now and then.
pub async fn person(scene: Scene, clients: Vec<Client>, name: &'static str) {
    let mut dice = scene.plan.dice(&format!("{name} writes"));
    let places = scene.places().await;
    let mut sends = 0;
    while elapsed() < LAST_TEXTS {
        scene.think_or_be_revoked(&mut dice).await;
        // In the calm only the customers go on, so that it can be told who gets what.
        if elapsed() > CALM {
            sleep(Duration::from_millis(100)).await;
        }
        if let Some(place) = places.choose(&mut dice) {
            sends += 1;
            send(&scene, &clients[place.node], place, name, &format!("{name}-{sends}"), &mut dice).await;
        }
    }
}

async fn send(scene: &Scene, client: &Client, place: &Place, name: &str, id: &str, dice: &mut StdRng) {
    let message = chat::SendMessageRequest {
        thread_id: place.thread_id.clone(),
        client_message_id: id.into(),
        body: id.into(),
        ..Default::default()
    };
    let send = scene.book.open().send_begins(Author::Person(name.to_owned()), place.thread, id);
    // A node whose view begins anew refuses for a moment.
    let insists = dice.random_bool(0.3) || scene.plan.tokens.is_some();
    let ended = if insists { again_and_again(client, message).await } else { once(client, message).await };
    scene.book.open().send_ends(send, ended);
}

async fn once(client: &Client, message: chat::SendMessageRequest) -> Sent {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    let sent = tokio::time::timeout(PATIENCE, client.threads().send_message(request)).await;
    match sent.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer"))) {
        Ok(sent) => at(sent.into_inner()),
        Err(status) if Fault::of(&status).may_be_done() => Sent::Unknown,
        Err(_) => Sent::Refused,
    }
}

async fn again_and_again(client: &Client, message: chat::SendMessageRequest) -> Sent {
    match client.send_message(message).await {
        Ok(sent) => at(sent),
        Err(CallError::OutcomeUnknown { .. }) => Sent::Unknown,
        Err(CallError::Refused(_) | CallError::Unanswered(_)) => Sent::Refused,
    }
}

fn at(sent: chat::SendMessageResponse) -> Sent {
    sent.message.map_or(Sent::Unknown, |message| Sent::At(message.seq))
}

fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
