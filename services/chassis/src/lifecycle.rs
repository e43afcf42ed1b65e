//! The end of a process: one signal that everything long-lived listens to, and a limit on how long it may take.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a drain may take before connections are cut.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(15);
/// Streams end spread over this part of a drain, so that their clients do not all come back at once.
pub const DRAIN_SPREAD: Duration = Duration::from_secs(DRAIN_LIMIT.as_secs() / 3);

/// The signal to drain. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    begun: CancellationToken,
    ends_at: Arc<OnceLock<Instant>>,
}

impl Drain {
    /// Not draining.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another drain, of what this one needs to its end: it begins by itself, and both are over when the first to begin is.
    pub fn later(&self) -> Self {
        Self { begun: CancellationToken::new(), ends_at: Arc::clone(&self.ends_at) }
    }

    /// Begins to drain; a second call has no effect.
    pub fn begin(&self) {
        self.ends_at();
        self.begun.cancel();
    }

    /// Whether the drain has begun.
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits until the drain begins.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.begun.clone().cancelled_owned()
    }

    /// Waits until [`DRAIN_LIMIT`] has passed since the drain began.
    pub async fn over(&self) {
        self.begun().await;
        sleep_until(self.ends_at()).await;
    }

    fn ends_at(&self) -> Instant {
        *self.ends_at.get_or_init(|| Instant::now() + DRAIN_LIMIT)
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

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_drains_later_is_over_at_the_same_time() {
        let first = Drain::new();
        let second = first.later();
        let began = Instant::now();
        first.begin();
        assert!(first.has_begun() && !second.has_begun());
        advance(DRAIN_SPREAD).await;
        second.begin();
        second.over().await;
        assert_eq!(began.elapsed(), DRAIN_LIMIT);
    }
}
