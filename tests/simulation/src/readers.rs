//! Those who read: everybody follows every thread and their inbox, comes back when they were cut, and lists messages now and then.

use std::time::Duration;

use crewline_api::chat::v1 as chat;
use crewline_client::Client;
use crewline_client::inbox::InboxNews;
use crewline_client::subscription::Update;
use crewline_client::thread::{Position, ThreadNews};
use rand::Rng;
use rand::seq::IndexedRandom;
use tokio::time::sleep;
use tonic::Request;

use crate::book::name_of;
use crate::plan::END;
use crate::scene::{Place, Scene};

/// Follows a thread to the end, over as many streams as it takes.
pub async fn follow(scene: Scene, client: Client, name: &'static str, place: Place) {
    let mut dice = scene.plan.dice(&format!("{name} follows {}", place.thread));
    let mut subscription = scene.book.open().subscribes(name, place.thread);
    let mut newest = 0;
    loop {
        let mut stream = scene.book.open().asks(subscription);
        let mut updates = client.watch_thread(&place.thread_id, Position::AfterSeq(newest));
        while let Some(update) = updates.next().await {
            let mut book = scene.book.open();
            match update {
                Update::News(ThreadNews::Opened(_)) => book.opens(stream),
                Update::News(ThreadNews::Events(batch)) => {
                    for event in batch.events {
                        newest = event.seq;
                        if let Some(chat::event::Payload::MessagePosted(message)) = event.payload {
                            book.delivers(stream, event.seq, name_of(&message.body));
                        }
                    }
                }
                Update::News(ThreadNews::Holding) => book.coverage.holding += 1,
                Update::News(ThreadNews::Reset(reset)) => {
                    book.surprise(format!("{name} is told to drop thread {}: {:?}", place.thread, reset.reason()));
                }
                Update::News(ThreadNews::CaughtUp(_) | ThreadNews::Progress(_) | ThreadNews::Presence(_)) => {}
                Update::Interrupted(parting) => {
                    book.ends(stream, &format!("{:?} {}", parting.closing, parting.status.code()));
                    stream = book.asks(subscription);
                }
                Update::Ended(parting) => {
                    book.coverage.cut += u64::from(parting.closing.is_some());
                    book.ends(stream, &format!("for good, {:?} {}", parting.closing, parting.status.code()));
                }
            }
        }
        sleep(Duration::from_millis(dice.random_range(30..250))).await;
        // Who has lost what they had begins anew.
        if dice.random_bool(if scene.plan.long_texts { 0.5 } else { 0.02 }) {
            let mut book = scene.book.open();
            book.unsubscribes(subscription);
            subscription = book.subscribes(name, place.thread);
            newest = 0;
        }
    }
}

/// Follows the inbox, which shows the newest message of each thread.
pub async fn look_on(scene: Scene, client: Client, name: &'static str) {
    let mut dice = scene.plan.dice(&format!("{name} looks on"));
    let _everything_is_there = scene.places().await;
    loop {
        let mut asked = scene.book.open().note(&format!("{name} asks for the inbox"));
        let mut updates = client.watch_inbox(chat::WatchInboxRequest::default());
        while let Some(update) = updates.next().await {
            let mut book = scene.book.open();
            match update {
                Update::News(InboxNews::Entries(entries)) => {
                    for thread in entries.into_iter().filter_map(|entry| entry.thread) {
                        if let Some(number) = book.thread_of(&thread.thread_id) {
                            book.reads(name, number, asked, named(thread.last_message));
                        }
                    }
                }
                Update::News(InboxNews::Holding) => book.coverage.holding += 1,
                Update::Interrupted(_) => asked = book.note(&format!("{name} asks for the inbox again")),
                _ => {}
            }
        }
        sleep(Duration::from_millis(dice.random_range(50..500))).await;
    }
}

/// Asks for messages, or for how far a thread is, now and then.
pub async fn ask(scene: Scene, clients: Vec<Client>, name: &'static str) {
    let mut dice = scene.plan.dice(&format!("{name} asks"));
    let places = scene.places().await;
    while turmoil::sim_elapsed().unwrap_or_default() < END {
        if dice.random_bool(0.5) {
            scene.think(&mut dice).await;
        }
        scene.think_or_be_revoked(&mut dice).await;
        if dice.random_bool(0.5) {
            let Some(place) = places.choose(&mut dice) else { return };
            list(&scene, &clients[place.node], name, place).await;
        } else {
            futures_util::future::join_all(places.iter().map(|place| look(&scene, &clients[place.node], name, place))).await;
        }
    }
}

async fn list(scene: &Scene, client: &Client, name: &str, place: &Place) {
    let list = chat::ListMessagesRequest { thread_id: place.thread_id.clone(), page_size: 5, ..Default::default() };
    let asked = scene.book.open().note(&format!("{name} lists thread {}", place.thread));
    if let Ok(page) = client.threads().list_messages(soon(list)).await {
        scene.book.open().reads(name, place.thread, asked, named(page.into_inner().messages));
    }
}

async fn look(scene: &Scene, client: &Client, name: &str, place: &Place) {
    let get = chat::GetThreadRequest { thread_id: place.thread_id.clone() };
    let asked = scene.book.open().note(&format!("{name} looks at thread {}", place.thread));
    if let Ok(Some(thread)) = client.threads().get_thread(soon(get)).await.map(|got| got.into_inner().thread) {
        let mut book = scene.book.open();
        book.sees_head(place.thread, thread.head_seq, asked);
        book.reads(name, place.thread, asked, named(thread.last_message));
    }
}

fn soon<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(2));
    request
}

fn named(messages: impl IntoIterator<Item = chat::Message>) -> Vec<String> {
    messages.into_iter().map(|message| name_of(&message.body).to_owned()).collect()
}
