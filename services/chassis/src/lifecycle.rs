//! The end of a process: one signal that everything long-lived listens to, and a limit on how long it may take.

use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a drain may take before connections are abandoned.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(15);

/// The signal to drain. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Drain(CancellationToken);

impl Drain {
    /// Not draining.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to drain; a second call has no effect.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether the drain has begun.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the drain begins.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.0.clone().cancelled_owned()
    }
}

/// Waits for SIGTERM or SIGINT.
pub async fn termination() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
