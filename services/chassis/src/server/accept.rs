//! The loop that takes connections in, and sees them all off.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tonic::transport::server::TcpConnectInfo;

use super::backoff::{Backoff, is_of_one_connection};
use super::connection::Connections;
use super::metrics::Refused;
use super::places::Places;
use crate::net::{self, TcpListener};

/// Takes connections in.
pub struct Intake {
    /// What becomes of them.
    pub connections: Arc<Connections>,
    /// How many there may be.
    pub places: Places,
    /// Those that are open. To drop this cuts them.
    pub open: JoinSet<()>,
}

impl Intake {
    /// Takes connections in until the drain begins, and waits until all have ended. What is left when the drain is over is cut.
    pub async fn serve(mut self, listener: TcpListener) {
        self.take_in(listener).await;
        let drain = self.connections.drain.clone();
        loop {
            tokio::select! {
                ended = self.open.join_next() => if ended.is_none() { return },
                () = drain.over() => break,
            }
        }
        tracing::warn!(connections = self.open.len(), "connections were still open at the end of the drain, and are cut");
        self.open.shutdown().await;
    }

    /// The listener is closed with the end of this: nobody should get in who is not served.
    async fn take_in(&mut self, listener: TcpListener) {
        let drain = self.connections.drain.clone();
        let mut backoff = Backoff::default();
        loop {
            let accepted = tokio::select! {
                biased;
                () = drain.begun() => return,
                Some(_) = self.open.join_next() => continue,
                accepted = net::accept(&listener) => accepted,
            };
            let error = match accepted {
                Ok((stream, address)) => {
                    self.admit(stream, address, listener.local_addr().ok());
                    continue;
                }
                Err(error) => error,
            };
            self.connections.metrics.accept_errors.add(1, &[]);
            if is_of_one_connection(&error) {
                tracing::debug!(%error, "a connection broke before it was accepted");
                continue;
            }
            let pause = backoff.failed(Instant::now());
            if pause.first {
                tracing::warn!(%error, "no connection can be accepted; tried again until it works");
            }
            tokio::select! {
                () = drain.begun() => return,
                () = sleep(pause.length) => {}
            }
        }
    }

    /// Gives a connection a place, or closes it: before it speaks there is no status that it could be given.
    fn admit<S>(&mut self, stream: S, address: SocketAddr, local_addr: Option<SocketAddr>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let place = match self.places.take(address.ip()) {
            Ok(place) => place,
            Err(full) => {
                tracing::debug!(%address, ?full, "a connection was refused");
                return self.connections.metrics.refused(Refused::Full(full));
            }
        };
        let connections = Arc::clone(&self.connections);
        let peer = TcpConnectInfo { local_addr, remote_addr: Some(address) };
        self.open.spawn(async move {
            let _held = (place, connections.metrics.open_connection());
            connections.serve(stream, peer).await;
        });
    }
}
