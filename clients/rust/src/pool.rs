//! The connections of the streams.

use std::sync::{Arc, Mutex, PoisonError};

use tonic::transport::{Channel, Endpoint};

use crate::line::connect_lazily;

/// Streams on a connection before another one is opened: half of what the server accepts.
const STREAMS_ON_A_CONNECTION: usize = 100;
/// With so many, streams crowd together up to what the server accepts.
const MAX_CONNECTIONS: usize = 64;

/// Grows by a connection when all have their share of streams, and never shrinks: an unused connection costs a socket.
#[derive(Debug)]
pub(crate) struct StreamConnections {
    endpoint: Endpoint,
    connections: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Connection {
    channel: Channel,
    /// As many owners beside this one as there are streams.
    streams: Arc<()>,
}

/// A stream's place on a connection, kept as long as the stream.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) channel: Channel,
    _stream: Arc<()>,
}

impl StreamConnections {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, connections: Mutex::new(Vec::new()) }
    }

    /// A place on the connection with the fewest streams.
    pub(crate) fn place(&self) -> Place {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let emptiest = connections.iter().min_by_key(|connection| Arc::strong_count(&connection.streams));
        match emptiest {
            Some(found) if found.has_room() || connections.len() >= MAX_CONNECTIONS => found.place(),
            _ => {
                let new = Connection { channel: connect_lazily(&self.endpoint), streams: Arc::new(()) };
                let place = new.place();
                connections.push(new);
                place
            }
        }
    }
}

impl Connection {
    fn has_room(&self) -> bool {
        Arc::strong_count(&self.streams) <= STREAMS_ON_A_CONNECTION
    }

    fn place(&self) -> Place {
        Place { channel: self.channel.clone(), _stream: Arc::clone(&self.streams) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_added_when_all_are_full_and_one_that_was_left_is_used_again() {
        let pool = StreamConnections::new(Endpoint::from_static("http://127.0.0.1:9"));
        let count = || pool.connections.lock().expect("no panic").len();
        let mut places: Vec<Place> = (0..STREAMS_ON_A_CONNECTION).map(|_| pool.place()).collect();
        assert_eq!(count(), 1);
        places.push(pool.place());
        assert_eq!(count(), 2);
        places.truncate(1);
        places.extend((1..2 * STREAMS_ON_A_CONNECTION).map(|_| pool.place()));
        assert_eq!(count(), 2);
    }
}
