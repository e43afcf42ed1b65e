//! Somebody who calls the two services: a token, and the connections.

use std::time::Duration;

use chassis::clock::Clock;
use chassis::token::{Grant, Signer};
use crewline_api::chat::v1::carrier_service_client::CarrierServiceClient;
use crewline_api::chat::v1::thread_service_client::ThreadServiceClient;
use crewline_api::permissions::v1::access_service_client::AccessServiceClient;
use crewline_api::permissions::v1::audit_service_client::AuditServiceClient;
use crewline_api::permissions::v1::directory_service_client::DirectoryServiceClient;
use crewline_api::permissions::v1::dispatch_service_client::DispatchServiceClient;
use crewline_api::permissions::v1::tenant_service_client::TenantServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::keys;

/// What operators and demos hand out.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Both services, and the key that makes tokens for them.
#[derive(Clone)]
pub struct Pair {
    permissions: Channel,
    chat: Channel,
    signer: Signer,
}

/// A caller with a token.
#[derive(Clone)]
pub struct Party {
    pair: Pair,
    /// The token.
    pub token: String,
    bearer: Bearer,
}

/// Puts the token into each call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

type Authorized = InterceptedService<Channel, Bearer>;

/// A call that failed, in a form for people.
#[derive(Debug, thiserror::Error)]
#[error("{:?} {}: {}", .0.code(), reason(.0), .0.message())]
pub struct CallError(#[from] pub Status);

/// The machine-readable reason of a status; empty if it has none.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

impl Pair {
    /// Connects to a pair that listens at `endpoints`.
    pub async fn new(config: &Config, endpoints: Endpoints) -> Result<Self, Error> {
        let connect = |address: Option<std::net::SocketAddr>, configured: &str| {
            let url = address.map_or_else(|| format!("http://{configured}"), |address| format!("http://{address}"));
            Endpoint::from_shared(url.clone())
                .map(|endpoint| endpoint.connect_timeout(CONNECT_WITHIN).connect_lazy())
                .map_err(|_| Error::Url(url))
        };
        Ok(Self {
            permissions: connect(endpoints.permissions, &config.permissions.listen)?,
            chat: connect(endpoints.chat, &config.chat.listen)?,
            signer: wait_for_signer(config).await?,
        })
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
        let bearer = format!("Bearer {token}").parse().map_err(|_| chassis::token::KeyError::Content("the token".into()))?;
        Ok(Party { pair: self.clone(), token, bearer: Bearer(bearer) })
    }
}

/// The first start of a pair makes the key while others may be looking for it already.
async fn wait_for_signer(config: &Config) -> Result<Signer, Error> {
    let deadline = tokio::time::Instant::now() + CONNECT_WITHIN;
    loop {
        match keys::signer(config, Clock::system()) {
            Err(_) if tokio::time::Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(20)).await,
            found => return found,
        }
    }
}

impl Party {
    /// Threads.
    pub fn threads(&self) -> ThreadServiceClient<Authorized> {
        ThreadServiceClient::with_interceptor(self.pair.chat.clone(), self.bearer.clone())
    }

    /// The carrier's side.
    pub fn carrier(&self) -> CarrierServiceClient<Authorized> {
        CarrierServiceClient::with_interceptor(self.pair.chat.clone(), self.bearer.clone())
    }

    /// Checks.
    pub fn access(&self) -> AccessServiceClient<Authorized> {
        AccessServiceClient::with_interceptor(self.pair.permissions.clone(), self.bearer.clone())
    }

    /// Settings, roles and people.
    pub fn directory(&self) -> DirectoryServiceClient<Authorized> {
        DirectoryServiceClient::with_interceptor(self.pair.permissions.clone(), self.bearer.clone())
    }

    /// Jobs and assignments.
    pub fn dispatch(&self) -> DispatchServiceClient<Authorized> {
        DispatchServiceClient::with_interceptor(self.pair.permissions.clone(), self.bearer.clone())
    }

    /// The audit log.
    pub fn audit(&self) -> AuditServiceClient<Authorized> {
        AuditServiceClient::with_interceptor(self.pair.permissions.clone(), self.bearer.clone())
    }

    /// Tenants.
    pub fn tenants(&self) -> TenantServiceClient<Authorized> {
        TenantServiceClient::with_interceptor(self.pair.permissions.clone(), self.bearer.clone())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
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
