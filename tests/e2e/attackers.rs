//! Clients that attack by means of HTTP/2 itself, beside one that is well-behaved: every call of that one succeeds, and the server's memory
//! stays within a bound.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crewline_api::chat::v1 as chat;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout, timeout_at};

use crate::calls;
use crate::company::{Company, try_send};
use crate::costs::{peak_kib, resident_kib};
use crate::raw_http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, RawHttp2, SETTINGS, call, fields, frame,
    greeting_with_wide_windows, whole_call,
};
use crate::reader::Reader;
use crate::running::Running;

/// How long an attack goes on.
const ATTACK: Duration = Duration::from_secs(4);
/// What one of them sends at once, and how long it is until the next: the rest of the machine is to go on.
const PIECE_BYTES: usize = 16 * 1024;
const PAUSE: Duration = Duration::from_millis(4);
/// At the same time. Each comes back as soon as it is cut.
const ATTACKERS: usize = 4;
/// What the server may grow by at the most, at any moment of an attack.
const MOST_MIB: u64 = 16;
/// The same while answers wait that somebody asked for, a quarter of a megabyte each, and does not read.
const MOST_MIB_OF_ANSWERS: u64 = 160;
/// So often the healthy client must have got its work done for the rest to mean something.
const LEAST_ROUNDS: usize = 2;
const ENHANCE_YOUR_CALM: u32 = 11;
const LIST: &str = "/crewline.chat.v1.ThreadService/ListMessages";
const WATCH: &str = "/crewline.chat.v1.ThreadService/WatchThread";
const NOBODY: &str = "no token";

/// What an attacker sends, piece by piece.
type Weapon = Box<dyn FnMut() -> Vec<u8> + Send>;

/// What came of the attackers' connections.
#[derive(Debug, Default)]
struct Outcome {
    connections: usize,
    /// Those that the server ended.
    cut: usize,
    /// Those to which it could still say why.
    calmed: usize,
}

/// Attacks until the time is over.
async fn attack(address: SocketAddr, weapon: Arc<dyn Fn() -> Weapon + Send + Sync>) -> Outcome {
    let until = tokio::time::Instant::now() + ATTACK;
    let mut outcome = Outcome::default();
    while tokio::time::Instant::now() < until {
        let Ok(RawHttp2 { mut reading, mut writing }) = RawHttp2::connect(address).await else { continue };
        outcome.connections += 1;
        let mut pieces = weapon();
        let writes = async {
            while writing.write_all(&pieces()).await.is_ok() {
                sleep(PAUSE).await;
            }
            // What the server has said is still to be read.
            std::future::pending::<()>().await;
        };
        let hears = async {
            tokio::select! {
                code = reading.goodbye() => code,
                () = writes => None,
            }
        };
        if let Ok(code) = timeout_at(until, hears).await {
            outcome.cut += 1;
            outcome.calmed += usize::from(code == Some(ENHANCE_YOUR_CALM));
        }
    }
    outcome
}

/// Somebody who does their work meanwhile: every call must succeed, and every event must come. And what the server's memory grew by.
async fn beside_a_healthy_client<T>(running: &Running, company: &Company, most_mib: u64, attacked: impl Future<Output = T>) -> T {
    let mut stream = Reader::open(&company.tina, &company.thread).await;
    let before = resident_kib(running.process_id());
    tokio::pin!(attacked);
    let (mut rounds, mut slowest) = (0, Duration::ZERO);
    let outcome = loop {
        let works = async {
            let began = Instant::now();
            try_send(&company.olga, &company.thread, &format!("during-{rounds}"), "meanwhile")
                .await
                .expect("every send succeeds");
            calls::get(&company.theo, &company.thread).await.expect("every read succeeds");
            rounds += 1;
            slowest = slowest.max(began.elapsed());
            sleep(Duration::from_millis(10)).await;
        };
        tokio::select! {
            biased;
            outcome = &mut attacked => break outcome,
            () = works => {}
        }
    };
    // The last send may have been cut short by the end of the attack.
    try_send(&company.olga, &company.thread, "after", "after").await.expect("sent");
    stream
        .read_until(|payload| {
            matches!(payload, chat::event::Payload::MessagePosted(message) if message.body == "after").then_some(())
        })
        .await;
    let grown = peak_kib(running.process_id()).saturating_sub(before) / 1024;
    println!("{rounds} rounds of calls, the slowest took {slowest:?}; the server grew by {grown} MiB at the most");
    assert!(grown < most_mib, "{grown} MiB");
    assert!(rounds >= LEAST_ROUNDS, "{rounds} rounds");
    outcome
}

async fn pair_with_a_company() -> (Running, Company) {
    // Longer leases: on a busy machine one of the usual length may run out for a moment, attack or not.
    let running = Running::start("all", &[("CREWLINE_PERMISSIONS__LEASE_MILLIS", "20000")]).await;
    let company = Company::open(&running.callers().await).await;
    (running, company)
}

