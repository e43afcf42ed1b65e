//! Tokens of every kind, good and bad, and connections to show them on.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::running::Running;

/// What a token says.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    pub kind: &'a str,
    pub subject: &'a str,
    pub tenants: &'a [&'a str],
    pub scopes: &'a [&'a str],
    pub audience: &'a str,
    /// Seconds from now to the end; negative for one that has run out.
    pub expires_in: i64,
}

/// Makes tokens with the key of a running process.
pub struct Mint {
    key: EncodingKey,
    pub permissions: Channel,
    pub chat: Channel,
}

impl<'a> Claims<'a> {
    pub fn person(kind: &'a str, subject: &'a str, tenants: &'a [&'a str]) -> Self {
        Self { kind, subject, tenants, scopes: &[], audience: "crewline", expires_in: 600 }
    }

    pub fn service(scopes: &'a [&'a str], tenants: &'a [&'a str]) -> Self {
        Self { scopes, ..Self::person("service", "sam", tenants) }
    }
}

impl Mint {
    pub fn of(running: &Running) -> Self {
        let pem = std::fs::read(running.data_dir().join("signing-key.pem")).expect("the key");
        let connect = |address: Option<std::net::SocketAddr>| {
            // Where a service does not run, nobody listens.
            let url = address.map_or_else(|| "http://127.0.0.1:9".to_owned(), |address| format!("http://{address}"));
            Endpoint::from_shared(url).expect("a url").connect_lazy()
        };
        Self {
            key: EncodingKey::from_ed_pem(&pem).expect("an Ed25519 key"),
            permissions: connect(running.endpoints.permissions),
            chat: connect(running.endpoints.chat),
        }
    }

    pub fn token(&self, claims: Claims) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let issued = now - Duration::from_secs(3600);
        let claims = json!({
            "iss": "crewline",
            "aud": claims.audience,
            "sub": claims.subject,
            "kind": claims.kind,
            "tenants": claims.tenants,
            "scopes": claims.scopes,
            "iat": issued.as_secs(),
            "nbf": issued.as_secs(),
            "exp": now.as_secs().saturating_add_signed(claims.expires_in),
        });
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key).expect("signed")
    }
}

/// A request that shows this token.
pub fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("ascii"));
    request
}

/// A request that shows this token and names this tenant.
pub fn for_tenant<T>(token: &str, tenant: &str, message: T) -> Request<T> {
    let mut request = with_token(token, message);
    request.metadata_mut().insert("x-crewline-tenant", tenant.parse().expect("ascii"));
    request
}
