//! Each text reaches the provider once and in order, however often the gateway and the chat service die on the way.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::chat::store::entities::outbound;
use chat::acknowledge_outbound_request::Result as Outcome;
use chat::{Accepted, DeliveryStatus, OutboundText};
use crewline::party::{Party, reason};
use crewline_api::chat::v1 as chat;
use futures_util::{StreamExt, TryStreamExt, stream};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use tokio::task::JoinSet;

use crate::company::{Company, JOB, messages_of, try_send};
use crate::dice::Dice;
use crate::gateway::{Gateway, provider_id};
use crate::running::{PATIENCE, Running};

const TEXTS: usize = 10_000;
const NUMBERS: usize = 96;
/// Numbers with a second thread, of another job.
const DOUBLE: usize = 32;
const OTHER_JOB: &str = "1002";
const CLIENTS: usize = 32;
const KILLS: usize = 20;
/// What a gateway does in one life, at most: so little that it dies often enough before all is sent, each text taking two.
const MOST_STEPS: usize = 2 * TEXTS / KILLS;
const A_MOMENT: Duration = Duration::from_millis(20);

/// What the provider has taken: a text once for each token.
#[derive(Default)]
struct Provider {
    tokens: HashSet<String>,
    /// The messages in the order of their first sight.
    order: Vec<(String, String)>,
    /// The newest text of each number.
    newest: HashMap<String, String>,
    /// Of what the service may know that it is settled.
    settling: HashSet<String>,
    hand_outs: usize,
}

/// The gateway has died.
struct Dead;

/// What the tasks share.
#[derive(Default)]
struct Tally {
    provider: Mutex<Provider>,
    /// Of the gateway's life.
    steps: AtomicUsize,
    deaths: AtomicUsize,
    sent: AtomicUsize,
    /// The messages that were acknowledged to their senders.
    acknowledged: Mutex<HashSet<String>>,
    /// Why texts were sent again.
    retries: Mutex<BTreeMap<String, usize>>,
}

impl Provider {
    fn take(&mut self, text: &OutboundText) {
        self.hand_outs += 1;
        if !self.tokens.insert(text.token.clone()) {
            return;
        }
        self.order.push((text.thread_id.clone(), text.message_id.clone()));
        let before = self.newest.insert(text.contact_number.clone(), text.token.clone());
        let unsettled = before.filter(|before| !self.settling.contains(before));
        assert_eq!(unsettled, None, "{} came before it was settled", text.token);
    }
}

