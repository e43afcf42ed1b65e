//! Tokens: JWTs signed with Ed25519. The algorithm is pinned, issuer and audience are checked, times are checked by the
//! clock of the chassis.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crewline_api::errors::v1::ErrorReason;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::data_dir::write_secret;
use crate::identity::Identity;
use crate::ids::Ids;
use crate::refusal::Refusal;

/// How far the clocks of issuer and service may be apart.
const LEEWAY: Duration = Duration::from_secs(5);
/// Longer tokens are not even decoded.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Who issues tokens, and for whom.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The `iss` that a token must carry.
    pub issuer: String,
    /// The `aud` that a token must carry.
    pub audience: String,
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who: the `sub`.
    pub subject: String,
    /// The kind of caller.
    pub kind: String,
    /// The tenants; `*` for all.
    pub tenants: Vec<String>,
    /// The scopes of a service.
    pub scopes: Vec<String>,
    /// How long the token is good.
    pub lifetime: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    kind: String,
    tenants: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    iat: u64,
    #[serde(default)]
    nbf: u64,
    exp: u64,
}

/// A key that could not be read, made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file.
    #[error("key file {0}: {1}; see that it is there and that this user may use it, or name another in the configuration")]
    File(String, std::io::Error),
    /// Its content.
    #[error(
        "{0} holds no Ed25519 key in PEM form (PKCS#8, or SubjectPublicKeyInfo for a public key); name one that does in [identity], or make one with \
         `crewline keygen`"
    )]
    Content(String),
    /// The use.
    #[error("the token could not be signed: {0}; make another key with `crewline keygen`")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Where a process takes the token from that it shows to another service.
#[derive(Clone)]
pub enum TokenSource {
    /// A file, read anew each time: who issues the token replaces it before it runs out.
    File(PathBuf),
    /// Made for each use.
    Minted(Box<Signer>, Grant),
}

impl TokenSource {
    /// A token that is good now.
    pub fn token(&self) -> Result<String, KeyError> {
        match self {
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => Err(KeyError::File(path.display().to_string(), error)),
            },
            Self::Minted(signer, grant) => signer.sign(grant),
        }
    }
}

/// Makes tokens.
#[derive(Clone)]
pub struct Signer {
    issuer: Issuer,
    key: EncodingKey,
    public_pem: String,
    clock: Clock,
}

/// Checks tokens.
#[derive(Clone)]
pub struct Verifier {
    validation: Validation,
    key: DecodingKey,
    clock: Clock,
}

impl Signer {
    /// Reads the private key.
    pub fn from_file(path: &Path, issuer: Issuer, clock: Clock) -> Result<Self, KeyError> {
        let name = path.display().to_string();
        let pem = std::fs::read_to_string(path).map_err(|error| KeyError::File(name.clone(), error))?;
        let signing = SigningKey::from_pkcs8_pem(&pem).map_err(|_| KeyError::Content(name.clone()))?;
        let public_pem =
            signing.verifying_key().to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Content(name.clone()))?;
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::Content(name))?;
        Ok(Self { issuer, key, public_pem, clock })
    }

    /// Makes a private key at `path`, readable by its owner alone. An existing file is left as it is.
    pub fn create_file(path: &Path, ids: &Ids) -> Result<(), KeyError> {
        let name = path.display().to_string();
        let signing = SigningKey::from_bytes(&ids.bytes());
        let pem = signing.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Content(name.clone()))?;
        write_secret(path, pem.as_bytes()).map_err(|error| KeyError::File(name, error))
    }

    /// The public key, for those who only check.
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The verifier of this signer's tokens.
    pub fn verifier(&self) -> Result<Verifier, KeyError> {
        Verifier::from_pem("the signing key", &self.public_pem, &self.issuer, self.clock)
    }

    /// Makes a token.
    pub fn sign(&self, grant: &Grant) -> Result<String, KeyError> {
        let now = unix_seconds(self.clock.wall());
        let claims = Claims {
            iss: self.issuer.issuer.clone(),
            aud: self.issuer.audience.clone(),
            sub: grant.subject.clone(),
            kind: grant.kind.clone(),
            tenants: grant.tenants.clone(),
            scopes: grant.scopes.clone(),
            iat: now,
            nbf: now,
            exp: now + grant.lifetime.as_secs(),
        };
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)?)
    }
}

