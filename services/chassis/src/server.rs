//! A gRPC server with the settings that tonic leaves open, health, reflection and a bounded end.

use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use crate::layers::{self, Door};
use crate::lifecycle::{DRAIN_LIMIT, Drain};
use crate::net::{TcpListener, incoming};

/// Well above what a service lets one connection hold, so that nothing waits behind HTTP/2's own limit.
const MAX_CONCURRENT_STREAMS: u32 = 1_000;
const MAX_PENDING_RESETS: usize = 200;
const MAX_LOCAL_RESETS: usize = 1_024;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a grace period: with one, this version of tonic never says goodbye and cuts the connection.
const CONNECTION_AGE: Duration = Duration::from_secs(30 * 60);

/// The largest request that a service decodes.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

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
    /// Whether it describes its API to anybody who asks.
    pub reflection: bool,
    /// When to end.
    pub drain: Drain,
}

/// The server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket.
    #[error("the listener failed: {0}")]
    Listener(#[from] io::Error),
    /// The transport.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors.
    #[error("reflection cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until the drain begins, then lets calls and streams end, for [`DRAIN_LIMIT`] at most.
pub async fn serve(spec: Spec) -> Result<(), ServeError> {
    let (reporter, health) = health_reporter();
    // Before anybody can ask: tonic-health starts the whole server as serving.
    set_health(&reporter, spec.services, ServingStatus::NotServing).await;
    let mut routes = spec.routes.add_service(health);
    if spec.reflection {
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
    let routes = Routes::from(layers::around(routes.into_axum_router(), spec.door)).prepare();

    let server = Server::builder()
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(MAX_LOCAL_RESETS))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_connection_age(CONNECTION_AGE)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming(spec.listener), spec.drain.begun());

    let end = async {
        spec.drain.begun().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        served = server => Ok(served?),
        () = report_health(&reporter, spec.services, spec.ready, &spec.drain) => Ok(()),
        () = end => {
            tracing::warn!("connections were still open at the end of the drain");
            Ok(())
        }
    }
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
