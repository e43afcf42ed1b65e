//! P4: what was acknowledged survives `kill -9`, and a retry never makes a second message.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crewline::party::{Party, reason};
use tokio::task::JoinSet;

use crate::company::{Company, messages_of, try_send};
use crate::running::{PATIENCE, Running};

const CLIENTS: usize = 32;
const KILLS: usize = 20;
const IN_FLIGHT: usize = 8;

#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    in_flight: AtomicUsize,
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    /// Kills so far: an attempt that began before one and failed after it was under way then.
    kills: AtomicUsize,
    /// The sequence number that each id was acknowledged with.
    acks: Mutex<HashMap<String, u64>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_in_the_middle_of_sends_lose_nothing_acknowledged_and_double_nothing() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut threads = vec![company.thread.clone()];
    for number in 1..4 {
        threads.push(company.start_thread("1001", &format!("+1555010020{number}")).await);
    }

    let tally = Arc::new(Tally::default());
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        // Each has a connection of its own: one that breaks takes no other's calls along.
        let olga = running.callers().await.person("office", "olga", &company.tenant).expect("a token");
        clients.spawn(send_until_stopped(client, olga, threads[client % threads.len()].clone(), Arc::clone(&tally)));
    }

    for kill in 0..KILLS {
        let acknowledged = tally.acknowledged.load(Ordering::SeqCst);
        let began = Instant::now();
        // Sends are being acknowledged again, and many are under way.
        while tally.acknowledged.load(Ordering::SeqCst) < acknowledged + 50 || tally.in_flight.load(Ordering::SeqCst) < IN_FLIGHT
        {
            assert!(began.elapsed() < PATIENCE, "sends do not go on after kill {kill}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tally.kills.fetch_add(1, Ordering::SeqCst);
        running.kill();
        running.restart().await;
    }
    tally.stop.store(true, Ordering::SeqCst);
    while let Some(client) = clients.join_next().await {
        client.expect("a client that settled every send");
    }

    let unknown = tally.unknown.load(Ordering::SeqCst);
    let acks = std::mem::take(&mut *tally.acks.lock().expect("acks"));
    println!("{KILLS} kills: {} sends acknowledged, {unknown} of unknown outcome and settled by a retry", acks.len());
    assert!(unknown > 0, "no kill hit a send");
    let mut found = HashMap::new();
    for thread in &threads {
        for message in messages_of(&company.olga, thread).await {
            let twice = found.insert(message.body.clone(), message.seq);
            assert_eq!(twice, None, "{} is there twice", message.body);
        }
    }
    assert_eq!(found, acks, "what is there is what was acknowledged, where it was acknowledged");
}

/// Sends one message after another; one whose outcome is unknown again and again with its id, until it is known.
async fn send_until_stopped(client: usize, olga: Party, thread: String, tally: Arc<Tally>) {
    let mut number = 0;
    while !tally.stop.load(Ordering::SeqCst) {
        number += 1;
        let id = format!("client-{client}-{number}");
        let began = Instant::now();
        loop {
            let kills = tally.kills.load(Ordering::SeqCst);
            tally.in_flight.fetch_add(1, Ordering::SeqCst);
            let sent = try_send(&olga, &thread, &id, &id).await;
            tally.in_flight.fetch_sub(1, Ordering::SeqCst);
            match sent {
                Ok(answer) => {
                    let seq = answer.message.expect("a message").seq;
                    tally.acks.lock().expect("acks").insert(id, seq);
                    tally.acknowledged.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                Err(status) => {
                    assert!(began.elapsed() < PATIENCE, "{id} is not settled: {status:?}");
                    // A refusal with a reason did not write, nor did an attempt while nobody listened; one that a kill cut off may have.
                    if reason(&status).is_empty() && tally.kills.load(Ordering::SeqCst) > kills {
                        tally.unknown.fetch_add(1, Ordering::SeqCst);
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}
