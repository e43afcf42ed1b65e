//! Every instrument of a server.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, UpDownCounter};

use super::places::Full;

/// The instruments. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Tries to accept a connection that failed.
    pub accept_errors: Counter<u64>,
    connections: UpDownCounter<i64>,
    refused: Counter<u64>,
}

/// Why a connection was closed before anything was asked on it.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    /// There was no place.
    Full(Full),
    /// It did not say in time that it speaks HTTP/2.
    Silent,
}

/// Counts a connection while it is open.
#[derive(Debug)]
pub struct OpenConnection(UpDownCounter<i64>);

impl Metrics {
    /// Makes the instruments.
    pub fn new(meter: &Meter) -> Self {
        Self {
            accept_errors: meter
                .u64_counter("crewline.server.accept_errors")
                .with_description("Tries to accept a connection that failed")
                .with_unit("{error}")
                .build(),
            connections: meter
                .i64_up_down_counter("crewline.server.connections")
                .with_description("Open connections")
                .with_unit("{connection}")
                .build(),
            refused: meter
                .u64_counter("crewline.server.connections_refused")
                .with_description("Connections that were closed before anything was asked on them, by why")
                .with_unit("{connection}")
                .build(),
        }
    }

    /// One more connection is open.
    pub fn open_connection(&self) -> OpenConnection {
        self.connections.add(1, &[]);
        OpenConnection(self.connections.clone())
    }

    /// A connection was refused.
    pub fn refused(&self, why: Refused) {
        let why = match why {
            Refused::Full(Full::Address) => "address_limit",
            Refused::Full(Full::Server) => "limit",
            Refused::Silent => "silent",
        };
        self.refused.add(1, &[KeyValue::new("why", why)]);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.add(-1, &[]);
    }
}
