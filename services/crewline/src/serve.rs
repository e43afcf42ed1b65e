//! Running the services.

use std::net::SocketAddr;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::data_dir::DataDir;
use chassis::ids::Ids;
use chassis::lifecycle::{DRAIN_LIMIT, Drain, termination};
use chassis::telemetry::Telemetry;
use chassis::token::{Grant, Signer, TokenSource};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tonic::transport::Endpoint;

use crate::cli::Role;
use crate::config::Config;
use crate::demo_tenant;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::keys;
use crate::party::Pair;

const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// The permissions service drains so long after the chat service at the latest: its own callers need time, too.
const LAST_DRAINS_AFTER: Duration = Duration::from_secs(DRAIN_LIMIT.as_secs() * 2 / 3);
/// Of the tokens that the chat service makes for itself: a watch lives no longer than its token.
const OWN_TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Services that are bound and not yet running.
pub struct Bound {
    config: Config,
    data_dir: DataDir,
    permissions: Option<TcpListener>,
    chat: Option<TcpListener>,
    /// Where they will listen.
    pub endpoints: Endpoints,
}

/// Runs until SIGTERM or SIGINT, then drains.
pub async fn until_terminated(config: Config, role: Role) -> Result<(), Error> {
    // The processes of one installation are told apart by this.
    let instance = if role == Role::Permissions { "permissions" } else { &config.chat.node };
    let telemetry = Telemetry::start(&config.telemetry, instance)?;
    let show_demo = config.demo_tenant && role == Role::All;
    let bound = bind(config.clone(), role).await?;
    let endpoints = bound.endpoints;
    let drain = Drain::new();
    let services = bound.run(drain.clone(), telemetry.clone());
    let introduction = async {
        // What somebody did to the demo tenant is no reason to end the services.
        if show_demo && let Err(error) = demo_tenant::introduce(&config, endpoints).await {
            tracing::warn!(%error, "the demo tenant cannot be shown; `demo_tenant = false` leaves it out");
        }
        if show_demo
            && config.demo_phone
            && let Err(error) = demo_tenant::answer(&config, endpoints).await
        {
            tracing::warn!(%error, "the demo tenant has no phone any more; `demo_phone = false` leaves it out");
        }
        std::future::pending::<()>().await
    };
    tokio::pin!(services);
    let ended = tokio::select! {
        ended = &mut services => ended,
        () = introduction => Ok(()),
        terminated = termination() => {
            terminated.map_err(Error::Runtime)?;
            tracing::info!("draining");
            drain.begin();
            services.await
        }
    };
    telemetry.end().await;
    ended
}

/// Takes hold of the data directory and of the ports.
pub async fn bind(config: Config, role: Role) -> Result<Bound, Error> {
    let data_dir = DataDir::open(&config.data_dir)?;
    let permissions = match role {
        Role::All | Role::Permissions => Some(listen(&config.permissions.listen).await?),
        Role::Chat => None,
    };
    let chat = match role {
        Role::All | Role::Chat => Some(listen(&config.chat.listen).await?),
        Role::Permissions => None,
    };
    let address = |listener: &Option<TcpListener>| listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let endpoints = Endpoints { permissions: address(&permissions), chat: address(&chat) };
    Ok(Bound { config, data_dir, permissions, chat, endpoints })
}

