//! What happens to every call around its handler: from the outside in, a span, a net for panics, a look at how it is framed, a deadline, an
//! identity, a rate, and a reason for what the framework refuses by itself.

mod answer;
mod deadline;
mod framing;

use std::any::Any;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use crewline_api::errors::v1::ErrorReason;
use opentelemetry::trace::FutureExt;
use tokio::time::Instant;
use tonic::{Code, Status};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, Span, field};

use crate::admission::Admission;
use crate::identity::{Callers, Identity, TENANT_HEADER};
use crate::refusal::Refusal;
use crate::telemetry::Calls;
use crate::token::Verifier;

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
    /// The RPCs that take more than one message.
    pub conversations: &'static [&'static str],
    /// How often who may call.
    pub admission: Admission,
    /// What is told of each call.
    pub calls: Calls,
}

impl Door {
    /// The path of an RPC, if there is such a one.
    fn known<'a>(&self, path: &'a str) -> Option<&'a str> {
        Some(path).filter(|path| self.callers.of(path).is_some() || is_public(path))
    }
}

fn is_public(path: &str) -> bool {
    PUBLIC.iter().any(|service| path.starts_with(service))
}

/// Puts the layers around `routes`.
pub fn around(routes: Router, door: Door) -> Router {
    let calls = door.calls.clone();
    routes
        .layer(from_fn(give_reason))
        .layer(from_fn_with_state(door.clone(), identify))
        // Outside of the identity: checking a token costs time, too.
        .layer(from_fn_with_state(door.calls.clone(), deadline::limit))
        .layer(from_fn_with_state(door.conversations, framing::check))
        // Outside of everything that can panic, inside of the span, so that the log line of the panic has it.
        .layer(CatchPanicLayer::custom(move |_payload: Box<dyn Any + Send>| refuse(panicked(&calls))))
        .layer(from_fn_with_state(door, trace))
}

/// A span per call, and a line for each call that did not end well.
async fn trace(State(door): State<Door>, request: Request, next: Next) -> Response {
    let span = tracing::info_span!("call", rpc = request.uri().path(), caller = field::Empty, tenant = field::Empty);
    let began = Instant::now();
    let call = door.calls.begin(door.known(request.uri().path()), request.headers());
    let response = next.run(request).instrument(span.clone()).with_context(call.context.clone()).await;
    // A stream, or a call that went well, has its status in the trailers: it counts as OK here.
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    call.end(code, began.elapsed());
    let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| match code {
        Code::Ok => tracing::debug!(took_us, "answered"),
        Code::Internal | Code::Unknown | Code::DataLoss => tracing::error!(?code, took_us, "failed"),
        refused => tracing::info!(code = ?refused, took_us, "refused"),
    });
    response
}

/// The code that makes an answer has panicked. What it said is in the log, and goes to nobody.
fn panicked(calls: &Calls) -> Refusal {
    tracing::error!("a handler panicked");
    calls.panicked();
    Refusal::new(ErrorReason::Internal, "something went wrong here")
}

/// Verifies the token and looks whether the RPC is for such a caller.
async fn identify(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if is_public(path) {
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
    let tenant = tenant_of(&identity, request.headers());
    let turn = match door.admission.admit(&identity, tenant) {
        Ok(turn) => turn,
        Err(refusal) => return refuse(refusal),
    };
    request.extensions_mut().insert(identity);
    let response = next.run(request).await;
    // A stream has its own limits.
    drop(turn);
    response
}

/// The tenant that the call says it is for, if the token names it: the service says why not.
fn tenant_of<'a>(identity: &'a Identity, headers: &'a HeaderMap) -> Option<&'a str> {
    let named = headers.get(TENANT_HEADER).and_then(|value| value.to_str().ok());
    let only = identity.tenants.first().filter(|_| identity.tenants.len() == 1).map(String::as_str);
    named.or(only).filter(|tenant| *tenant != "*" && identity.names(tenant))
}

/// tonic refuses messages that are too large or cannot be decoded before any handler sees them, in words of its own.
async fn give_reason(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.details().is_empty()) else {
        return response;
    };
    match status.code() {
        Code::OutOfRange => refuse(Refusal::invalid("message", "must be at most 256 KiB")),
        // Every RPC that does not exist has been refused by now.
        Code::Unimplemented => refuse(Refusal::invalid("grpc-encoding", "must be identity, or not there")),
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
