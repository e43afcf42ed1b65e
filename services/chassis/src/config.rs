//! Configuration: defaults that are written out in a file of the binary, then a file, then the environment
//! (`CREWLINE_CHAT__LISTEN` is `listen` in the section `chat`). An unknown key is an error.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::admission::Limits;
use crate::db::DatabaseUrl;

/// Who may issue tokens, and the keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The `iss` of every token.
    pub issuer: String,
    /// The `aud` of every token.
    pub audience: String,
    /// The private key; empty for `signing-key.pem` in the data directory, which the first start makes.
    pub signing_key_file: PathBuf,
    /// The public key, for a process that only checks tokens; empty to take it from the private key.
    pub verifying_key_file: PathBuf,
}

/// What the process tells of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are, as in `info,chat=debug`.
    pub log_filter: String,
    /// The address of the Prometheus endpoint; empty for none.
    pub metrics_listen: String,
    /// The URL of a collector of OTLP over gRPC; empty for none.
    pub otlp_endpoint: String,
    /// The part of the traces that begin here which is taken, from 0 to 1.
    pub otlp_trace_ratio: f64,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// How each service serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Whether it describes its API to anybody who asks.
    pub reflection: bool,
    /// Connections in all.
    pub max_connections: NonZeroUsize,
    /// Connections from one address.
    pub max_connections_per_address: NonZeroUsize,
    /// The age at which a connection is asked to leave, less a random tenth.
    pub connection_age_seconds: NonZeroU64,
    /// How often who may call.
    pub limits: Limits,
}

/// The configuration is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration file {0}")]
    Missing(String),
    /// A value is missing or wrong.
    #[error("the configuration is wrong: {0}")]
    Wrong(#[from] Box<figment::Error>),
}

/// Reads the configuration `C`. Of the environment only `CREWLINE_<SECTION>__<KEY>` and the `plain` keys count: other variables with
/// that prefix belong to others.
pub fn load<C: DeserializeOwned>(defaults: &str, file: Option<&Path>, plain: &'static [&'static str]) -> Result<C, ConfigError> {
    let mut figment = Figment::from(Toml::string(defaults));
    if let Some(path) = file {
        if !path.is_file() {
            return Err(ConfigError::Missing(path.display().to_string()));
        }
        figment = figment.merge(Toml::file_exact(path));
    }
    let environment = Env::prefixed("CREWLINE_")
        .filter(|key| key.as_str().contains("__") || plain.iter().any(|plain| key.as_str().eq_ignore_ascii_case(plain)))
        .split("__");
    Ok(figment.merge(environment).extract().map_err(Box::new)?)
}

/// Reads the URL of a database; none if it is empty.
pub fn database_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DatabaseUrl>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
}