impl Bound {
    /// Runs the services until they have drained.
    pub async fn run(self, drain: Drain, telemetry: Telemetry) -> Result<(), Error> {
        let clock = Clock::system();
        let ids = Ids::from_os(clock);
        let verifier = keys::verifier(&self.config, clock, &ids)?;
        let server = self.config.server.clone();
        // The chat service's streams need leases to their end: where both services run here, the other one drains after it.
        let last = if self.chat.is_some() { drain.later() } else { drain.clone() };

        let permissions = self.permissions.map(|listener| permissions::Setup {
            listener,
            database: self.config.permissions_database(),
            verifier: verifier.clone(),
            lease_ttl: Duration::from_millis(self.config.permissions.lease_millis),
            clock,
            ids: ids.clone(),
            telemetry: telemetry.clone(),
            server: server.clone(),
            drain: last.clone(),
        });
        let chat = match self.chat {
            None => None,
            Some(listener) => Some(chat::Setup {
                listener,
                database: self.config.chat_database(),
                hash_key: secret(&self.data_dir, "content-hash.key", &ids)?,
                rules: self.config.rules(),
                attachments_key: attachments_key(&self.config, &self.data_dir, &ids)?,
                permissions: permissions_endpoint(&self.config, self.endpoints.permissions)?,
                token: own_token(&self.config, clock, &ids)?,
                node: self.config.chat.node.clone(),
                verifier,
                clock,
                ids,
                telemetry: telemetry.clone(),
                server,
                drain: drain.clone(),
            }),
        };

        self.endpoints.write(&self.config.data_dir).map_err(|error| Error::File("endpoints.json".into(), error))?;
        for (name, address) in [("permissions", self.endpoints.permissions), ("chat", self.endpoints.chat)] {
            if let Some(address) = address {
                tracing::info!(%address, "the {name} service listens");
            }
        }
        let services = async {
            tokio::try_join!(
                async { if let Some(setup) = permissions { permissions::run(setup).await.map_err(Error::from) } else { Ok(()) } },
                async {
                    if let Some(setup) = chat {
                        chat::run(setup).await?;
                        last.begin();
                    }
                    Ok(())
                },
            )
        };
        let chat_is_late = async {
            drain.begun().await;
            sleep(LAST_DRAINS_AFTER).await;
            last.begin();
            std::future::pending::<()>().await;
        };
        // The endpoint has no drain of its own: it ends with the services.
        let ended = tokio::select! {
            ended = services => ended.map(|_| ()),
            () = chat_is_late => Ok(()),
            Err(error) = serve_metrics(&self.config, telemetry) => Err(error),
        };
        Endpoints::remove(&self.config.data_dir);
        ended
    }
}

async fn listen(address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|cause| Error::Listen { address: address.to_owned(), cause })
}

async fn serve_metrics(config: &Config, telemetry: Telemetry) -> Result<(), Error> {
    if config.telemetry.metrics_listen.is_empty() {
        return std::future::pending().await;
    }
    Ok(telemetry.serve(config.telemetry.metrics_listen.clone()).await?)
}

fn secret(data_dir: &DataDir, name: &str, ids: &Ids) -> Result<Vec<u8>, Error> {
    data_dir.secret(name, || ids.bytes::<32>().to_vec()).map_err(|error| Error::File(name.into(), error))
}

fn attachments_key(config: &Config, data_dir: &DataDir, ids: &Ids) -> Result<Vec<u8>, Error> {
    let file = &config.chat.attachments_key_file;
    if file.as_os_str().is_empty() {
        return secret(data_dir, "attachments.key", ids);
    }
    std::fs::read(file).map_err(|error| Error::File(file.display().to_string(), error))
}

fn permissions_endpoint(config: &Config, same_process: Option<SocketAddr>) -> Result<Endpoint, Error> {
    let url = same_process.map_or_else(|| config.chat.permissions_url.clone(), |address| format!("http://{address}"));
    let endpoint = Endpoint::from_shared(url.clone()).map_err(|_| Error::Url(url))?;
    // A peer that is frozen, or behind a cut wire, must be noticed while the view is still fresh.
    let endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE_INTERVAL).keep_alive_timeout(KEEPALIVE_TIMEOUT);
    Ok(endpoint.keep_alive_while_idle(true).connect_timeout(KEEPALIVE_TIMEOUT))
}

fn own_token(config: &Config, clock: Clock, ids: &Ids) -> Result<TokenSource, Error> {
    if !config.chat.access_token_file.as_os_str().is_empty() {
        return Ok(TokenSource::File(config.chat.access_token_file.clone()));
    }
    let signer: Signer = keys::first_signer(config, clock, ids)?;
    let grant = Grant {
        subject: config.chat.node.clone(),
        kind: "service".into(),
        tenants: vec!["*".into()],
        scopes: vec!["enforce".into()],
        lifetime: OWN_TOKEN_LIFETIME,
    };
    Ok(TokenSource::Minted(Box::new(signer), grant))
}

/// A pair in a directory of its own, with ports that the system chooses, that runs until it is dropped.
pub async fn temporary_pair(
    mut config: Config,
    folder: &std::path::Path,
) -> Result<(Pair, tokio::task::JoinHandle<Result<(), Error>>), Error> {
    config.data_dir = folder.to_owned();
    config.permissions.listen = "127.0.0.1:0".into();
    config.chat.listen = "127.0.0.1:0".into();
    let bound = bind(config.clone(), Role::All).await?;
    let endpoints = bound.endpoints;
    let running = tokio::spawn(bound.run(Drain::new(), Telemetry::quiet()?));
    Ok((Pair::new(&config, endpoints).await?, running))
}