impl Verifier {
    /// Reads the public key.
    pub fn from_file(path: &Path, issuer: &Issuer, clock: Clock) -> Result<Self, KeyError> {
        let name = path.display().to_string();
        let pem = std::fs::read_to_string(path).map_err(|error| KeyError::File(name.clone(), error))?;
        Self::from_pem(&name, &pem, issuer, clock)
    }

    fn from_pem(name: &str, pem: &str, issuer: &Issuer, clock: Clock) -> Result<Self, KeyError> {
        let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::Content(name.to_owned()))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&issuer.issuer]);
        validation.set_audience(&[&issuer.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library reads the system's clock; expiry is judged below by the chassis's.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self { validation, key, clock })
    }

    /// Who presents this token.
    pub fn verify(&self, token: &str) -> Result<Identity, Refusal> {
        let invalid = || Refusal::new(ErrorReason::TokenInvalid, "the token is not one that this service trusts");
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid());
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).map_err(|_| invalid())?.claims;
        let now = unix_seconds(self.clock.wall());
        if claims.sub.is_empty() || claims.tenants.is_empty() || claims.nbf > now + LEEWAY.as_secs() {
            return Err(invalid());
        }
        let expires_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp)).ok_or_else(invalid)?;
        if claims.exp.saturating_add(LEEWAY.as_secs()) <= now {
            return Err(Refusal::new(ErrorReason::TokenExpired, "the token has run out"));
        }
        Ok(Identity { subject: claims.sub, kind: claims.kind, scopes: claims.scopes, tenants: claims.tenants, expires_at })
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(audience: &str) -> Signer {
        let clock = Clock::system();
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key.pem");
        Signer::create_file(&path, &Ids::from_os(clock)).expect("made");
        let issuer = Issuer { issuer: "crewline".into(), audience: audience.into() };
        Signer::from_file(&path, issuer, clock).expect("read")
    }

    fn grant(lifetime: u64) -> Grant {
        Grant {
            subject: "tina".into(),
            kind: "technician".into(),
            tenants: vec!["acme".into()],
            scopes: vec![],
            lifetime: Duration::from_secs(lifetime),
        }
    }

    #[test]
    fn a_token_says_who_it_was_made_for() {
        let signer = signer("crewline");
        let token = signer.sign(&grant(60)).expect("signed");
        let identity = signer.verifier().expect("verifier").verify(&token).expect("trusted");
        assert_eq!((identity.subject.as_str(), identity.kind.as_str()), ("tina", "technician"));
        assert_eq!(identity.tenants, ["acme"]);
    }

    #[test]
    fn a_token_of_another_key_or_audience_or_algorithm_is_refused() {
        let signer = signer("crewline");
        let verifier = signer.verifier().expect("verifier");
        let foreign_key = self::signer("crewline").sign(&grant(60)).expect("signed");
        let mut other_audience = signer.clone();
        other_audience.issuer.audience = "billing".into();
        let other_audience = other_audience.sign(&grant(60)).expect("signed");
        let payload = signer.sign(&grant(60)).expect("signed").split('.').nth(1).expect("payload").to_owned();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        for token in [foreign_key.as_str(), &other_audience, &unsigned, "", "a.b.c"] {
            assert_eq!(verifier.verify(token).expect_err("refused").reason(), ErrorReason::TokenInvalid);
        }
    }

    #[test]
    fn a_token_that_has_run_out_is_told_so() {
        let signer = signer("crewline");
        let claims = Claims {
            iss: "crewline".into(),
            aud: "crewline".into(),
            sub: "tina".into(),
            kind: "technician".into(),
            tenants: vec!["acme".into()],
            scopes: vec![],
            iat: 1,
            nbf: 1,
            exp: unix_seconds(signer.clock.wall()) - 60,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &signer.key).expect("signed");
        let refusal = signer.verifier().expect("verifier").verify(&token).expect_err("refused");
        assert_eq!(refusal.reason(), ErrorReason::TokenExpired);
    }
}
