//! Logs, metrics and traces. No body, phone number or token is ever given to any of them.

mod calls;
mod otlp;

use std::io::{self, IsTerminal};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::net::TcpListener;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer};

pub use self::calls::{Call, Calls, pass_on};
use self::otlp::Otlp;
use crate::config::{LogFormat, TelemetryConfig};

/// Of the service, to whoever collects.
const NAME: &str = "crewline";
const LAST_METRICS_WITHIN: Duration = Duration::from_secs(2);

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter.
    #[error("telemetry.log_filter is not a filter such as `info,chat=debug`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter.
    #[error("metrics cannot be collected: {0}; this is a fault of the program: report it")]
    Metrics(#[from] opentelemetry_sdk::error::OTelSdkError),
    /// The collector.
    #[error("telemetry.otlp_endpoint must be a URL such as http://127.0.0.1:4317: {0}")]
    Otlp(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The endpoint.
    #[error("telemetry.metrics_listen {0}: {1}; set another address, or none to have no metrics")]
    Listen(String, io::Error),
}

/// What leaves over OTLP is not told over OTLP: one record would make the next.
const NOT_ABOUT_ITSELF: &str =
    "h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off,opentelemetry_sdk=off,opentelemetry-otlp=off";

/// What a process tells of itself. Clones share it. There is no global registry, so that two can be in one process.
#[derive(Clone, Debug)]
pub struct Telemetry {
    meters: SdkMeterProvider,
    registry: Registry,
    otlp: Option<Otlp>,
}

impl Telemetry {
    /// Collects metrics from now on, and tells nobody but those who ask.
    pub fn quiet() -> Result<Self, TelemetryError> {
        Self::with(None)
    }

    /// Sends log lines to standard error from now on, and everything to a collector if one is configured. Must be called in a tokio runtime.
    pub fn start(config: &TelemetryConfig, instance: &str) -> Result<Self, TelemetryError> {
        let ratio = config.otlp_trace_ratio.clamp(0.0, 1.0);
        let endpoint = Some(config.otlp_endpoint.as_str()).filter(|endpoint| !endpoint.is_empty());
        let otlp = endpoint.map(|endpoint| Otlp::start(endpoint, instance, ratio)).transpose()?;
        start_logs(config, otlp.as_ref())?;
        Self::with(otlp)
    }

    fn with(otlp: Option<Otlp>) -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let mut meters = SdkMeterProvider::builder();
        meters = meters.with_reader(opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?);
        if let Some(otlp) = &otlp {
            meters = meters.with_resource(otlp.resource()).with_reader(otlp.metrics()?);
        }
        Ok(Self { meters: meters.build(), registry, otlp })
    }

    /// Where a service makes its instruments.
    pub fn meter(&self, service: &'static str) -> Meter {
        self.meters.meter(service)
    }

    /// What tells of the calls of a service.
    pub fn calls(&self, service: &'static str) -> Calls {
        Calls::new(&self.meter(service), self.otlp.as_ref().map(Otlp::tracer))
    }

    /// Sends what is still queued, for a moment.
    pub async fn end(self) {
        let Some(otlp) = self.otlp else { return };
        // It blocks.
        let ended = tokio::task::spawn_blocking(move || {
            otlp.end();
            self.meters.shutdown_with_timeout(LAST_METRICS_WITHIN)
        });
        if !matches!(ended.await, Ok(Ok(()))) {
            tracing::debug!("the last metrics did not reach the collector");
        }
    }

    /// Serves `GET /metrics` for as long as it is polled.
    pub async fn serve(self, listen: String) -> Result<(), TelemetryError> {
        let failed = |error| TelemetryError::Listen(listen.clone(), error);
        let listener = TcpListener::bind(&listen).await.map_err(failed)?;
        let registry = self.registry.clone();
        let app = Router::new().route("/metrics", get(move || async move { render(&registry) }));
        axum::serve(listener, app).await.map_err(failed)
    }
}

fn start_logs(config: &TelemetryConfig, otlp: Option<&Otlp>) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.log_filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let lines = match config.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let records = match otlp {
        None => None,
        Some(otlp) => {
            let filter = EnvFilter::try_new(format!("{},{NOT_ABOUT_ITSELF}", config.log_filter))?;
            Some(OpenTelemetryTracingBridge::new(otlp.logs()).with_filter(filter))
        }
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter)).with(records);
    // A second start in one process, as tests do it, keeps the first subscriber.
    let _first_one_stays = subscriber.try_init();
    Ok(())
}

fn render(registry: &Registry) -> Result<String, StatusCode> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    String::from_utf8(text).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
