//! `crewline verify`.

use std::io::{IsTerminal, Write};

use chassis::db::DatabaseUrl;
use chat::store::verify::{Verified, verify};

use crate::config::Config;
use crate::error::Error;

/// Compares the chat database of the configuration with its event log, and says what is not as it must be.
pub async fn chat(config: &Config) -> Result<(), Error> {
    let file = config.data_dir.join("chat.db");
    let url = match &config.chat.database_url {
        Some(url) => url.clone(),
        None if file.is_file() => DatabaseUrl::Sqlite(file),
        None => return Err(Error::NoDatabase(file.display().to_string())),
    };
    let shows_progress = std::io::stderr().is_terminal();
    let verified = verify(&url, |so_far| {
        if shows_progress {
            // Nothing depends on it.
            let _shown = write!(std::io::stderr(), "\r{} threads, {} events", so_far.threads, so_far.events);
        }
    })
    .await?;
    if shows_progress {
        eprintln!();
    }
    report(verified)
}

fn report(verified: Verified) -> Result<(), Error> {
    verified.findings.iter().for_each(|finding| println!("{finding}"));
    if !verified.findings.is_empty() {
        return Err(Error::Unsound(verified.findings.len()));
    }
    println!("{} threads with {} events: all that is kept follows from them.", verified.threads, verified.events);
    Ok(())
}