/// Several attackers with the same weapon.
async fn attacked_by(weapon: impl Fn() -> Weapon + Send + Sync + 'static) -> Outcome {
    let (running, company) = pair_with_a_company().await;
    let (address, weapon) = (running.endpoints.chat.expect("chat"), Arc::new(weapon));
    let attackers = (0..ATTACKERS).map(|_| tokio::spawn(attack(address, weapon.clone())));
    let all = beside_a_healthy_client(&running, &company, MOST_MIB, join_all(attackers)).await;
    let outcome = all.into_iter().map(|one| one.expect("no panic")).fold(Outcome::default(), |sum, one| Outcome {
        connections: sum.connections + one.connections,
        cut: sum.cut + one.cut,
        calmed: sum.calmed + one.calmed,
    });
    println!("{outcome:?}");
    outcome
}

/// Pieces that are made of what each stream of a connection is sent.
fn on_each_stream(of_stream: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Weapon {
    let mut next = 1;
    Box::new(move || {
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            piece.extend(of_stream(next));
            next += 2;
        }
        piece
    })
}

/// Pieces that are all the same, after a first one.
fn again_and_again(first: Vec<u8>, then: &[u8]) -> Weapon {
    let (mut first, piece) = (Some(first), then.repeat(PIECE_BYTES / then.len()));
    Box::new(move || first.take().unwrap_or_else(|| piece.clone()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_reset_as_soon_as_they_are_open() {
    let head = call(LIST, NOBODY);
    let outcome = attacked_by(move || {
        let head = head.clone();
        on_each_stream(move |stream| {
            [frame(HEADERS, END_HEADERS, stream, &head), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })
    })
    .await;
    assert!(outcome.calmed > 0, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_are_too_large() {
    let filler = "x".repeat(15_000);
    let head = fields(&[(":method", "POST"), (":scheme", "http"), (":path", LIST), ("a", &filler), ("b", &filler)]);
    let outcome = attacked_by(move || {
        let head = head.clone();
        on_each_stream(move |stream| {
            let (head, rest) = head.split_at(16_000);
            [frame(HEADERS, END_STREAM, stream, head), frame(CONTINUATION, END_HEADERS, stream, rest)].concat()
        })
    })
    .await;
    assert!(outcome.connections > 0, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_never_ends() {
    let more = frame(CONTINUATION, 0, 1, &fields(&[("a", "x")]));
    let outcome = attacked_by(move || again_and_again(frame(HEADERS, 0, 1, &call(LIST, NOBODY)), &more)).await;
    assert!(outcome.cut > 0, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_with_nothing_in_them() {
    let body_of_nothing = frame(DATA, 0, 1, &[]);
    let outcome =
        attacked_by(move || again_and_again(frame(HEADERS, END_HEADERS, 1, &call(LIST, NOBODY)), &body_of_nothing)).await;
    assert!(outcome.cut > 0, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_without_end() {
    let ping = frame(PING, 0, 0, b"12345678");
    attacked_by(move || again_and_again(ping.clone(), &ping)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_without_end() {
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    attacked_by(move || again_and_again(settings.clone(), &settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_for_everything_and_reads_nothing() {
    const WATCHES: u32 = 7;
    const CALLS: u32 = 100;
    let (running, company) = pair_with_a_company().await;
    let texts = (0..400).map(|number| {
        let company = &company;
        async move { company.text(&format!("long-{number}"), &"a long text ".repeat(100)).await }
    });
    stream::iter(texts).buffer_unordered(16).collect::<Vec<_>>().await;
    let address = running.endpoints.chat.expect("chat");
    let token = company.theo.token.clone();
    let watch = chat::WatchThreadRequest { thread_id: company.thread.clone(), ..Default::default() };
    let list = chat::ListMessagesRequest { thread_id: company.thread.clone(), page_size: 200, ..Default::default() };
    let attackers = (0..ATTACKERS).map(|_| async {
        let stream = TcpStream::connect(address).await.expect("connected");
        let mut connection = RawHttp2::greet(stream, &greeting_with_wide_windows()).await.expect("greeted");
        for number in 0..WATCHES + CALLS {
            let stream = 2 * number + 1;
            let asked = if number < WATCHES {
                whole_call(stream, WATCH, &token, &watch)
            } else {
                whole_call(stream, LIST, &token, &list)
            };
            // Once the server waits for its answers to be read, it may take nothing more in.
            let _stuck = timeout(ATTACK, connection.send(&asked)).await;
            sleep(ATTACK / (WATCHES + CALLS)).await;
        }
        connection
    });
    let held = beside_a_healthy_client(&running, &company, MOST_MIB_OF_ANSWERS, join_all(attackers)).await;
    assert_eq!(held.len(), ATTACKERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_send_one_byte_a_second() {
    const CLIENTS: usize = 200;
    let (running, company) = pair_with_a_company().await;
    let address = running.endpoints.chat.expect("chat");
    let call = whole_call(1, LIST, &company.theo.token, &chat::ListMessagesRequest::default());
    let trickles = (0..CLIENTS).map(|_| async {
        let mut connection = RawHttp2::connect(address).await.expect("connected");
        let bytes = async {
            for byte in &call {
                let _cut = connection.writing.write_all(&[*byte]).await;
                sleep(Duration::from_secs(1)).await;
            }
        };
        let _not_yet_whole = timeout(ATTACK, bytes).await;
    });
    beside_a_healthy_client(&running, &company, MOST_MIB, join_all(trickles)).await;
}
