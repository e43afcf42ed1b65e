//! The services, each on a host of its own, started again after each crash with what is on its disk.

use std::net::Ipv4Addr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chassis::admission::Limits;
use chassis::clock::Clock;
use chassis::config::ServerConfig;
use chassis::db::DatabaseUrl;
use chassis::ids::Ids;
use chassis::lifecycle::Drain;
use chassis::net::TcpListener;
use chassis::telemetry::Telemetry;
use chassis::token::{Grant, Issuer, KeyError, Signer, TokenSource};
use chat::rules::Rules;
use chat::store::outbound::HandOut;
use rand::RngCore;
use tokio::time::sleep;
use tonic::transport::Endpoint;
use turmoil::Sim;

use crate::book::Book;
use crate::plan::{Plan, node};

/// The day on which every simulation begins.
const CALENDAR: Duration = Duration::from_secs(1_800_000_000);
/// A token outlives the simulation.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Who supervises a service starts it again after this long.
const RESTART_AFTER: Duration = Duration::from_millis(300);
/// As it is by default.
const LEASE_TTL: Duration = Duration::from_secs(2);
const CONNECTION_AGE_SECONDS: NonZeroU64 = NonZeroU64::new(30 * 60).expect("not zero");
const PERMISSIONS_PORT: u16 = 50051;
const CHAT_PORT: u16 = 50052;

/// Where the permissions service is.
pub const PERMISSIONS: &str = "http://permissions:50051";

/// Where a node is.
pub fn url(node: &str) -> String {
    format!("http://{node}:{CHAT_PORT}")
}

/// What both services are started with.
#[derive(Clone)]
pub struct Hosts {
    /// The seed.
    pub plan: Plan,
    /// The records.
    pub book: Book,
    folder: PathBuf,
}

impl Hosts {
    /// Prepares the disks.
    pub fn new(plan: Plan, book: Book, folder: &Path) -> Result<Self, KeyError> {
        let hosts = Self { plan, book, folder: folder.to_owned() };
        Signer::create_file(&hosts.key(), &Ids::seeded(Clock::system(), hosts.plan.seed))?;
        hosts.renew_tokens(Duration::ZERO)?;
        Ok(hosts)
    }

    /// Gives the nodes the tokens that they show from now on.
    pub fn renew_tokens(&self, now: Duration) -> Result<(), KeyError> {
        let clock = Clock::with_rate(SystemTime::UNIX_EPOCH + CALENDAR + now, 1_000_000);
        for name in (0..self.plan.nodes).map(node) {
            let mut grant = grant(&name, "service", &["enforce"], "*");
            if let Some(lifetime) = self.plan.tokens {
                grant.tenants.push(format!("from-{}", now.as_millis()));
                grant.lifetime = lifetime;
            }
            let (file, token) = (self.token_file(&name), self.signer(clock)?.sign(&grant)?);
            std::fs::write(&file, token).map_err(|error| KeyError::File(file.display().to_string(), error))?;
        }
        Ok(())
    }

    fn token_file(&self, node: &str) -> PathBuf {
        self.folder.join(format!("{node}.token"))
    }

    /// Puts the permissions service on the network.
    pub fn permissions(&self, sim: &mut Sim<'_>) {
        let hosts = self.clone();
        sim.host("permissions", move || {
            let hosts = hosts.clone();
            async move {
                loop {
                    hosts.book.open().starts("permissions", false);
                    if let Err(error) = Box::pin(permissions::run(hosts.permissions_setup().await?)).await {
                        hosts.book.open().note(&format!("the permissions service: {error}"));
                    }
                    sleep(RESTART_AFTER).await;
                }
            }
        });
    }

    /// Puts a node of the chat service on the network.
    pub fn node(&self, sim: &mut Sim<'_>, name: &str) {
        let (hosts, name) = (self.clone(), name.to_owned());
        sim.host(name.clone(), move || {
            let (hosts, name) = (hosts.clone(), name.clone());
            async move {
                loop {
                    hosts.book.open().starts(&name, true);
                    if let Err(error) = Box::pin(chat::run(hosts.chat_setup(&name).await?)).await {
                        hosts.book.open().note(&format!("{name}: {error}"));
                    }
                    sleep(RESTART_AFTER).await;
                }
            }
        });
    }

