//! What the Prometheus endpoint of a process says.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::running::Running;

/// The endpoint of a process.
pub struct Metrics(String);

impl Metrics {
    /// A pair of services that serves its metrics.
    pub async fn pair() -> (Running, Self) {
        Self::pair_with(&[]).await
    }

    /// The same, configured.
    pub async fn pair_with(environment: &[(&str, &str)]) -> (Running, Self) {
        let address = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("its address").to_string();
        let listen = [("CREWLINE_TELEMETRY__METRICS_LISTEN", address.as_str())];
        let running = Running::start("all", &[&listen, environment].concat()).await;
        (running, Self(address))
    }

    /// A counter of the process that runs now; one that has counted nothing yet may be missing.
    pub async fn count(&self, name: &str) -> u64 {
        let text = self.text().await;
        let line = text.lines().find(|line| line.starts_with(name));
        line.map_or(0, number)
    }

    /// A counter, or a gauge, of the chat service alone, by one of its labels.
    pub async fn of_chat(&self, name: &str, label: &str) -> u64 {
        let wanted = ["otel_scope_name=\"chat\"", label];
        let text = self.text().await;
        let mut lines = text.lines().filter(|line| line.starts_with(name) && wanted.iter().all(|wanted| line.contains(wanted)));
        lines.next().map_or(0, number)
    }

    async fn text(&self) -> String {
        let mut socket = TcpStream::connect(&self.0).await.expect("the endpoint");
        socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.expect("asked");
        let mut text = String::new();
        socket.read_to_string(&mut text).await.expect("answered");
        text
    }
}

fn number(line: &str) -> u64 {
    line.rsplit(' ').next().and_then(|number| number.trim().parse().ok()).expect("a number")
}
