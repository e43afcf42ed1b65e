//! Who may connect, for how long, and what it costs the server when somebody means no good with it.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::calls;
use crate::company::{Company, try_send};
use crate::costs::{leave_descriptors, processor_time};
use crate::metrics::Metrics;
use crate::raw_http2::{GOAWAY, PING, PREFACE, RawHttp2, frame, greeting};
use crate::reader::Reader;
use crate::running::{PATIENCE, Running, health};
use crate::waiting::until;

/// The limit is 5 s; the rest is for a busy machine.
const CUT_WITHIN: Duration = Duration::from_secs(10);
/// After this the server gives a peer up that takes nothing in.
const TAKES_NOTHING: Duration = Duration::from_secs(30);
const REFUSED: &str = "crewline_server_connections_refused";

/// Connects, and writes `bytes` one by one, `pause` after each; how long the server let it.
async fn until_cut(address: SocketAddr, bytes: &[u8], pause: Duration) -> Duration {
    let began = Instant::now();
    let (mut reading, mut writing) = TcpStream::connect(address).await.expect("connected").into_split();
    let writes = async {
        for byte in bytes {
            // Of a cut the reader hears, too.
            let _cut = writing.write_all(&[*byte]).await;
            sleep(pause).await;
        }
        std::future::pending::<()>().await;
    };
    let mut heard = Vec::new();
    tokio::select! {
        _ended = timeout(PATIENCE, reading.read_to_end(&mut heard)) => {}
        () = writes => {}
    }
    began.elapsed()
}

#[tokio::test]
async fn who_does_not_greet_is_cut_and_who_has_greeted_may_be_silent() {
    let (running, metrics) = Metrics::pair().await;
    let address = running.endpoints.chat.expect("chat");
    let mut greeted = RawHttp2::connect(address).await.expect("connected");
    assert!(greeted.is_served().await);
    let late = Duration::from_secs(3600);
    let second = Duration::from_secs(1);
    let whole = greeting();
    let cuts = tokio::join!(
        until_cut(address, b"", late),
        until_cut(address, b"PRI", Duration::ZERO),
        until_cut(address, PREFACE, Duration::ZERO),
        // The settings' last byte is missing.
        until_cut(address, &whole[..whole.len() - 1], Duration::ZERO),
        until_cut(address, &whole, second),
    );
    for cut in [cuts.0, cuts.1, cuts.2, cuts.3, cuts.4] {
        assert!((Duration::from_secs(4)..CUT_WITHIN).contains(&cut), "{cuts:?}");
    }
    assert!(greeted.is_served().await);
    until("five were counted", async || (metrics.of_chat(REFUSED, "why=\"silent\"").await == 5).then_some(())).await;
}

#[tokio::test]
async fn a_greeting_that_comes_in_pieces_within_the_limit_is_a_good_one() {
    let running = Running::pair().await;
    let stream = TcpStream::connect(running.endpoints.chat.expect("chat")).await.expect("connected");
    let mut slow = RawHttp2::greet(stream, &PREFACE[..3]).await.expect("connected");
    sleep(Duration::from_secs(1)).await;
    slow.send(&greeting()[3..]).await.expect("sent");
    assert!(slow.is_served().await);
}

async fn connect_from(host: &str, address: SocketAddr) -> io::Result<RawHttp2> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(host.parse().expect("an address"), 0))?;
    RawHttp2::greet(socket.connect(address).await?, &greeting()).await
}

/// Takes every place that this host may have. Connections of the start may be there for a moment yet.
async fn fill(host: &str, address: SocketAddr, places: usize) -> Vec<RawHttp2> {
    let mut held = Vec::new();
    while held.len() < places {
        held.push(
            until("there is room", async || {
                let mut connection = connect_from(host, address).await.ok()?;
                connection.is_served().await.then_some(connection)
            })
            .await,
        );
    }
    held
}

