//! Somebody who calls the two services: a token, and the connections.

use std::ops::Deref;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::token::{Grant, Signer};
pub use crewline_client::fault::reason;
use crewline_client::{Client, Services};
use tonic::Status;

use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::keys;

/// What operators and demos hand out.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
const KEY_WITHIN: Duration = Duration::from_secs(5);

/// Both services, and the key that makes tokens for them.
#[derive(Clone)]
pub struct Pair {
    services: Services,
    signer: Signer,
}

/// A caller: a client with a token. Callers of one pair share its connections.
#[derive(Clone)]
pub struct Party {
    client: Client,
    /// The token, to show it elsewhere.
    pub token: String,
}

/// A call that failed, in a form for people.
#[derive(Debug, thiserror::Error)]
#[error("{:?} {}: {}", .0.code(), reason(.0), .0.message())]
pub struct CallError(#[from] pub Status);

impl Pair {
    /// Connects to a pair that listens at `endpoints`.
    pub async fn new(config: &Config, endpoints: Endpoints) -> Result<Self, Error> {
        let url = |address: Option<std::net::SocketAddr>, configured: &str| {
            address.map_or_else(|| format!("http://{configured}"), |address| format!("http://{address}"))
        };
        let chat = url(endpoints.chat, &config.chat.listen);
        let permissions = url(endpoints.permissions, &config.permissions.listen);
        Ok(Self { services: Services::new(&chat, Some(&permissions))?, signer: wait_for_signer(config).await? })
    }

    /// A person of a tenant.
    pub fn person(&self, kind: &str, person: &str, tenant: &str) -> Result<Party, Error> {
        self.party(kind, person, tenant, &[])
    }

    /// A service with a scope.
    pub fn service(&self, scope: &str, tenant: &str) -> Result<Party, Error> {
        self.party("service", scope, tenant, &[scope])
    }

    fn party(&self, kind: &str, subject: &str, tenant: &str, scopes: &[&str]) -> Result<Party, Error> {
        let token = self.signer.sign(&Grant {
            subject: subject.to_owned(),
            kind: kind.to_owned(),
            tenants: vec![tenant.to_owned()],
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            lifetime: TOKEN_LIFETIME,
        })?;
        Ok(Party { client: Client::new(self.services.clone(), token.as_str()), token })
    }
}

/// The first start of a pair makes the key while others may be looking for it already.
async fn wait_for_signer(config: &Config) -> Result<Signer, Error> {
    let deadline = tokio::time::Instant::now() + KEY_WITHIN;
    loop {
        match keys::signer(config, Clock::system()) {
            Err(_) if tokio::time::Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(20)).await,
            found => return found,
        }
    }
}

impl Deref for Party {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Calls until the services have heard of what was changed before: the chat service learns of it a moment later. Gives the last
/// answer after ten seconds.
pub async fn until_heard<T>(mut call: impl AsyncFnMut() -> Result<T, Status>) -> Result<T, CallError> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(status) if tokio::time::Instant::now() > deadline => return Err(status.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
