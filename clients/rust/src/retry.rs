//! Trying a call again, as long as that can help and does no harm.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tonic::{Response, Status};

use crate::backoff::Backoff;
use crate::fault::{Fault, reason, retry_after};
use crate::token::TokenSource;

/// How often and how long a call is tried.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Attempts, the first included.
    pub attempts: u32,
    /// The deadline of each attempt, which the service hears of. It accepts up to 30 s.
    pub attempt_within: Duration,
    /// No attempt begins, and none goes on, after so long.
    pub within: Duration,
    /// The pauses, unless the service asks for longer ones.
    pub backoff: Backoff,
}

/// A call that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The service said no, and nothing was done.
    #[error("refused: {:?} {}: {}", .0.code(), reason(.0), .0.message())]
    Refused(Status),
    /// No attempt got an answer. Nothing was done; of a read nobody can tell, nor need.
    #[error("no answer: {:?} {}: {}", .0.code(), reason(.0), .0.message())]
    Unanswered(Status),
    /// An attempt of a write may have succeeded; what the last one met is told. The same request with this key settles it, however late.
    #[error("the outcome of the write with the key {key} is not known: {:?} {}: {}", last.code(), reason(last), last.message())]
    OutcomeUnknown {
        /// The idempotency key, or client message id.
        key: String,
        /// The end of the last attempt.
        last: Status,
    },
}

impl Default for Retry {
    /// Ten attempts of 5 s each in 20 s: outlasts the restart of a service.
    fn default() -> Self {
        Self {
            attempts: 10,
            attempt_within: Duration::from_secs(5),
            within: Duration::from_secs(20),
            backoff: Backoff { first: Duration::from_millis(100), most: Duration::from_secs(3) },
        }
    }
}

impl CallError {
    /// The status of the last attempt.
    pub fn status(&self) -> &Status {
        match self {
            Self::Refused(status) | Self::Unanswered(status) | Self::OutcomeUnknown { last: status, .. } => status,
        }
    }
}

impl Retry {
    /// Calls `attempt` with its deadline until it succeeds or another try cannot help. `key` is that of a write.
    pub(crate) async fn run<T, F>(
        self,
        tokens: &TokenSource,
        key: Option<String>,
        mut attempt: impl FnMut(Duration) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let began = Instant::now();
        let mut pauses = self.backoff.pauses();
        let mut may_be_done = false;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let limit = self.attempt_within.min(self.within.saturating_sub(began.elapsed()));
            let used = tokens.now();
            let status = match timeout(limit, attempt(limit)).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded(format!("no answer within {limit:?}")),
            };
            let fault = Fault::of(&status);
            may_be_done |= fault.may_be_done();
            let pause = match fault {
                Fault::Refused | Fault::Broken => None,
                Fault::Expired => tokens.is_renewed(&used).await.then_some(Duration::ZERO),
                Fault::Busy | Fault::Lost => Some(pauses.next().max(retry_after(&status).unwrap_or_default())),
            };
            match pause {
                Some(pause) if attempts < self.attempts && began.elapsed() + pause < self.within => sleep(pause).await,
                _ => {
                    return Err(match key {
                        // Also of a refusal: what an attempt before it has written, it has written.
                        Some(key) if may_be_done => CallError::OutcomeUnknown { key, last: status },
                        _ if matches!(fault, Fault::Busy | Fault::Lost) => CallError::Unanswered(status),
                        _ => CallError::Refused(status),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    fn refusal(code: Code, reason: &str, retry_after: Option<Duration>) -> Status {
        let mut details = ErrorDetails::with_error_info(reason, "crewline", []);
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Status::with_error_details(code, "", details)
    }

    fn lost() -> Status {
        Status::unknown("transport error")
    }

    fn busy() -> Status {
        refusal(Code::Unavailable, "ACCESS_UNKNOWN", None)
    }

    /// A write that meets these and then succeeds: its result, and how many attempts were made.
    async fn write(statuses: impl IntoIterator<Item = Status>, tokens: &TokenSource) -> (Result<(), CallError>, usize) {
        let mut statuses: VecDeque<Status> = statuses.into_iter().collect();
        let before = statuses.len();
        let call = Retry::default().run(tokens, Some("key".into()), |_| {
            let next = statuses.pop_front().map_or(Ok(Response::new(())), Err);
            async { next }
        });
        let result = call.await;
        let made = before - statuses.len() + usize::from(result.is_ok());
        (result, made)
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_lost_or_came_at_a_bad_time_is_tried_again() {
        let token = TokenSource::fixed("token");
        let (result, attempts) = write([lost(), busy(), Status::cancelled("operation was canceled")], &token).await;
        assert!(result.is_ok());
        assert_eq!(attempts, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_tried_again() {
        let token = TokenSource::fixed("token");
        for reason in ["INVALID_FIELD", "CHAT_PERMISSION_REQUIRED", "TOKEN_INVALID", "TOKEN_EXPIRED"] {
            let (result, attempts) = write([refusal(Code::PermissionDenied, reason, None)], &token).await;
            assert!(matches!(result, Err(CallError::Refused(_))), "{reason}: {result:?}");
            assert_eq!(attempts, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_of_unknown_outcome_once_any_attempt_may_have_made_it() {
        let token = TokenSource::fixed("token");
        let no = || refusal(Code::PermissionDenied, "CHAT_PERMISSION_REQUIRED", None);
        let outcome = async |statuses: Vec<Status>| write(statuses, &token).await.0.expect_err("failed");
        assert!(matches!(outcome(vec![lost(); 20]).await, CallError::OutcomeUnknown { key, .. } if key == "key"));
        assert!(
            matches!(outcome(vec![lost(), no()]).await, CallError::OutcomeUnknown { last, .. } if reason(&last).starts_with("CHAT_"))
        );
        assert!(matches!(outcome(vec![busy(); 20]).await, CallError::Unanswered(_)), "surely not made");
        assert!(matches!(outcome(vec![busy(), no()]).await, CallError::Refused(_)));
        let broken = refusal(Code::Internal, "INTERNAL", None);
        assert!(matches!(outcome(vec![broken]).await, CallError::OutcomeUnknown { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_and_time_have_limits() {
        let token = TokenSource::fixed("token");
        let (result, attempts) = write(vec![busy(); 20], &token).await;
        assert!(result.is_err());
        assert_eq!(attempts, 10);

        let began = Instant::now();
        let silent = Retry::default().run::<(), _>(&token, None, |_| std::future::pending()).await;
        assert!(matches!(silent, Err(CallError::Unanswered(_))));
        assert!(began.elapsed() <= Retry::default().within, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_that_the_service_asks_for_is_kept() {
        let token = TokenSource::fixed("token");
        let began = Instant::now();
        let wait = Duration::from_secs(7);
        let (result, _) = write([refusal(Code::Unavailable, "DRAINING", Some(wait))], &token).await;
        assert!(result.is_ok() && began.elapsed() >= wait, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_has_run_out_is_replaced_by_its_successor() {
        let (renew, tokens) = tokio::sync::watch::channel("old".to_owned());
        let tokens = TokenSource::watched(tokens);
        let expired = refusal(Code::Unauthenticated, "TOKEN_EXPIRED", None);
        let (called, ()) = tokio::join!(write([expired], &tokens), async {
            tokio::task::yield_now().await;
            renew.send_replace("new".to_owned());
        });
        assert!(called.0.is_ok());
        assert_eq!(called.1, 2);
    }
}