#[tokio::test]
async fn an_address_has_its_connections_and_the_next_is_closed_at_once() {
    let (running, metrics) = Metrics::pair_with(&[("CREWLINE_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "6")]).await;
    let address = running.endpoints.chat.expect("chat");
    let mut held = fill("127.0.0.2", address, 6).await;
    let began = Instant::now();
    let mut refused = connect_from("127.0.0.2", address).await.expect("connected, for a moment");
    assert!(!refused.is_served().await);
    assert!(began.elapsed() < Duration::from_secs(4), "not at once: {:?}", began.elapsed());
    assert!(connect_from("127.0.0.3", address).await.expect("connected").is_served().await, "another address has its own");
    assert!(metrics.of_chat(REFUSED, "why=\"address_limit\"").await >= 1);
    held.pop();
    fill("127.0.0.2", address, 1).await;
    for connection in &mut held {
        assert!(connection.is_served().await);
    }
}

#[tokio::test]
async fn all_addresses_together_have_their_connections_too() {
    let (running, metrics) = Metrics::pair_with(&[("CREWLINE_SERVER__MAX_CONNECTIONS", "6")]).await;
    let address = running.endpoints.chat.expect("chat");
    let mut held = fill("127.0.0.2", address, 3).await;
    held.extend(fill("127.0.0.3", address, 3).await);
    assert!(!connect_from("127.0.0.4", address).await.expect("connected, for a moment").is_served().await);
    assert!(metrics.of_chat(REFUSED, "why=\"limit\"").await >= 1);
    assert_eq!(metrics.of_chat("crewline_server_connections{", "").await, 6);
    held.clear();
    fill("127.0.0.4", address, 6).await;
}

#[tokio::test]
async fn a_connection_of_an_age_is_asked_to_leave_and_neither_calls_nor_streams_notice() {
    let no_rate = ("CREWLINE_SERVER__LIMITS__CALLS_PER_SECOND_PER_CALLER", "0");
    let running = Running::start("all", &[("CREWLINE_SERVER__CONNECTION_AGE_SECONDS", "1"), no_rate]).await;
    let mut silent = RawHttp2::connect(running.endpoints.chat.expect("chat")).await.expect("connected");
    let company = Company::open(&running.callers().await).await;
    let mut stream = Reader::open(&company.tina, &company.thread).await;
    // Long before it would be asked to leave because it does not answer pings.
    let asked = timeout(CUT_WITHIN, silent.reading.until(|frame| frame.kind == GOAWAY)).await.expect("asked to leave");
    assert_eq!(asked.expect("a goodbye").payload[4..8], [0; 4], "nothing is wrong");

    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(6) {
        let request = crewline_api::chat::v1::SendMessageRequest {
            thread_id: company.thread.clone(),
            body: format!("message {sent}"),
            ..Default::default()
        };
        company.theo.send_message(request).await.expect("every call succeeds");
        sent += 1;
    }
    // One that was cut would have ended with an error.
    stream.read_to(sent).await;
}

#[tokio::test]
async fn who_takes_nothing_in_is_cut_also_when_no_goodbye_gets_through() {
    const OPEN: &str = "crewline_server_connections{";
    let (running, metrics) = Metrics::pair().await;
    let mut deaf = RawHttp2::connect(running.endpoints.chat.expect("chat")).await.expect("connected");
    assert!(deaf.is_served().await);
    // Each is answered, until all that lies between the two is full of answers, and then of questions.
    let pings = frame(PING, 0, 0, b"12345678").repeat(1_000);
    while timeout(Duration::from_secs(1), deaf.send(&pings)).await.is_ok_and(|sent| sent.is_ok()) {}
    assert_eq!(metrics.of_chat(OPEN, "").await, 1);
    let gone = async {
        while metrics.of_chat(OPEN, "").await > 0 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TAKES_NOTHING + PATIENCE, gone).await.expect("cut");
    drop(deaf);
}

#[tokio::test]
async fn without_descriptors_further_clients_wait_and_the_processor_rests_until_there_are_some_again() {
    const CLIENTS: usize = 20;
    let (running, metrics) = Metrics::pair().await;
    let (process, address) = (running.process_id(), running.endpoints.chat.expect("chat"));
    let company = Company::open(&running.callers().await).await;
    try_send(&company.tina, &company.thread, "before", "before").await.expect("sent");

    leave_descriptors(process, 5);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(RawHttp2::connect(address).await.expect("the system takes it in"));
    }
    running.until_logged("no connection can be accepted").await;
    let waiting = tokio::spawn(async move { health(address).await });
    let (began, spent) = (Instant::now(), processor_time(process));
    sleep(Duration::from_secs(3)).await;
    let share = (processor_time(process) - spent).as_secs_f64() / began.elapsed().as_secs_f64();
    println!("without descriptors the process takes {:.1} % of a processor", share * 100.0);
    assert!(share < 0.2, "{share}");
    assert!(!waiting.is_finished(), "there was a descriptor after all");
    calls::get(&company.tina, &company.thread).await.expect("who is in is served");

    clients.clear();
    let status = timeout(PATIENCE, waiting).await.expect("its turn").expect("no panic");
    assert_eq!(status, Some(ServingStatus::Serving));
    assert_eq!(running.log().matches("no connection can be accepted").count(), 1, "one line for all of it");
    let tries = metrics.of_chat("crewline_server_accept_errors", "").await;
    assert!((2..100).contains(&tries), "{tries} tries within seconds");
}
