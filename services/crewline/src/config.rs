//! The configuration of the process.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chassis::config::{ConfigError, IdentityConfig, Layers, Origin, ServerConfig, Setting, TelemetryConfig, database_url};
use chassis::db::DatabaseUrl;
use chat::rules::Rules;
use chat::store::outbound::HandOut;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

const DEFAULTS: &str = include_str!("config.default.toml");
/// Keys that have no section.
const PLAIN: &[&str] = &["data_dir", "demo_tenant", "demo_phone"];

/// Everything that can be configured; `config.default.toml` says what each value means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // Said in config.default.toml.
pub struct Config {
    pub data_dir: PathBuf,
    pub demo_tenant: bool,
    pub demo_phone: bool,
    pub permissions: PermissionsConfig,
    pub chat: ChatConfig,
    pub identity: IdentityConfig,
    pub telemetry: TelemetryConfig,
    pub server: ServerConfig,
}

/// The section `[permissions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // Said in config.default.toml.
pub struct PermissionsConfig {
    pub listen: String,
    #[serde(deserialize_with = "database_url")]
    pub database_url: Option<DatabaseUrl>,
    #[serde(deserialize_with = "lease_millis")]
    pub lease_millis: u64,
}

/// The section `[chat]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // Said in config.default.toml.
pub struct ChatConfig {
    pub listen: String,
    #[serde(deserialize_with = "database_url")]
    pub database_url: Option<DatabaseUrl>,
    pub permissions_url: String,
    pub access_token_file: PathBuf,
    pub node: String,
    pub reopen_within_days: u32,
    pub outbound_lease_millis: u32,
    pub outbound_hand_outs: u32,
    pub streams_per_person: usize,
    pub attachments_url: String,
    pub attachments_key_file: PathBuf,
}

impl Config {
    /// Reads the configuration; a data directory from the command line wins over all.
    pub fn read(file: Option<&Path>, data_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config: Self = Layers::read(DEFAULTS, file, PLAIN)?.extract()?;
        if let Some(data_dir) = data_dir {
            config.data_dir = data_dir.to_owned();
        }
        Ok(config)
    }

    /// Every value of the same configuration, which must be right, with where it comes from.
    pub fn settings(file: Option<&Path>, data_dir: Option<&Path>) -> Result<Vec<Setting>, ConfigError> {
        let layers = Layers::read(DEFAULTS, file, PLAIN)?;
        layers.extract::<Self>()?;
        let mut settings = layers.settings()?;
        if let Some((data_dir, setting)) = data_dir.zip(settings.iter_mut().find(|setting| setting.key == "data_dir")) {
            setting.value = data_dir.to_string_lossy().into_owned().into();
            setting.origin = Origin::CommandLine;
        }
        Ok(settings)
    }

    /// Where the data of the permissions service are.
    pub fn permissions_database(&self) -> DatabaseUrl {
        let in_data_dir = || DatabaseUrl::Sqlite(self.data_dir.join("permissions.db"));
        self.permissions.database_url.clone().unwrap_or_else(in_data_dir)
    }

    /// Where the data of the chat service are.
    pub fn chat_database(&self) -> DatabaseUrl {
        let in_data_dir = || DatabaseUrl::Sqlite(self.data_dir.join("chat.db"));
        self.chat.database_url.clone().unwrap_or_else(in_data_dir)
    }

    /// How the chat service treats customers' texts, and texts to them.
    pub fn rules(&self) -> Rules {
        let chat = &self.chat;
        Rules {
            reopen_within: Duration::from_secs(u64::from(chat.reopen_within_days) * 24 * 60 * 60),
            hand_out: HandOut {
                lease: Duration::from_millis(u64::from(chat.outbound_lease_millis)),
                limit: chat.outbound_hand_outs.max(1),
            },
            streams_per_person: chat.streams_per_person.max(1),
            attachments_url: chat.attachments_url.clone(),
        }
    }

    /// Where the private key is.
    pub fn signing_key_file(&self) -> PathBuf {
        if self.identity.signing_key_file.as_os_str().is_empty() {
            self.data_dir.join("signing-key.pem")
        } else {
            self.identity.signing_key_file.clone()
        }
    }
}

/// Shorter, renewals would be late; longer, one node that is away would hold every revocation up for minutes.
const LEASE_MILLIS: RangeInclusive<u64> = 200..=60_000;
/// As long as any lease can last.
pub const LONGEST_LEASE: Duration = Duration::from_millis(*LEASE_MILLIS.end());

fn lease_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let millis = u64::deserialize(deserializer)?;
    if LEASE_MILLIS.contains(&millis) {
        return Ok(millis);
    }
    Err(D::Error::custom(format!("{millis} ms is no lease: set permissions.lease_millis to 200 to 60000, 2000 if in doubt")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_and_a_file_overrides_them_key_by_key() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("crewline.toml");
        std::fs::write(&file, "[chat]\nnode = \"west\"\n").expect("written");
        let config = Config::read(Some(&file), None).expect("read");
        assert_eq!((config.chat.node.as_str(), config.chat.listen.as_str()), ("west", "127.0.0.1:50052"));
    }

    #[test]
    fn the_example_configurations_of_deploy_are_good() {
        for name in ["permissions.toml", "chat.toml"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
            Config::read(Some(&path), None).expect(name);
        }
    }

    #[test]
    fn a_lease_that_is_too_short_or_too_long_is_an_error_that_says_what_to_set() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("crewline.toml");
        let read = |millis: &str| {
            std::fs::write(&file, format!("[permissions]\nlease_millis = {millis}\n")).expect("written");
            Config::read(Some(&file), None)
        };
        for good in ["200", "2000", "60000"] {
            assert_eq!(read(good).expect(good).permissions.lease_millis.to_string(), good);
        }
        for bad in ["0", "199", "60001"] {
            let error = read(bad).expect_err(bad).to_string();
            assert!(error.contains("permissions.lease_millis") && error.contains("200 to 60000"), "{error}");
        }
        assert!(read("-1").is_err() && read("\"2s\"").is_err());
    }

    #[test]
    fn a_server_that_nobody_may_connect_to_is_an_error_that_names_the_key() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("crewline.toml");
        for key in ["max_connections", "max_connections_per_address", "connection_age_seconds"] {
            std::fs::write(&file, format!("[server]\n{key} = 0\n")).expect("written");
            let error = Config::read(Some(&file), None).expect_err(key).to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("crewline.toml");
        std::fs::write(&file, "[chat]\nlisten_on = \"127.0.0.1:1\"\n").expect("written");
        let error = Config::read(Some(&file), None).expect_err("refused");
        assert!(error.to_string().contains("listen_on"), "{error}");
    }
}
