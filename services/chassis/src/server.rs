//! A gRPC server: its connections, health, reflection, and a bounded end. tonic's own server cuts nothing by itself: neither who connects and
//! says nothing, nor who does not go.

mod accept;
mod backoff;
mod connection;
mod greeting;
mod metrics;
mod places;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use opentelemetry::metrics::Meter;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use self::connection::Connections;
use self::metrics::Metrics;
use self::places::Places;
use crate::config::ServerConfig;
use crate::ids::Ids;
use crate::layers::{self, Door};
use crate::lifecycle::Drain;
use crate::net::TcpListener;

/// The largest request that a service decodes.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// A service ends each of its streams by then: the connection is cut some time after it.
pub const LONGEST_STREAM: Duration = Duration::from_secs(60 * 60);

/// One server.
pub struct Spec {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its services.
    pub routes: Routes,
    /// The full names of its services, for health.
    pub services: &'static [&'static str],
    /// Tokens, and who may call what.
    pub door: Door,
    /// Whether it has become able to serve.
    pub ready: watch::Receiver<bool>,
    /// Its limits, and whether it describes its API to anybody who asks.
    pub config: ServerConfig,
    /// Randomness, for spreading.
    pub ids: Ids,
    /// Where its instruments are made.
    pub meter: Meter,
    /// When to end.
    pub drain: Drain,
}

/// The server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptors.
    #[error("reflection cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until the drain begins, then lets calls and streams end until it is over.
pub async fn serve(spec: Spec) -> Result<(), ServeError> {
    let (reporter, health) = health_reporter();
    // Before anybody can ask: tonic-health starts the whole server as serving.
    set_health(&reporter, spec.services, ServingStatus::NotServing).await;
    let mut routes = spec.routes.add_service(health);
    if spec.config.reflection {
        // The second set lets grpcurl print the details of errors, the third lets it ask for health. Listed is what is served here.
        let describe = || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(crewline_api::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            let listed = spec.services.iter().chain(&["grpc.health.v1.Health"]);
            listed.fold(builder, |builder, service| builder.with_service_name(*service))
        };
        routes = routes.add_service(describe().build_v1()?).add_service(describe().build_v1alpha()?);
    }
    // With the state given, the router is put together once, not for each call.
    let routes: Router = layers::around(routes.into_axum_router(), spec.door).with_state(());

    let config = &spec.config;
    let age = Duration::from_secs(config.connection_age_seconds.get());
    let connections = Connections::new(routes, age, spec.ids, spec.drain.clone(), Metrics::new(&spec.meter));
    let intake = accept::Intake {
        connections: Arc::new(connections),
        places: Places::new(config.max_connections.get(), config.max_connections_per_address.get()),
        open: JoinSet::new(),
    };
    tokio::select! {
        () = intake.serve(spec.listener) => {}
        () = report_health(&reporter, spec.services, spec.ready, &spec.drain) => {}
    }
    Ok(())
}

/// Keeps health equal to "ready and not draining"; never returns.
async fn report_health(reporter: &HealthReporter, services: &[&str], mut ready: watch::Receiver<bool>, drain: &Drain) {
    loop {
        let draining = drain.has_begun();
        let status = if *ready.borrow_and_update() && !draining { ServingStatus::Serving } else { ServingStatus::NotServing };
        set_health(reporter, services, status).await;
        tokio::select! {
            Ok(()) = ready.changed() => {}
            () = drain.begun(), if !draining => {}
            else => std::future::pending().await,
        }
    }
}

/// The empty name is the whole server.
async fn set_health(reporter: &HealthReporter, services: &[&str], status: ServingStatus) {
    for service in [""].iter().chain(services) {
        reporter.set_service_status(service, status).await;
    }
}
