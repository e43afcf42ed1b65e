//! Calls as gRPC does not have them, byte by byte: each gets a status with a reason, and does nothing.

use std::future::poll_fn;
use std::time::Duration;

use crewline_api::chat::v1 as chat;
use http::{HeaderValue, StatusCode};
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Request, Status};

use crate::company::{Company, try_send};
use crate::refusals::reason_of;
use crate::running::{PATIENCE, Running};
use crate::tokens::{Claims, Mint};

const SEND: &str = "/crewline.chat.v1.ThreadService/SendMessage";

/// A call that is made by hand.
struct Raw {
    method: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

impl Raw {
    fn with_body(body: impl Into<String>) -> Self {
        Self { method: "POST", headers: Vec::new(), body: body.into() }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The HTTP status and the reason that it gets; `OK` if it is answered.
    async fn call(self, mint: &Mint, token: &str) -> (StatusCode, String) {
        let mut request = http::Request::builder().method(self.method).uri(SEND).body(Body::new(self.body)).expect("a request");
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("authorization", format!("Bearer {token}").parse().expect("ascii"));
        for (name, value) in self.headers {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let mut chat = mint.chat.clone();
        poll_fn(|context| chat.poll_ready(context)).await.expect("connected");
        let response = timeout(PATIENCE, chat.call(request)).await.expect("in time").expect("an answer");
        let reason = Status::from_header_map(response.headers()).map_or_else(|| "OK".to_owned(), |status| told(&status));
        (response.status(), reason)
    }
}

/// The reason, and the field if it is one's.
fn told(status: &Status) -> String {
    let reason = reason_of(status);
    let field = tonic_types::StatusExt::get_details_bad_request(status).map(|bad| bad.field_violations[0].field.clone());
    field.map_or(reason.clone(), |field| format!("{reason} {field}"))
}

/// A message of this thread as it is on the wire: a flag, the length in four bytes, and the fields.
fn message(thread: &str, id: &str) -> String {
    let field = |number: u8, text: &str| {
        format!("{}{}{text}", char::from(number << 3 | 2), char::from(u8::try_from(text.len()).expect("short")))
    };
    let fields = [field(1, thread), field(2, id), field(3, "hello")].concat();
    format!("\0\0\0\0{}{fields}", char::from(u8::try_from(fields.len()).expect("short")))
}

#[tokio::test]
async fn what_grpc_does_not_allow_is_refused_with_a_reason_and_does_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let token = mint.token(Claims::person("office", "olga", &[&company.tenant]));
    let send = |id: &str| message(&company.thread, id);
    let good = Raw::with_body(send("1")).header("content-type", "application/grpc+proto");
    assert_eq!(good.call(&mint, &token).await, (StatusCode::OK, "OK".to_owned()));
    let before = company.messages().await;

    let whole = "INVALID_FIELD message";
    for (what, raw, status, reason) in [
        ("a GET", Raw { method: "GET", ..Raw::with_body("") }, StatusCode::METHOD_NOT_ALLOWED, "UNKNOWN_METHOD"),
        (
            "text",
            Raw::with_body(send("2")).header("content-type", "text/plain"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "INVALID_FIELD content-type",
        ),
        (
            "gRPC-Web",
            Raw::with_body(send("3")).header("content-type", "application/grpc-web"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "INVALID_FIELD content-type",
        ),
        ("two messages", Raw::with_body(send("4") + &send("5")), StatusCode::OK, whole),
        ("a message and a half", Raw::with_body(send("6") + "\0\0"), StatusCode::OK, whole),
        ("none", Raw::with_body(""), StatusCode::OK, whole),
        ("half a message", Raw::with_body(&send("7")[..20]), StatusCode::OK, whole),
        ("garbage", Raw::with_body("\0\0\0\0\x04\x7f\x7f\x7f\x7f"), StatusCode::OK, whole),
        ("a message of 2 GB", Raw::with_body("\0\x7f\x7f\x7f\x7fx"), StatusCode::OK, whole),
        ("an unknown flag", Raw::with_body(send("8").replacen('\0', "\x07", 1)), StatusCode::OK, whole),
        ("compressed in no way", Raw::with_body(send("9").replacen('\0', "\x01", 1)), StatusCode::OK, whole),
        ("an encoding", Raw::with_body(send("10")).header("grpc-encoding", "br"), StatusCode::OK, "INVALID_FIELD grpc-encoding"),
        ("no time", Raw::with_body(send("11")).header("grpc-timeout", "abc"), StatusCode::OK, "INVALID_FIELD grpc-timeout"),
        (
            "nine digits",
            Raw::with_body(send("12")).header("grpc-timeout", "123456789S"),
            StatusCode::OK,
            "INVALID_FIELD grpc-timeout",
        ),
        ("no unit", Raw::with_body(send("13")).header("grpc-timeout", "5"), StatusCode::OK, "INVALID_FIELD grpc-timeout"),
    ] {
        assert_eq!(raw.call(&mint, &token).await, (status, reason.to_owned()), "{what}");
    }
    assert_eq!(company.messages().await, before);
}

#[tokio::test]
async fn a_stream_ends_at_its_caller_s_deadline_and_says_so() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut watch = Request::new(chat::WatchThreadRequest { thread_id: company.thread.clone(), ..Default::default() });
    watch.set_timeout(Duration::from_millis(700));
    let mut stream = company.olga.threads().watch_thread(watch).await.expect("a stream").into_inner();
    let status = timeout(PATIENCE, async {
        loop {
            if let Err(status) = stream.message().await {
                return status;
            }
        }
    });
    assert_eq!(reason_of(&status.await.expect("an end")), "DEADLINE");
    try_send(&company.olga, &company.thread, "after", "hello").await.expect("the connection goes on");
}
