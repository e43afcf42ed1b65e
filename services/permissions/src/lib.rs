//! The permissions service: who may do what, and who is on which job. It decides, it keeps the audit log, and it feeds the
//! nodes of the chat service with every change.

pub mod brought_back;
pub mod callers;
pub mod decision;
pub mod error;
mod feed;
mod grpc;
mod in_force;
mod leases;
mod metrics;
pub mod model;
pub mod mutant;
pub mod revocation;
pub mod store;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use chassis::admission::Admission;
use chassis::clock::Clock;
use chassis::config::ServerConfig;
use chassis::db::DatabaseUrl;
use chassis::ids::Ids;
use chassis::layers::Door;
use chassis::lifecycle::Drain;
use chassis::net::TcpListener;
use chassis::server::{self, MAX_REQUEST_BYTES, ServeError, Spec};
use chassis::telemetry::Telemetry;
use chassis::token::Verifier;
use crewline_api::permissions::v1 as pb;
use pb::access_service_server::AccessServiceServer;
use pb::audit_service_server::AuditServiceServer;
use pb::directory_service_server::DirectoryServiceServer;
use pb::dispatch_service_server::DispatchServiceServer;
use pb::tenant_service_server::TenantServiceServer;
use tokio::sync::{Semaphore, watch};
use tonic::service::Routes;

use crate::error::Error;
use crate::feed::{Feed, MAX_WATCHES};
use crate::grpc::{access::Access, audit::Audit, directory::Directory, dispatch::Dispatch, tenants::Tenants};
use crate::in_force::Finisher;
use crate::leases::Leases;
use crate::mutant::Mutant;
use crate::store::Store;

/// The full names of the services, as health knows them.
const SERVICES: &[&str] = &[
    "crewline.permissions.v1.AccessService",
    "crewline.permissions.v1.AuditService",
    "crewline.permissions.v1.DirectoryService",
    "crewline.permissions.v1.DispatchService",
    "crewline.permissions.v1.TenantService",
];

/// What the service needs to run.
pub struct Setup {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its database.
    pub database: DatabaseUrl,
    /// Checks tokens.
    pub verifier: Verifier,
    /// How long a lease of a node of the chat service lasts: a change that takes access away waits so long for one that is silent.
    pub lease_ttl: Duration,
    /// The time.
    pub clock: Clock,
    /// Randomness, for spreading.
    pub ids: Ids,
    /// What it tells of itself.
    pub telemetry: Telemetry,
    /// How it serves.
    pub server: ServerConfig,
    /// When to end.
    pub drain: Drain,
}

/// The service could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The database.
    #[error(
        "the permissions database cannot be opened: {0}; see that its server runs, or that this user may write its file, and that no newer version \
         has changed its schema"
    )]
    Store(#[from] Error),
    /// The server.
    #[error("the permissions service has stopped: {0}; start it again")]
    Serve(#[from] ServeError),
}

/// Runs the service until it has drained.
pub async fn run(setup: Setup) -> Result<(), RunError> {
    let (store, older_leases) = Store::open(&setup.database, setup.clock, setup.lease_ttl).await?;
    let older_leases = if Mutant::NoWaitAfterStart.planted() { Duration::ZERO } else { older_leases };
    let older_until = setup.clock.now() + older_leases;
    let meter = setup.telemetry.meter("permissions");
    let metrics = metrics::Metrics::new(&meter);
    let leases = Leases::new(setup.clock, setup.lease_ttl, older_until);
    let finisher = Finisher {
        store: store.clone(),
        leases: leases.clone(),
        clock: setup.clock,
        metrics: metrics.clone(),
        older_until: Some(older_until),
    };
    let feed = Feed {
        store: store.clone(),
        leases,
        clock: setup.clock,
        drain: setup.drain.clone(),
        metrics,
        places: Arc::new(Semaphore::new(MAX_WATCHES)),
    };
    let routes = Routes::new(AccessServiceServer::new(Access(feed)).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(DirectoryServiceServer::new(Directory(store.clone())).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(DispatchServiceServer::new(Dispatch(store.clone())).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(TenantServiceServer::new(Tenants(store.clone())).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(AuditServiceServer::new(Audit(store.clone())).max_decoding_message_size(MAX_REQUEST_BYTES));
    // The schema is up to date from here on: ready for good.
    let (_ready, ready) = watch::channel(true);
    let door = Door {
        verifier: setup.verifier,
        callers: callers::CALLERS,
        conversations: &["/crewline.permissions.v1.AccessService/WatchAccess"],
        admission: Admission::new(setup.server.limits, setup.clock),
        calls: setup.telemetry.calls("permissions"),
    };
    let spec = Spec {
        listener: setup.listener,
        routes,
        services: SERVICES,
        door,
        ready,
        config: setup.server,
        ids: setup.ids,
        meter,
        drain: setup.drain,
    };
    // Calls that wait for a change end before the server does, so that it is finished for them also during a drain.
    let served = tokio::select! {
        served = server::serve(spec) => served,
        never = finisher.run() => match never {},
    };
    store.close().await;
    Ok(served?)
}
