//! `crewline verify`.

use std::path::Path;

use chassis::db::DatabaseUrl;
use chat::store::verify::{Verified, verify};

use crate::config::Config;
use crate::error::Error;
use crate::progress::Progress;

/// Compares the chat database of the configuration with its event log, and says what is not as it must be.
pub async fn chat(config: &Config) -> Result<(), Error> {
    let url = config.chat_database();
    if let DatabaseUrl::Sqlite(file) = &url
        && !file.is_file()
    {
        return Err(Error::NoDatabase(file.display().to_string()));
    }
    let verified = sound(&url, &Progress::default()).await?;
    println!("{} threads with {} events: all that is kept follows from them.", verified.threads, verified.events);
    Ok(())
}

/// The same for the chat database in a file.
pub async fn file(path: &Path, progress: &Progress) -> Result<Verified, Error> {
    sound(&DatabaseUrl::Sqlite(path.to_owned()), progress).await
}

async fn sound(url: &DatabaseUrl, progress: &Progress) -> Result<Verified, Error> {
    let verified =
        verify(url, |so_far| progress.count(format_args!("{} threads, {} events", so_far.threads, so_far.events))).await?;
    progress.counted();
    verified.findings.iter().for_each(|finding| println!("{finding}"));
    if verified.findings.is_empty() { Ok(verified) } else { Err(Error::Unsound(verified.findings.len())) }
}
