//! The story of the product, played over gRPC by everybody who takes part in it, and checked step by step.

mod calls;
mod inbox;
pub mod office;
mod scenes;
mod stage;
mod watching;

use tempfile::TempDir;

use self::stage::Stage;
use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::party::{CallError, Pair};
use crate::serve;

/// A step that did not see what it had to.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A call failed that had to succeed.
    #[error("{0} — {1}")]
    Call(String, CallError),
    /// Something else happened than had to.
    #[error("{step} — expected {expected}, saw {seen}")]
    Unexpected {
        /// The step.
        step: String,
        /// What had to be seen.
        expected: String,
        /// What was.
        seen: String,
    },
    /// No directory for a pair of its own.
    #[error("no temporary directory: {0}")]
    Folder(#[from] std::io::Error),
}

/// Plays the story against the pair that uses the data directory, or one that is started for it.
pub async fn play(config: Config) -> Result<(), Error> {
    let (pair, _own) = match running(&config).await {
        Some(pair) => {
            println!("Playing against the running pair of {}.\n", config.data_dir.display());
            (pair, None)
        }
        None => {
            let folder = TempDir::new().map_err(Failed::Folder)?;
            println!("No pair runs on {}: starting one in a temporary directory.\n", config.data_dir.display());
            let (pair, running) = serve::temporary_pair(config, folder.path()).await?;
            (pair, Some((folder, running)))
        }
    };
    let mut stage = Stage::new(pair)?;
    scenes::play(&mut stage).await?;
    println!("\nEvery step saw what it had to: {} steps.", stage.steps());
    Ok(())
}

/// The running pair, if it answers.
async fn running(config: &Config) -> Option<Pair> {
    let endpoints = Endpoints::read(&config.data_dir)?;
    for address in [endpoints.permissions?, endpoints.chat?] {
        tokio::net::TcpStream::connect(address).await.ok()?;
    }
    Pair::new(config, endpoints).await.ok()
}
