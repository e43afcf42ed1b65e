//! One connection: its greeting, its life, and its end, which does not depend on the client.

use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::codegen::Service;
use tonic::transport::server::TcpConnectInfo;

use super::LONGEST_STREAM;
use super::greeting::Greeted;
use super::metrics::{Metrics, Refused};
use crate::ids::Ids;
use crate::lifecycle::Drain;

/// A client has to have greeted by then.
const GREETING_LIMIT: Duration = Duration::from_secs(5);
/// Well above what a service lets one connection hold, so that nothing waits behind HTTP/2's own limit.
const MAX_CONCURRENT_STREAMS: u32 = 1_000;
/// Streams that were opened and reset before they were looked at: who has more is sent away.
const MAX_PENDING_RESETS: usize = 50;
/// hyper has no limit if this is not said.
const MAX_LOCAL_RESETS: usize = 1_024;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// What waits on a stream for a client that opened its windows wide and does not read.
const MAX_SEND_BUFFER_BYTES: usize = 64 * 1024;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams end by themselves at [`LONGEST_STREAM`]; what is there so long after it does not end.
const HARD_END_MARGIN: Duration = Duration::from_secs(60);

/// What all connections of a server share.
pub struct Connections {
    http: Builder<TokioExecutor>,
    routes: Router,
    age: Duration,
    ids: Ids,
    pub(super) drain: Drain,
    pub(super) metrics: Metrics,
}

impl Connections {
    /// Connections that are asked to leave when they are `age` old.
    pub fn new(routes: Router, age: Duration, ids: Ids, drain: Drain, metrics: Metrics) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_RESETS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .max_send_buf_size(MAX_SEND_BUFFER_BYTES)
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT);
        Self { http, routes, age, ids, drain, metrics }
    }

    /// Serves one connection to its end. To drop this cuts it.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: TcpConnectInfo) {
        // A TLS handshake belongs here, under the limit of the greeting: what it makes is the stream of all that follows.
        let silent_at = Instant::now() + GREETING_LIMIT;
        let old_at = Instant::now() + self.age - self.ids.jitter(self.age / 10);
        let (stream, mut greeting) = Greeted::new(stream);
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            self.routes.clone().call(request)
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));

        tokio::select! {
            biased;
            served = &mut connection => return tell(served),
            Ok(()) = &mut greeting => {}
            () = sleep_until(silent_at) => return self.metrics.refused(Refused::Silent),
            // It has no calls that would have to end.
            () = self.drain.begun() => return,
        }
        tokio::select! {
            served = &mut connection => return tell(served),
            () = sleep_until(old_at) => {}
            () = self.drain.begun() => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            served = &mut connection => tell(served),
            () = sleep(LONGEST_STREAM + HARD_END_MARGIN) => tracing::debug!("a connection was cut that did not go"),
        }
    }
}

fn tell(served: Result<(), impl Display>) {
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::clock::Clock;
    use crate::telemetry;

    const AGE: Duration = Duration::from_secs(600);
    const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    /// `POST http:/`, with all that there is to it.
    const CALL: &[u8] = &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x83, 0x86, 0x84];
    const PING: u8 = 6;
    const ACK: u8 = 1;

    /// A client that says this, and from then on only that it is there.
    async fn lives(mut stream: DuplexStream, says: &[u8]) {
        stream.write_all(says).await.expect("said");
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let mut payload = vec![0; usize::from(head[2])];
            stream.read_exact(&mut payload).await.expect("the rest of a frame");
            if head[3] == PING && head[4] == 0 {
                head[4] = ACK;
                let _gone = stream.write_all(&[&head, payload.as_slice()].concat()).await;
            }
        }
        std::future::pending().await
    }

    /// How long the server keeps a connection on which the client says this.
    async fn kept(says: &[u8]) -> Duration {
        let routes = Router::new().route("/", post(std::future::pending::<()>));
        let meter = telemetry::Telemetry::quiet().expect("telemetry").meter("test");
        let ids = Ids::seeded(Clock::system(), 1);
        let connections = Connections::new(routes, AGE, ids, Drain::new(), Metrics::new(&meter));
        let (client, server) = duplex(64 * 1024);
        let peer = TcpConnectInfo { local_addr: None, remote_addr: None };
        let began = Instant::now();
        tokio::select! {
            () = connections.serve(server, peer) => began.elapsed(),
            () = lives(client, says) => Duration::MAX,
            () = sleep(LONGEST_STREAM * 3) => Duration::MAX,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_goes_at_its_age_and_with_a_stream_that_never_ends_when_none_can_be_left() {
        let young = AGE - AGE / 10;
        let (idle, busy) = (kept(GREETING).await, kept(&[GREETING, CALL].concat()).await);
        let moment = Duration::from_secs(1);
        assert!((young..AGE + moment).contains(&idle), "{idle:?}");
        let cut = young + LONGEST_STREAM..AGE + LONGEST_STREAM + HARD_END_MARGIN + moment;
        assert!(cut.contains(&busy), "{busy:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_greet_is_cut_at_the_limit() {
        for says in [&b""[..], &GREETING[..3], &GREETING[..24], &GREETING[..32]] {
            assert_eq!(kept(says).await.as_secs(), GREETING_LIMIT.as_secs(), "{} bytes", says.len());
        }
    }
}
