//! Logs and metrics. No body, phone number or token is ever given to either.

use std::io::{self, IsTerminal};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, TelemetryConfig};

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter.
    #[error("telemetry.log_filter is not a filter such as `info,chat=debug`: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter.
    #[error("metrics cannot be collected: {0}")]
    Metrics(#[from] opentelemetry_sdk::error::OTelSdkError),
    /// The endpoint.
    #[error("telemetry.metrics_listen {0}: {1}")]
    Listen(String, io::Error),
}

/// Sends log lines to standard error from now on.
pub fn start_logs(config: &TelemetryConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.log_filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    // A second start in one process, as tests do it, keeps the first subscriber.
    let _first_one_stays = match config.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// The metrics of one process. There is no global registry, so that two can run in one process.
#[derive(Clone, Debug)]
pub struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
}

impl Metrics {
    /// Collects from now on.
    pub fn start() -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
        Ok(Self { provider: SdkMeterProvider::builder().with_reader(exporter).build(), registry })
    }

    /// Where a service makes its instruments.
    pub fn meter(&self, service: &'static str) -> Meter {
        self.provider.meter(service)
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

fn render(registry: &Registry) -> Result<String, StatusCode> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    String::from_utf8(text).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
