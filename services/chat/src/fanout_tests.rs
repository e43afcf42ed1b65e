//! The rings: what they hold, what they forget, and that a watcher is always woken.

use uuid::Uuid;

use super::*;
use crate::model::{Audience, Author, Body, MessageKind, Payload, Position, TenantId, Thread, ThreadId};

fn key() -> ThreadKey {
    ThreadKey { tenant: TenantId::trusted("acme"), thread: ThreadId(Uuid::from_u128(1)) }
}

fn event(seq: u64, body: &str) -> Event {
    let prev = Position { seq: seq - 1, tag: 1 };
    Event {
        at: Position { seq, tag: 1 },
        audience: Audience::Crew,
        office_prev: prev,
        crew_prev: prev,
        committed_at: 0,
        payload: Payload::MessagePosted {
            message_id: Uuid::nil(),
            author: Author::customer(),
            body: Body::trusted(body.to_owned()),
            message_kind: MessageKind::Text,
            attachments: Vec::new(),
            outbound: None,
            business: None,
        },
    }
}

/// The news of a commit that made this event.
fn news(seq: u64, body: &str) -> News {
    let at = Position { seq, tag: 1 };
    let thread = Thread { head: at, crew_head: at, ..Thread::untouched(key().thread) };
    News { key: key(), thread, left: None, events: vec![event(seq, body)], to_send: false }
}

fn seqs(found: Option<Vec<Arc<Event>>>) -> Option<Vec<u64>> {
    found.map(|events| events.iter().map(|event| event.at.seq).collect())
}

#[test]
fn a_ring_gives_what_follows_and_sends_to_the_store_for_the_rest() {
    let fanout = Fanout::default();
    let watcher = fanout.register(key());
    for seq in 5..=8 {
        fanout.publish(&news(seq, "x"));
    }
    assert_eq!(seqs(watcher.after(4, 10)), Some(vec![5, 6, 7, 8]));
    assert_eq!(seqs(watcher.after(6, 1)), Some(vec![7]));
    assert_eq!(seqs(watcher.after(3, 10)), None, "4 is not in the ring");
    assert_eq!(seqs(watcher.after(8, 10)), None, "nothing follows");
}

#[test]
fn a_ring_stays_contiguous_when_commits_are_announced_out_of_order() {
    let fanout = Fanout::default();
    let watcher = fanout.register(key());
    for seq in [1, 2, 4, 3, 5] {
        fanout.publish(&news(seq, "x"));
    }
    assert_eq!(seqs(watcher.after(2, 10)), None, "3 came too late");
    assert_eq!(seqs(watcher.after(3, 10)), Some(vec![4, 5]));
    assert_eq!(watcher.head(), 5);
}

#[test]
fn a_ring_is_bounded_in_events_and_in_bytes() {
    let fanout = Fanout::default();
    let watcher = fanout.register(key());
    for seq in 1..=300 {
        fanout.publish(&news(seq, "x"));
    }
    assert_eq!(seqs(watcher.after(43, 10)), None);
    assert!(watcher.after(44, 10).is_some());
    let long = "y".repeat(100 * 1024);
    for seq in 301..=310 {
        fanout.publish(&news(seq, &long));
    }
    assert!(watcher.after(308, 10).is_some());
    assert_eq!(seqs(watcher.after(300, 10)), None);
    assert!(fanout.bytes.load(Ordering::Relaxed) <= RING_BYTES);
}

#[test]
fn the_last_watcher_takes_the_ring_along() {
    let fanout = Fanout::default();
    let (first, second) = (fanout.register(key()), fanout.register(key()));
    fanout.publish(&news(1, "x"));
    drop(first);
    assert_eq!(lock(&fanout.threads).len(), 1);
    assert!(second.after(0, 1).is_some());
    drop(second);
    assert_eq!(lock(&fanout.threads).len(), 0);
    assert_eq!(fanout.bytes.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_watcher_is_woken_by_an_event_that_comes_before_it_waits() {
    let fanout = Fanout::default();
    let mut watcher = fanout.register(key());
    fanout.publish(&news(1, "x"));
    let woken = tokio::time::timeout(std::time::Duration::from_secs(10), watcher.beyond(0)).await;
    assert!(woken.is_ok());
}

#[test]
fn watchers_that_leave_together_leave_nothing_behind() {
    let fanout = Fanout::default();
    for _ in 0..2_000 {
        let (first, second) = (fanout.register(key()), fanout.register(key()));
        let other = std::thread::spawn(move || drop(first));
        drop(second);
        other.join().expect("left");
        assert!(lock(&fanout.threads).is_empty());
    }
}

/// The news of another history: the same number, another tag.
fn forked(seq: u64) -> News {
    let mut news = news(seq, "other");
    news.events.iter_mut().for_each(|event| event.at.tag = 2);
    news
}

#[test]
fn a_ring_does_not_mix_two_histories() {
    let fanout = Fanout::default();
    let watcher = fanout.register(key());
    for seq in 1..=4 {
        fanout.publish(&news(seq, "x"));
    }
    fanout.publish(&forked(3));
    assert_eq!(seqs(watcher.after(2, 10)), Some(vec![3]), "what followed the other 3 is gone");
    fanout.publish(&news(4, "x"));
    assert_eq!(seqs(watcher.after(2, 10)), None, "4 names another predecessor");
    assert_eq!(seqs(watcher.after(3, 10)), Some(vec![4]));
}

#[test]
fn what_the_store_does_not_have_is_forgotten() {
    let fanout = Fanout::default();
    let watcher = fanout.register(key());
    for seq in 1..=4 {
        fanout.publish(&news(seq, "x"));
    }
    watcher.forget(&news(2, "x").thread);
    assert_eq!((watcher.head(), seqs(watcher.after(2, 10))), (2, None));
    fanout.publish(&forked(3));
    assert_eq!(watcher.head(), 3);
}
