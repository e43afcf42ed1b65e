//! Waiting for what must come about.

use std::time::{Duration, Instant};

use tonic::Status;

use crate::refusals::reason_of;
use crate::running::PATIENCE;

/// Asks until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Calls again while the node does not know who may what: on a busy machine its lease may run out for a moment. Nothing was done until then.
pub async fn when_known<T>(mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, Status> {
    let began = Instant::now();
    loop {
        match call().await {
            Err(status) if reason_of(&status) == "ACCESS_UNKNOWN" && began.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            answer => return answer,
        }
    }
}
