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
    #[error(transparent)]
    Services(#[from] crewline_client::services::NotAUrl),
    #[error(transparent)]
    Chat(#[from] chat::RunError),
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error("the runtime: {0}")]
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
    #[error("the chat database cannot be read: {0}")]
    Verify(#[from] chat::error::Error),
    #[error(
        "{0} of what is in the chat database does not follow from its events: keep a copy of it as it is, restore the last backup \
         that verifies, and report the lines above"
    )]
    Unsound(usize),
    #[error("the demo stopped: {0}")]
    Demo(#[from] crate::demo::Failed),
}
