//! The two services, and how they are connected to.

use std::sync::Arc;
use std::time::Duration;

use tonic::transport::Endpoint;

use crate::line::connect_lazily;
use crate::pool::StreamConnections;
use crate::transport::{Connections, Transport};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A peer that answers no ping for 10 s is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_WITHIN: Duration = Duration::from_secs(10);

// A connection's window has to hold the windows of all its streams: else a few that are not read stop all others on it.
/// The largest answers, pages of history, have about 1 MiB.
const CALL_WINDOW: u32 = 1024 * 1024;
/// Sixteen calls that nobody polls.
const CALLS_WINDOW: u32 = 16 * CALL_WINDOW;
/// Frames have about 32 KiB.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The server accepts 200 streams on a connection.
const STREAMS_WINDOW: u32 = 200 * STREAM_WINDOW;

/// The connections to both services, shared by all clients that are made of its clones. Connections are opened when they are first used, and
/// opened again when they break.
#[derive(Clone, Debug)]
pub struct Services {
    pub(crate) chat: Transport,
    pub(crate) permissions: Transport,
}

/// Not a URL such as `http://127.0.0.1:50052`.
#[derive(Debug, thiserror::Error)]
#[error("not a URL such as http://127.0.0.1:50052: {0}")]
pub struct NotAUrl(String);

impl Services {
    /// Services at these URLs. Without that of the permissions service its calls fail with FAILED_PRECONDITION. Must be called in a tokio runtime.
    pub fn new(chat: &str, permissions: Option<&str>) -> Result<Self, NotAUrl> {
        Ok(Self { chat: transport(chat)?, permissions: permissions.map_or(Ok(Transport(None)), transport)? })
    }
}

fn transport(url: &str) -> Result<Transport, NotAUrl> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|_| NotAUrl(url.to_owned()))?
        .connect_timeout(CONNECT_WITHIN)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN)
        .keep_alive_while_idle(true);
    let windows =
        |stream, connection| endpoint.clone().initial_stream_window_size(stream).initial_connection_window_size(connection);
    let calls = connect_lazily(&windows(CALL_WINDOW, CALLS_WINDOW));
    let streams = StreamConnections::new(windows(STREAM_WINDOW, STREAMS_WINDOW));
    Ok(Transport(Some(Arc::new(Connections { calls, streams }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_url_is_named() {
        for wrong in ["", "127.0.0.1 : 5", "http://[::1"] {
            let refused = Services::new(wrong, None).expect_err("refused");
            assert!(refused.to_string().ends_with(wrong), "{refused}");
        }
    }
}
