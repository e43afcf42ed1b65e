//! What is told of each call: a span, which ends with the response's head so that none is as long as a stream; how long it took; and panics.
//! Names of RPCs and ids of callers are in it, and nothing of any message.

use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;
use tonic::Code;
use tonic::metadata::{MetadataKey, MetadataMap};

/// Stands for every RPC that does not exist: callers do not choose the names of series.
const OTHER: &str = "_OTHER";
const METHOD: &str = "rpc.method";
const STATUS: &str = "rpc.response.status_code";

/// Tells of the calls of one service. Clones share it.
#[derive(Clone, Debug)]
pub struct Calls {
    tracer: Option<SdkTracer>,
    duration: Histogram<f64>,
    panics: Counter<u64>,
}

/// A call that is under way.
#[derive(Debug)]
pub struct Call {
    calls: Calls,
    method: String,
    /// To be the current one while the call is polled.
    pub context: Context,
}

impl Calls {
    pub(super) fn new(meter: &Meter, tracer: Option<SdkTracer>) -> Self {
        let duration = meter
            .f64_histogram("rpc.server.call.duration")
            .with_description("Time from a call to the head of its response: for a stream, until it is open")
            .with_unit("s")
            .build();
        let panics = meter
            .u64_counter("crewline.panics")
            .with_description("Panics in handlers and streams, each answered with INTERNAL")
            .with_unit("{panic}")
            .build();
        Self { tracer, duration, panics }
    }

    /// A call of the RPC with this path begins, if it exists, in the trace that the caller names.
    pub fn begin(&self, path: Option<&str>, headers: &HeaderMap) -> Call {
        let method = path.map_or(OTHER, |path| path.trim_start_matches('/')).to_owned();
        let mut context = Context::new();
        if let Some(tracer) = &self.tracer {
            let caller = TraceContextPropagator::new().extract_with_context(&context, &Received(headers));
            let span = tracer
                .span_builder(method.clone())
                .with_kind(SpanKind::Server)
                .with_attributes([KeyValue::new("rpc.system.name", "grpc"), KeyValue::new(METHOD, method.clone())])
                .start_with_context(tracer, &caller);
            context = caller.with_span(span);
        }
        Call { calls: self.clone(), method, context }
    }

    /// The code that makes an answer has panicked.
    pub fn panicked(&self) {
        self.panics.add(1, &[]);
    }
}

impl Call {
    /// The head of the response is there.
    pub fn end(self, code: Code, took: Duration) {
        let status = name(code);
        let attributes = [KeyValue::new(METHOD, self.method), KeyValue::new(STATUS, status)];
        self.calls.duration.record(took.as_secs_f64(), &attributes);
        let span = self.context.span();
        span.set_attribute(KeyValue::new(STATUS, status));
        if is_ours(code) {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// Tells another service which trace this call belongs to.
pub fn pass_on(metadata: &mut MetadataMap) {
    TraceContextPropagator::new().inject_context(&Context::current(), &mut Sent(metadata));
}

/// Whether it is the service that failed, and not the caller.
fn is_ours(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// As the conventions have it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

struct Received<'a>(&'a HeaderMap);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|key| key.as_str()).collect()
    }
}

struct Sent<'a>(&'a mut MetadataMap);

impl Injector for Sent<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}
