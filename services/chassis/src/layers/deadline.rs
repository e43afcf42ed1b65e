//! The time that a call may take. A caller's deadline covers a stream to its end; without one a stream limits its own life.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use crewline_api::errors::v1::ErrorReason;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::refuse;
use crate::refusal::Refusal;
use crate::telemetry::Calls;

/// For a caller that names no deadline, to the response's head.
const DEFAULT: Duration = Duration::from_secs(5);
/// The longest that a caller waits for the response's head, whatever it asks for.
const MOST: Duration = Duration::from_secs(30);
/// Nobody holds a stream open for longer.
const FOREVER: Duration = Duration::from_secs(366 * 24 * 3600);
const HEADER: &str = "grpc-timeout";

/// Ends the call at its deadline.
pub(super) async fn limit(State(calls): State<Calls>, request: Request, next: Next) -> Response {
    let asked = match request.headers().get(HEADER).map(|value| value.to_str().ok().and_then(parse)) {
        None => None,
        Some(Some(asked)) => Some(asked.min(FOREVER)),
        Some(None) => return refuse(Refusal::invalid(HEADER, "must be one to eight digits and one of H, M, S, m, u and n")),
    };
    let began = Instant::now();
    // The caller's own timer answers in words of its own; ours has to be the first.
    let ours = |time: Duration| began + (time - (time / 10).min(Duration::from_millis(20)));
    let head = timeout_at(ours(asked.unwrap_or(DEFAULT).min(MOST)), next.run(request)).await;
    let response = head.unwrap_or_else(|_| refuse(passed()));
    response.map(|body| Answer::new(body, asked.map(ours), calls).into_body())
}

/// The deadline has passed.
pub(super) fn passed() -> Refusal {
    Refusal::new(ErrorReason::Deadline, "the call took longer than its deadline allows")
}

/// `grpc-timeout`: up to eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use tonic::codegen::Service;
    use tonic::{Code, Status};

    use super::*;
    use crate::telemetry::Telemetry;

    fn calls() -> Calls {
        Telemetry::quiet().expect("telemetry").calls("test")
    }

    /// What becomes of a call that takes a second, with this deadline.
    async fn called_with(timeout: &str) -> Option<Code> {
        let slow = || async { tokio::time::sleep(Duration::from_secs(1)).await };
        let mut service: Router = Router::new().fallback(any(slow)).layer(from_fn_with_state(calls(), limit));
        let request = Request::builder().header(HEADER, timeout).body(Body::empty()).expect("a request");
        let response = service.call(request).await.expect("infallible");
        Status::from_header_map(response.headers()).map(|status| status.code())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_told_when_its_deadline_has_passed_also_where_it_has_no_time_at_all() {
        for short in ["0n", "1n", "0H", "999m"] {
            assert_eq!(called_with(short).await, Some(Code::DeadlineExceeded), "{short}");
        }
        for enough in ["2S", "1M", "99999999H"] {
            assert_eq!(called_with(enough).await, None, "{enough}");
        }
        assert_eq!(called_with("1s").await, Some(Code::InvalidArgument));
    }

    #[test]
    fn a_timeout_has_up_to_eight_digits_and_a_unit() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("1n"), Some(Duration::from_nanos(1)));
        for wrong in ["", "S", "abc", "100000000S", "5", "-1S", "5s", "é"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
