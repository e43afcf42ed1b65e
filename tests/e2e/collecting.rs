//! What reaches a collector of traces, metrics and logs; what never does; and what a collector that is away costs.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crewline_api::chat::v1 as chat;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{MetricsService, MetricsServiceServer};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::apart::Apart;
use crate::company::{CUSTOMER, Company, try_send};
use crate::operating::operator;
use crate::reader::Reader;
use crate::running::{PATIENCE, Running};
use crate::waiting::until;

const ENDPOINT: &str = "CREWLINE_TELEMETRY__OTLP_ENDPOINT";
/// The trace and the span of somebody who calls.
const TRACE: [u8; 16] = [7; 16];
const CALLER: [u8; 8] = [9; 8];
const CANARY: &str = "the gate code is 4711";

/// A collector that keeps everything.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Collected>>);

#[derive(Default)]
struct Collected {
    spans: Vec<Span>,
    metrics: Vec<String>,
    /// What those who tell of spans call themselves.
    instances: HashSet<String>,
    /// All of it, as text.
    text: String,
}

impl Collector {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let collector = Self::default();
        let server = Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .add_service(MetricsServiceServer::new(collector.clone()))
            .add_service(LogsServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, url)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Collected) -> T) -> T {
        look(&mut self.0.lock().expect("lock"))
    }

    /// The first span of this name in this trace.
    async fn span(&self, name: &str) -> Span {
        until(name, async || self.with(|all| all.spans.iter().find(|span| span.name == name && span.trace_id == TRACE).cloned()))
            .await
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        self.with(|all| {
            all.text += &format!("{request:?}");
            let attributes = request.resource_spans.iter().flat_map(|of| &of.resource).flat_map(|resource| &resource.attributes);
            let instances = attributes.filter(|attribute| attribute.key == "service.instance.id");
            all.instances.extend(instances.filter_map(|instance| match &instance.value.as_ref()?.value {
                Some(Value::StringValue(text)) => Some(text.clone()),
                _ => None,
            }));
            all.spans.extend(request.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans));
        });
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let request = request.into_inner();
        self.with(|all| {
            all.text += &format!("{request:?}");
            let of_scopes = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
            all.metrics.extend(of_scopes.flat_map(|of| of.metrics).map(|metric| metric.name));
        });
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.with(|all| all.text += &format!("{:?}", request.into_inner()));
        Ok(Response::new(Default::default()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_call_is_one_trace_from_its_caller_through_both_services() {
    let (collector, url) = Collector::start().await;
    let settings = [(ENDPOINT, url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let apart = Apart::with(&settings, &settings).await;
    let callers = apart.callers().await;
    let company = Company::open(&callers).await;
    let operator = operator(&callers, &company);
    let asked =
        chat::ExplainThreadRequest { thread_id: company.thread.clone(), person_id: "tina".into(), reason: "a call".into() };
    let mut explain = Request::new(asked);
    let parent = format!("00-{}-{}-01", hex(&TRACE), hex(&CALLER));
    explain.metadata_mut().insert("traceparent", parent.parse().expect("ascii"));
    operator.operator().explain_thread(explain).await.expect("told");

    let of_chat = collector.span("crewline.chat.v1.OperatorService/ExplainThread").await;
    let of_permissions = collector.span("crewline.permissions.v1.AccessService/ExplainAccess").await;
    assert_eq!(of_chat.parent_span_id, CALLER);
    assert_eq!(of_permissions.parent_span_id, of_chat.span_id);
    let instances = ["chat", "permissions"].map(|instance| collector.with(|all| all.instances.contains(instance)));
    assert_eq!(instances, [true, true], "who told what");
    assert!(of_chat.end_time_unix_nano >= of_permissions.end_time_unix_nano && of_permissions.end_time_unix_nano > 0);
}

#[tokio::test]
async fn a_span_ends_when_its_stream_is_open_and_not_with_it() {
    let (collector, url) = Collector::start().await;
    let running = Running::start("all", &[(ENDPOINT, &url), ("OTEL_BSP_SCHEDULE_DELAY", "100")]).await;
    let company = Company::open(&running.callers().await).await;
    let mut reader = Reader::open(&company.tina, &company.thread).await;
    let name = "crewline.chat.v1.ThreadService/WatchThread";
    until("the span is there", async || collector.with(|all| all.spans.iter().any(|span| span.name == name)).then_some(())).await;
    company.text("1", "hello").await;
    reader.read_to(1).await;
}

#[tokio::test]
async fn no_body_number_or_token_is_in_any_span_metric_or_log() {
    let (collector, url) = Collector::start().await;
    let running = Running::start(
        "all",
        &[
            (ENDPOINT, &url),
            ("CREWLINE_TELEMETRY__LOG_FILTER", "debug,h2=info,hyper=info"),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ],
    )
    .await;
    let company = Company::open(&running.callers().await).await;
    let mut reader = Reader::open(&company.tina, &company.thread).await;
    company.text("1", CANARY).await;
    try_send(&company.tina, &company.thread, "2", CANARY).await.expect("sent");
    // Refused in different places.
    try_send(&company.vera, &company.thread, "3", CANARY).await.expect_err("refused");
    try_send(&company.tina, &company.thread, "2", &format!("{CANARY}!")).await.expect_err("refused");
    try_send(&company.tina, &company.thread, "4", &CANARY.repeat(100)).await.expect_err("refused");
    reader.read_to(2).await;
    company.text("5", CANARY).await;
    reader.read_to(3).await;
    until("all three kinds are there", async || {
        collector.with(|all| {
            let spans = all.spans.iter().any(|span| span.name.ends_with("/SendMessage"));
            let metrics = ["rpc.server.call.duration", "crewline.chat.messages", "crewline.chat.commit_to_yield"];
            let metrics = metrics.iter().all(|wanted| all.metrics.iter().any(|name| name == wanted));
            (spans && metrics && all.text.contains("LogRecord")).then_some(())
        })
    })
    .await;
    let told = collector.with(|all| all.text.clone()) + &running.log();
    let number = CUSTOMER.trim_start_matches('+');
    for secret in [CANARY, number, &company.tina.token, &company.tina.token[..40]] {
        assert!(!told.contains(secret), "{secret} was told");
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_neither_calls_nor_the_end_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address: SocketAddr = silent.local_addr().expect("an address");
    let url = format!("http://{address}");
    let mut running = Running::start("all", &[(ENDPOINT, &url), ("OTEL_METRIC_EXPORT_INTERVAL", "100")]).await;
    let callers = running.callers().await;
    let company = timeout(PATIENCE, Company::open(&callers)).await.expect("nothing is held up");
    let sends = async {
        for number in 0..50 {
            try_send(&company.tina, &company.thread, &format!("{number}"), "hello").await.expect("sent");
        }
    };
    timeout(PATIENCE, sends).await.expect("nothing is held up");
    assert!(running.terminate().await.success());
}
