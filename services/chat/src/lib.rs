//! The chat service: threads, messages, and the gated streams of their updates. Before anything leaves it asks its own copy of
//! the permissions service's facts, and hands out nothing when that copy is not fresh.

pub mod access;
mod asking;
mod attachments;
pub mod callers;
mod cursor;
pub mod error;
mod fanout;
pub mod fold;
mod gated;
mod grpc;
mod hints;
mod inbox;
mod inboxes;
mod metrics;
pub mod model;
pub mod mutant;
mod outbox;
mod routing;
pub mod rules;
mod send;
pub mod store;
mod streams;
mod watch;
mod wire;

use chassis::admission::Admission;
use chassis::clock::Clock;
use chassis::config::ServerConfig;
use chassis::db::{DatabaseUrl, DbError};
use chassis::ids::Ids;
use chassis::layers::Door;
use chassis::lifecycle::Drain;
use chassis::net::TcpListener;
use chassis::server::{self, MAX_REQUEST_BYTES, ServeError, Spec};
use chassis::telemetry::Telemetry;
use chassis::token::{TokenSource, Verifier};
use crewline_api::chat::v1 as pb;
use pb::carrier_service_server::CarrierServiceServer;
use pb::operator_service_server::OperatorServiceServer;
use pb::records_service_server::RecordsServiceServer;
use pb::thread_service_server::ThreadServiceServer;
use tokio::sync::watch as signal;
use tonic::service::Routes;
use tonic::transport::Endpoint;

use crate::access::Access;
use crate::access::subscription::Subscription;
use crate::asking::Asking;
use crate::attachments::Attachments;
use crate::fanout::Fanout;
use crate::gated::Node;
use crate::grpc::carrier::Carrier;
use crate::grpc::operator::Operator;
use crate::grpc::records::Records;
use crate::grpc::threads::Threads;
use crate::hints::Hints;
use crate::inboxes::Inboxes;
use crate::outbox::Outbox;
use crate::rules::Rules;
use crate::send::Post;
use crate::store::Store;
use crate::streams::Streams;

/// The full names of the services, as health knows them.
const SERVICES: &[&str] = &[
    "crewline.chat.v1.ThreadService",
    "crewline.chat.v1.CarrierService",
    "crewline.chat.v1.RecordsService",
    "crewline.chat.v1.OperatorService",
];

/// What the service needs to run.
pub struct Setup {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its database.
    pub database: DatabaseUrl,
    /// The key of the content hashes that tell a retry from a reuse.
    pub hash_key: Vec<u8>,
    /// How customers' texts are treated, and texts to them.
    pub rules: Rules,
    /// The key that attachments' addresses are signed with.
    pub attachments_key: Vec<u8>,
    /// The permissions service.
    pub permissions: Endpoint,
    /// The token that it shows there.
    pub token: TokenSource,
    /// The name of this node.
    pub node: String,
    /// Checks tokens.
    pub verifier: Verifier,
    /// The time.
    pub clock: Clock,
    /// Ids and randomness.
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
        "the chat database cannot be opened: {0}; see that its server runs, or that this user may write its file, and that no newer version has \
         changed its schema"
    )]
    Store(#[from] DbError),
    /// The server.
    #[error("the chat service has stopped: {0}; start it again")]
    Serve(#[from] ServeError),
}

/// Runs the service until it has drained.
pub async fn run(setup: Setup) -> Result<(), RunError> {
    let (clock, ids, drain) = (setup.clock, setup.ids, setup.drain);
    let meter = setup.telemetry.meter("chat");
    let metrics = metrics::Metrics::new(&meter);
    let store = Store::open(&setup.database, clock, ids.clone(), &setup.hash_key, &metrics.statements).await?;
    let (access, fanout) = (Access::new(clock), Fanout::default());
    let ready = signal::Sender::new(false);
    let asking = Asking { permissions: setup.permissions.clone(), token: setup.token.clone() };
    let subscription = Subscription {
        access: access.clone(),
        permissions: setup.permissions,
        token: setup.token,
        node: setup.node,
        incarnation: ids.uuid().to_string(),
        clock,
        ids: ids.clone(),
        ready: ready.clone(),
    };
    let attachments = Attachments::new(&setup.rules.attachments_url, &setup.attachments_key, clock);
    let streams = Streams::new(setup.rules.streams_per_person, clock);
    let post = Post {
        access: access.clone(),
        store: store.clone(),
        fanout,
        inboxes: Inboxes::default(),
        outbox: Outbox::default(),
        rules: setup.rules,
        metrics: metrics.clone(),
    };
    let gate = access.gate().clone();
    let node = Node { access, store: store.clone(), clock, ids: ids.clone(), drain: drain.clone(), metrics };
    let carrier = Carrier { post: post.clone(), node: node.clone(), streams: streams.clone() };
    let records = Records(post.clone());
    let operator = Operator { post: post.clone(), streams: streams.clone(), asking };
    let threads = Threads { post, node, hints: Hints::new(clock), streams, attachments };
    let threads = ThreadServiceServer::new(threads).max_decoding_message_size(MAX_REQUEST_BYTES);
    let carrier = CarrierServiceServer::new(carrier).max_decoding_message_size(MAX_REQUEST_BYTES);
    let records = RecordsServiceServer::new(records).max_decoding_message_size(MAX_REQUEST_BYTES);
    let operator = OperatorServiceServer::new(operator).max_decoding_message_size(MAX_REQUEST_BYTES);
    let routes = Routes::new(gate.around(threads))
        .add_service(gate.around(carrier))
        .add_service(gate.around(records))
        .add_service(gate.around(operator));
    let spec = Spec {
        listener: setup.listener,
        routes,
        services: SERVICES,
        door: Door {
            verifier: setup.verifier,
            callers: callers::CALLERS,
            conversations: &[],
            admission: Admission::new(setup.server.limits, clock),
            calls: setup.telemetry.calls("chat"),
        },
        ready: ready.subscribe(),
        config: setup.server,
        ids,
        meter,
        drain,
    };
    let server = server::serve(spec);
    tokio::pin!(server);
    let served = tokio::select! {
        served = &mut server => served,
        // To the end of the drain: streams that end spread over it need a lease until then.
        () = subscription.run() => server.await,
    };
    store.close().await;
    Ok(served?)
}
