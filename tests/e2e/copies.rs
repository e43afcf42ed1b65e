//! Backups that a test makes, and puts back.

use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use crate::running::{Running, command};

/// Both databases in the data directory, whatever engine the suite runs on.
pub const EMBEDDED: [(&str, &str); 2] = [("CREWLINE_PERMISSIONS__DATABASE_URL", ""), ("CREWLINE_CHAT__DATABASE_URL", "")];

/// A backup in a folder of its own.
pub struct Backup {
    _folder: TempDir,
    pub path: PathBuf,
    /// What was said when it was made.
    pub said: String,
}

/// A pair over embedded databases.
pub async fn embedded_pair() -> Running {
    Running::start("all", &EMBEDDED).await
}

impl Backup {
    /// Of what a process keeps, whether or not it runs.
    pub async fn of(running: &Running, arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("backup");
        let made = backup(running.data_dir(), &path, arguments).await;
        assert!(made.status.success(), "{}", said(&made));
        Self { _folder: folder, path, said: said(&made) }
    }

    /// Puts it into a data directory.
    pub async fn restore(&self, data_dir: &Path, arguments: &[&str]) -> Output {
        restore(&self.path, data_dir, arguments).await
    }

    /// The same, which must succeed: what was said.
    pub async fn restored(&self, data_dir: &Path, arguments: &[&str]) -> String {
        let restored = self.restore(data_dir, arguments).await;
        assert!(restored.status.success(), "{}", said(&restored));
        said(&restored)
    }

    /// A data directory that holds nothing but what is in it.
    pub async fn in_a_new_place(&self) -> TempDir {
        let folder = TempDir::new().expect("a folder");
        self.restored(folder.path(), &[]).await;
        folder
    }
}

pub async fn backup(data_dir: &Path, to: &Path, arguments: &[&str]) -> Output {
    let mut backup = command(data_dir);
    backup.arg("backup").arg("--to").arg(to).args(arguments);
    tokio::process::Command::from(backup).output().await.expect("the binary")
}

pub async fn restore(from: &Path, data_dir: &Path, arguments: &[&str]) -> Output {
    let mut restore = command(data_dir);
    restore.arg("restore").arg("--from").arg(from).args(arguments);
    tokio::process::Command::from(restore).output().await.expect("the binary")
}

/// What a command printed, and then what it told of.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What a command refused to do, and with which words.
pub fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().map(|entries| entries.map(|entry| entry.expect("an entry")).collect::<Vec<_>>());
    let names = entries.unwrap_or_default().into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
