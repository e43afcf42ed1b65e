//! What happens to every call around its handler: from the outside in, a span, a net for panics, a deadline, an identity, and a reason
//! for what the framework refuses by itself.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use crewline_api::errors::v1::ErrorReason;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, Span, field};

use crate::identity::Callers;
use crate::refusal::Refusal;
use crate::token::Verifier;

/// For a caller that names no deadline.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);
/// The longest that a call may ask for.
const MAX_DEADLINE: Duration = Duration::from_secs(30);
/// Services that answer anybody: they tell nothing of a tenant.
const PUBLIC: [&str; 3] =
    ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// What the identity layer needs.
#[derive(Clone)]
pub struct Door {
    /// Checks tokens.
    pub verifier: Verifier,
    /// Which RPC is for whom.
    pub callers: Callers,
}

/// Puts the layers around `routes`.
pub fn around(routes: Router, door: Door) -> Router {
    routes
        .layer(from_fn(give_reason))
        .layer(from_fn_with_state(door, identify))
        // Outside of the identity: checking a token costs time, too.
        .layer(from_fn(limit_time))
        // Outside of everything that can panic, inside of the span, so that the log line of the panic has it.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(trace))
}

/// A span per call, and a line for each call that did not end well.
async fn trace(request: Request, next: Next) -> Response {
    let span = tracing::info_span!("call", rpc = request.uri().path(), caller = field::Empty, tenant = field::Empty);
    let began = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    // A stream, or a call that went well, has its status in the trailers: it counts as OK here.
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| match code {
        Code::Ok => tracing::debug!(took_us, "answered"),
        Code::Internal | Code::Unknown | Code::DataLoss => tracing::error!(?code, took_us, "failed"),
        refused => tracing::info!(code = ?refused, took_us, "refused"),
    });
    response
}

fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    refuse(Refusal::new(ErrorReason::Internal, "something went wrong here"))
}

/// Limits the time to the response head. Streams limit their own lives.
async fn limit_time(request: Request, next: Next) -> Response {
    let asked = request.headers().get("grpc-timeout").and_then(|value| parse_timeout(value.to_str().ok()?));
    let allowed = asked.unwrap_or(DEFAULT_DEADLINE).min(MAX_DEADLINE);
    // tonic's own timer, outside of this one, answers CANCELLED; ours has to be the first.
    let ours = allowed - (allowed / 10).min(Duration::from_millis(20));
    timeout(ours, next.run(request))
        .await
        .unwrap_or_else(|_| refuse(Refusal::new(ErrorReason::Deadline, "the call took longer than its deadline allows")))
}

/// `grpc-timeout`: up to eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
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

/// Verifies the token and looks whether the RPC is for such a caller.
async fn identify(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if PUBLIC.iter().any(|service| path.starts_with(service)) {
        return next.run(request).await;
    }
    let token = request.headers().get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let Some(token) = token else {
        return refuse(Refusal::new(ErrorReason::TokenInvalid, "the metadata `authorization` must be `Bearer <token>`"));
    };
    let identity = match door.verifier.verify(token) {
        Ok(identity) => identity,
        Err(refusal) => return refuse(refusal),
    };
    Span::current().record("caller", format!("{}/{}", identity.kind, identity.subject));
    match door.callers.of(path) {
        None => return refuse(Refusal::new(ErrorReason::UnknownMethod, "there is no such RPC")),
        Some(callers) if !identity.is_one_of(callers) => {
            let refusal = Refusal::new(ErrorReason::CallerNotAllowed, "this RPC is not for tokens of this kind and scope");
            return refuse(refusal);
        }
        Some(_) => {}
    }
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// tonic refuses messages that are too large or cannot be decoded before any handler sees them, in words of its own.
async fn give_reason(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.details().is_empty()) else {
        return response;
    };
    match status.code() {
        Code::OutOfRange => refuse(Refusal::invalid("message", "must be at most 256 KiB")),
        Code::Internal => refuse(Refusal::invalid("message", "must be one well-formed message of the kind that the RPC takes")),
        _ => response,
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refuse(refusal: Refusal) -> http::Response<Body> {
    Status::from(refusal).into_http()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_up_to_eight_digits_and_a_unit() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse_timeout("1n"), Some(Duration::from_nanos(1)));
        for wrong in ["", "S", "abc", "100000000S", "5", "-1S", "5s", "é"] {
            assert_eq!(parse_timeout(wrong), None, "{wrong}");
        }
    }
}