    async fn permissions_setup(&self) -> Result<permissions::Setup, Box<dyn std::error::Error>> {
        let clock = self.clock("permissions");
        Ok(permissions::Setup {
            listener: TcpListener::bind((Ipv4Addr::UNSPECIFIED, PERMISSIONS_PORT)).await?,
            database: self.database("permissions"),
            verifier: self.signer(clock)?.verifier()?,
            lease_ttl: LEASE_TTL,
            clock,
            ids: self.ids(clock, "permissions"),
            telemetry: Telemetry::quiet()?,
            server: server(),
            drain: Drain::new(),
        })
    }

    async fn chat_setup(&self, name: &str) -> Result<chat::Setup, Box<dyn std::error::Error>> {
        let clock = self.clock(name);
        let signer = self.signer(clock)?;
        let endpoint = Endpoint::from_static(PERMISSIONS);
        // As the binary does it.
        let endpoint = endpoint.http2_keep_alive_interval(Duration::from_secs(1)).keep_alive_timeout(Duration::from_secs(2));
        let endpoint = endpoint.keep_alive_while_idle(true).connect_timeout(Duration::from_secs(2));
        Ok(chat::Setup {
            listener: TcpListener::bind((Ipv4Addr::UNSPECIFIED, CHAT_PORT)).await?,
            database: self.database(name),
            hash_key: vec![1; 32],
            rules: Rules {
                reopen_within: Duration::from_secs(60),
                hand_out: HandOut { lease: Duration::from_secs(30), limit: 8 },
                streams_per_person: 32,
                attachments_url: String::new(),
            },
            attachments_key: vec![2; 32],
            permissions: endpoint,
            token: TokenSource::File(self.token_file(name)),
            node: name.to_owned(),
            verifier: signer.verifier()?,
            clock,
            ids: self.ids(clock, name),
            telemetry: Telemetry::quiet()?,
            server: server(),
            drain: Drain::new(),
        })
    }

    /// A clock that has run at the host's rate since now. What the calendar shows at a start is right.
    fn clock(&self, host: &str) -> Clock {
        Clock::with_rate(SystemTime::UNIX_EPOCH + CALENDAR + elapsed(), self.plan.rate(host))
    }

    /// What a host draws from since now.
    fn ids(&self, clock: Clock, host: &str) -> Ids {
        Ids::seeded(clock, self.plan.dice(&format!("{host} at {:?}", elapsed())).next_u64())
    }

    /// The database of a host.
    pub fn database(&self, host: &str) -> DatabaseUrl {
        DatabaseUrl::Sqlite(self.folder.join(database_file(host)))
    }

    /// Makes the tokens of clients, when the simulation begins.
    pub fn token(&self, subject: &str, kind: &str, scopes: &[&str], tenant: &str) -> Result<String, KeyError> {
        let clock = Clock::with_rate(SystemTime::UNIX_EPOCH + CALENDAR, 1_000_000);
        self.signer(clock)?.sign(&grant(subject, kind, scopes, tenant))
    }

    fn signer(&self, clock: Clock) -> Result<Signer, KeyError> {
        let issuer = Issuer { issuer: "crewline".into(), audience: "crewline".into() };
        Signer::from_file(&self.key(), issuer, clock)
    }

    fn key(&self) -> PathBuf {
        self.folder.join("signing-key.pem")
    }
}

/// The name of the file that a host's database is in.
pub fn database_file(host: &str) -> String {
    format!("{host}.db")
}

/// As it is by default, where it matters.
fn server() -> ServerConfig {
    let many = NonZeroUsize::MAX;
    ServerConfig {
        reflection: false,
        max_connections: many,
        max_connections_per_address: many,
        connection_age_seconds: CONNECTION_AGE_SECONDS,
        limits: Limits::default(),
    }
}

fn grant(subject: &str, kind: &str, scopes: &[&str], tenant: &str) -> Grant {
    Grant {
        subject: subject.to_owned(),
        kind: kind.to_owned(),
        tenants: vec![tenant.to_owned()],
        scopes: scopes.iter().map(ToString::to_string).collect(),
        lifetime: TOKEN_LIFETIME,
    }
}

fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
