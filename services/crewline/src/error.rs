//! What can go wrong on the command line. Every text says what to do next.

use std::io;

/// The process could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The texts say it.
pub enum Error {
    #[error(transparent)]
    Config(#[from] chassis::config::ConfigError),
    #[error(transparent)]
    DataDir(#[from] chassis::data_dir::DataDirError),
    #[error(transparent)]
    Telemetry(#[from] chassis::telemetry::TelemetryError),
    #[error(transparent)]
    Key(#[from] chassis::token::KeyError),
    #[error("cannot listen on {address}: {cause}; set `listen` in the configuration, or stop who holds the port")]
    Listen { address: String, cause: io::Error },
    #[error("chat.permissions_url is not a URL such as http://127.0.0.1:50051: {0}")]
    Url(String),
    #[error(transparent)]
    Permissions(#[from] permissions::RunError),
    #[error("{0}; set it right in the configuration")]
    Services(#[from] crewline_client::services::NotAUrl),
    #[error(transparent)]
    Backup(#[from] crate::backup::refusal::BackupError),
    #[error(transparent)]
    Chat(#[from] chat::RunError),
    #[error("{0}: {1}; see that it is there, that there is room, and that this user may use it")]
    File(String, io::Error),
    #[error("the system does not give what a process needs: {0}; see its limits (ulimit -a), and try again")]
    Runtime(io::Error),
    #[error("--ttl must be a number with s, m or h, such as 12h")]
    Ttl,
    #[error("the demo tenant could not be made: {0}")]
    DemoTenant(Box<crate::party::CallError>),
    #[error("there is no signing key at {0}: start `crewline serve` first, or name its --data-dir")]
    NoKey(String),
    #[error("the simulated phone stopped: {0}; is --tenant right, and does `crewline serve` run with this --data-dir?")]
    Phone(#[from] crate::party::CallError),
    #[error("there is no chat database to verify at {0}: name its --data-dir, or set chat.database_url in the configuration")]
    NoDatabase(String),
    #[error(
        "the chat database cannot be read: {0}; see that its server runs, and start `crewline serve` once if another version has made it: that \
         brings it up to date"
    )]
    Verify(#[from] chat::error::Error),
    #[error(
        "{0} of what is in the chat database does not follow from its events: keep a copy of it as it is, restore the last backup \
         that verifies, and report the lines above"
    )]
    Unsound(usize),
    #[error("the demo stopped: {0}; with a --data-dir that nothing runs on it plays against a pair of its own")]
    Demo(#[from] crate::demo::Failed),
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn every_text_says_what_to_do_next() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let missing = Config::read(Some(Path::new("/nowhere/crewline.toml")), None).expect_err("missing");
        let key = chassis::token::KeyError::File("signing-key.pem".into(), denied());
        let content = chassis::token::KeyError::Content("signing-key.pem".into());
        let store = || chassis::db::DbError::Unavailable("unable to open database file".into());
        let metrics = chassis::telemetry::TelemetryError::Listen("127.0.0.1:80".into(), denied());
        let table: [(Error, &str); 16] = [
            (missing.into(), "--config"),
            (chassis::data_dir::DataDirError::InUse("data".into()).into(), "--data-dir"),
            (chassis::data_dir::DataDirError::HalfRestored("data".into()).into(), "restore --replace"),
            (key.into(), "see that"),
            (content.into(), "crewline keygen"),
            (metrics.into(), "set another address"),
            (Error::Listen { address: "127.0.0.1:80".into(), cause: denied() }, "set `listen`"),
            (Error::Url("permissions".into()), "http://127.0.0.1:50051"),
            (permissions::RunError::Store(store().into()).into(), "see that"),
            (chat::RunError::Store(store()).into(), "see that"),
            (Error::File("endpoints.json".into(), denied()), "see that"),
            (Error::Runtime(denied()), "ulimit"),
            (Error::NoKey("data/signing-key.pem".into()), "crewline serve"),
            (Error::NoDatabase("data/chat.db".into()), "--data-dir"),
            (Error::Verify(chat::error::Error::Db(store())), "see that"),
            (Error::Unsound(2), "keep a copy"),
        ];
        for (error, advice) in table {
            assert!(error.to_string().contains(advice), "{error}");
        }
    }
}