impl Tally {
    /// One thing more is done; the last one is the gateway's death.
    fn step(&self) -> Result<(), Dead> {
        let left = self.steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |steps| steps.checked_sub(1));
        left.map(|_| ()).map_err(|_| Dead)
    }

    fn seen(&self) -> usize {
        self.provider.lock().expect("whole").tokens.len()
    }

    /// Takes texts from one stream after another until the gateway dies.
    async fn take_all(&self, carrier: &Party) -> Result<(), Dead> {
        loop {
            let Ok(mut gateway) = Gateway::try_open(carrier).await else {
                tokio::time::sleep(A_MOMENT).await;
                continue;
            };
            while let Some(texts) = gateway.batch().await {
                self.step()?;
                let gateway = &gateway;
                let settle = async |text| self.settle(gateway, text).await;
                stream::iter(texts).map(Ok).try_for_each_concurrent(8, settle).await?;
            }
        }
    }

    async fn settle(&self, gateway: &Gateway, text: OutboundText) -> Result<(), Dead> {
        self.provider.lock().expect("whole").take(&text);
        self.step()?;
        self.provider.lock().expect("whole").settling.insert(text.token.clone());
        let accepted = Accepted { provider: "test".into(), provider_message_id: provider_id(&text.token) };
        match gateway.acknowledge(&text.token, Outcome::Accepted(accepted)).await {
            Ok(status) => assert_eq!(status, DeliveryStatus::Accepted),
            // It comes again.
            Err(status) => assert!(["", "STORE_UNAVAILABLE"].contains(&reason(&status).as_str()), "{status:?}"),
        }
        self.step()
    }

    /// Sends what is left of the work, each text until it is acknowledged.
    async fn send(&self, people: &[Party], threads: &[String]) {
        loop {
            let number = self.sent.fetch_add(1, Ordering::SeqCst);
            if number >= TEXTS {
                return;
            }
            let (thread, person) = (&threads[number % threads.len()], &people[number / threads.len() % people.len()]);
            let (id, began) = (number.to_string(), Instant::now());
            let message = loop {
                let status = match try_send(person, thread, &id, &id).await {
                    Ok(answer) => break answer.message.expect("a message"),
                    Err(status) => status,
                };
                let why = reason(&status);
                assert!(["", "ACCESS_UNKNOWN", "STORE_UNAVAILABLE"].contains(&why.as_str()), "{status:?}");
                assert!(began.elapsed() < PATIENCE, "{id} is not settled: {status:?}");
                *self.retries.lock().expect("whole").entry(why).or_default() += 1;
                tokio::time::sleep(A_MOMENT).await;
            };
            assert_eq!(message.body, id);
            assert!(self.acknowledged.lock().expect("whole").insert(message.message_id));
        }
    }

    /// Waits until the provider has seen so many; it must go on.
    async fn until_seen(&self, number: usize) {
        let (mut seen, mut since) = (self.seen(), Instant::now());
        while seen < number {
            assert!(since.elapsed() < PATIENCE, "it stands still at {seen} texts");
            tokio::time::sleep(Duration::from_millis(1)).await;
            let now = self.seen();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_texts_reach_the_provider_once_and_in_order_through_twenty_kills_of_the_gateway_and_of_the_service() {
    let environment = [("CREWLINE_CHAT__OUTBOUND_LEASE_MILLIS", "500"), ("CREWLINE_CHAT__OUTBOUND_HAND_OUTS", "1000")];
    let mut running = Running::start("all", &environment).await;
    let company = Company::open(&running.callers().await).await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["tina", "theo"]).await).await;
    let mut threads = Vec::new();
    for (job, numbers) in [(JOB, NUMBERS), (OTHER_JOB, DOUBLE)] {
        for number in 0..numbers {
            threads.push(company.start_thread(job, &format!("+1555020{number:04}")).await);
        }
    }
    let threads = Arc::new(threads);
    let tally = Arc::new(Tally::default());
    let began = Instant::now();

    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let callers = running.callers().await;
        let person = |kind, id| callers.person(kind, id, &company.tenant).expect("a token");
        let people = [person("office", "olga"), person("technician", "tina"), person("technician", "theo")];
        let (tally, threads) = (Arc::clone(&tally), Arc::clone(&threads));
        clients.spawn(async move { tally.send(&people, &threads).await });
    }
    let callers = running.callers().await;
    let carrier = callers.service("carrier", &company.tenant).expect("a token");
    let gateway = tokio::spawn({
        let (tally, mut dice) = (Arc::clone(&tally), Dice::new(1));
        async move {
            for _ in 0..KILLS {
                tally.steps.store(MOST_STEPS - dice.roll(MOST_STEPS / 2), Ordering::SeqCst);
                // Both streams go with the first of them, and all calls under way.
                let _dead = tokio::try_join!(tally.take_all(&carrier), tally.take_all(&carrier));
                tally.deaths.fetch_add(1, Ordering::SeqCst);
            }
            tally.steps.store(usize::MAX, Ordering::SeqCst);
            let _lives_on = tokio::try_join!(tally.take_all(&carrier), tally.take_all(&carrier));
        }
    });
    for kill in 1..=KILLS {
        tally.until_seen(kill * TEXTS / (KILLS + 1)).await;
        running.kill();
        running.restart().await;
    }
    tally.until_seen(TEXTS).await;
    while let Some(client) = clients.join_next().await {
        client.expect("a client that settled every send");
    }
    let database = running.chat_database().await;
    let waiting = outbound::Entity::find().filter(outbound::Column::Waiting.eq(true));
    crate::waiting::until("nothing waits", async || {
        (waiting.clone().count(&database).await.expect("counted") == 0).then_some(())
    })
    .await;
    assert_eq!(tally.deaths.load(Ordering::SeqCst), KILLS, "a gateway that dies");
    gateway.abort();
    println!("{TEXTS} texts in {:.1} s", began.elapsed().as_secs_f64());

    let verified = running.verify().await;
    println!("{}", String::from_utf8_lossy(&verified.stdout));
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert_all_sent(&company, &threads, &tally).await;
}

async fn assert_all_sent(company: &Company, threads: &[String], tally: &Tally) {
    let provider = std::mem::take(&mut *tally.provider.lock().expect("whole"));
    println!("{} hand-outs; sends repeated: {:?}", provider.hand_outs, tally.retries.lock().expect("whole"));
    let mut order: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (thread, message) in &provider.order {
        order.entry(thread).or_default().push(message);
    }
    let mut written = HashSet::new();
    for thread in threads {
        let messages = messages_of(&company.olga, thread).await;
        let ids: Vec<&str> = messages.iter().map(|message| message.message_id.as_str()).collect();
        assert_eq!(order[thread.as_str()], ids, "the order of {thread}");
        let accepted = messages.iter().all(|message| message.delivery_status() == DeliveryStatus::Accepted);
        assert!(accepted, "{thread}: {messages:?}");
        let bodies: BTreeSet<&str> = messages.iter().map(|message| message.body.as_str()).collect();
        assert_eq!(bodies.len(), ids.len(), "a body twice");
        written.extend(messages.into_iter().map(|message| message.message_id));
    }
    assert_eq!(written.len(), TEXTS);
    assert_eq!(written, *tally.acknowledged.lock().expect("whole"), "what is there is what was acknowledged");
}
