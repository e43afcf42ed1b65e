//! Configuration: defaults that are written out in a file of the binary, then a file, then the environment
//! (`CREWLINE_CHAT__LISTEN` is `listen` in the section `chat`). An unknown key is an error.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Toml};
use figment::value::Dict;
pub use figment::value::Value;
use figment::{Figment, Profile, Provider, Source};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use crate::admission::Limits;
use crate::db::DatabaseUrl;

/// What the names of variables begin with.
const PREFIX: &str = "CREWLINE_";

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
    #[error("there is no configuration file {0}: name one that is there with --config, or leave it out to have the defaults")]
    Missing(String),
    /// A value is missing or wrong.
    #[error(
        "the configuration is wrong: {0}; set it right there. `crewline config` without it prints every key with its default"
    )]
    Wrong(#[from] Box<figment::Error>),
}

/// The defaults, and what a file and the environment put over them.
#[derive(Debug)]
pub struct Layers(Figment);

/// One value of the configuration as it counts, and where it comes from.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The section, as in `server.limits`; empty for what stands before the first.
    pub section: String,
    /// The key in it.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file.
    File(PathBuf),
    /// The variable of the environment with this name.
    Environment(String),
    /// The command line.
    CommandLine,
}

impl Layers {
    /// Reads them. Of the environment only `CREWLINE_<SECTION>__<KEY>` and the `plain` keys count: other variables with that prefix
    /// belong to others.
    pub fn read(defaults: &str, file: Option<&Path>, plain: &'static [&'static str]) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Toml::string(defaults));
        if let Some(path) = file {
            if !path.is_file() {
                return Err(ConfigError::Missing(path.display().to_string()));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        let environment = Env::prefixed(PREFIX)
            .filter(|key| key.as_str().contains("__") || plain.iter().any(|plain| key.as_str().eq_ignore_ascii_case(plain)))
            .split("__");
        Ok(Self(figment.merge(environment)))
    }

    /// The configuration `C`.
    pub fn extract<C: DeserializeOwned>(&self) -> Result<C, ConfigError> {
        Ok(self.0.extract().map_err(Box::new)?)
    }

    /// Every value, in the order of its section and key; what has no section first.
    pub fn settings(&self) -> Result<Vec<Setting>, ConfigError> {
        let all = self.0.data().map_err(Box::new)?.remove(&Profile::Default).unwrap_or_default();
        Ok(self.settings_in("", all))
    }

    fn settings_in(&self, section: &str, values: Dict) -> Vec<Setting> {
        let (mut here, mut below) = (Vec::new(), Vec::new());
        for (name, value) in values {
            match value {
                Value::Dict(_, values) if section.is_empty() => below.extend(self.settings_in(&name, values)),
                Value::Dict(_, values) => below.extend(self.settings_in(&format!("{section}.{name}"), values)),
                value => here.push(self.setting(section, name, value)),
            }
        }
        here.append(&mut below);
        here
    }

    fn setting(&self, section: &str, key: String, value: Value) -> Setting {
        let layer = self.0.get_metadata(value.tag());
        let origin = match layer.and_then(|layer| layer.source.as_ref()) {
            Some(Source::File(path)) => Origin::File(path.clone()),
            _ if layer.is_some_and(|layer| layer.name.contains("environment")) => {
                let section = if section.is_empty() { String::new() } else { format!("{section}.") };
                Origin::Environment(format!("{PREFIX}{}{key}", section.replace('.', "__")).to_uppercase())
            }
            _ => Origin::Default,
        };
        Setting { section: section.to_owned(), key, value, origin }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::Environment(name) => write!(formatter, "environment variable {name}"),
            Self::CommandLine => formatter.write_str("command line"),
        }
    }
}

/// Reads the URL of a database; none if it is empty.
pub fn database_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DatabaseUrl>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
}
