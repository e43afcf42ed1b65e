//! Traces, metrics and logs to a collector. Everything is queued, and dropped where the queue is full: a collector that is slow or away costs
//! the calls nothing.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::PeriodicReader;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

use super::NAME;

/// For one export.
const WITHIN: Duration = Duration::from_secs(5);
/// What is still queued at the end leaves within this time, or not at all.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// The way to a collector. Clones share it.
#[derive(Clone, Debug)]
pub struct Otlp {
    endpoint: String,
    resource: Resource,
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
}

impl Otlp {
    /// To the collector at this URL, of OTLP over gRPC, as this instance. Of the traces that begin here this part is taken. Must be called in a tokio
    /// runtime.
    pub fn start(endpoint: &str, instance: &str, ratio: f64) -> Result<Self, ExporterBuildError> {
        let resource = Resource::builder()
            .with_service_name(NAME)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
            .build();
        let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(WITHIN).build()?;
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
            .with_batch_exporter(spans)
            .build();
        let records = LogExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(WITHIN).build()?;
        let logs = SdkLoggerProvider::builder().with_resource(resource.clone()).with_batch_exporter(records).build();
        Ok(Self { endpoint: endpoint.to_owned(), resource, traces, logs })
    }

    /// Who tells it.
    pub fn resource(&self) -> Resource {
        self.resource.clone()
    }

    /// Where spans begin.
    pub fn tracer(&self) -> SdkTracer {
        self.traces.tracer(NAME)
    }

    /// Where log records go.
    pub fn logs(&self) -> &SdkLoggerProvider {
        &self.logs
    }

    /// Takes the metrics along every minute, or as `OTEL_METRIC_EXPORT_INTERVAL` says.
    pub fn metrics(&self) -> Result<PeriodicReader<MetricExporter>, ExporterBuildError> {
        let exporter =
            MetricExporter::builder().with_tonic().with_endpoint(self.endpoint.as_str()).with_timeout(WITHIN).build()?;
        Ok(PeriodicReader::builder(exporter).build())
    }

    /// Sends what is queued, for a moment. Blocks.
    pub fn end(&self) {
        let ended = [self.traces.shutdown_with_timeout(LAST_WITHIN), self.logs.shutdown_with_timeout(LAST_WITHIN)];
        if ended.iter().any(Result::is_err) {
            tracing::debug!("not everything reached the collector");
        }
    }
}
