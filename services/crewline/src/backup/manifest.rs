//! What a backup says of itself: `manifest.json`, written last. Without it a backup is none.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::refusal::BackupError;
use super::service::{KEYS, Service};

const FILE: &str = "manifest.json";
const FORMAT: u32 = 1;
/// Far more than there is to say.
const MAX_BYTES: u64 = 1 << 20;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Another one when an older binary could not restore it.
    pub format: u32,
    /// When the copies began, in RFC 3339.
    pub made_at: String,
    /// The version of the binary that made it.
    pub crewline: String,
    /// The database of the chat service.
    pub chat: Option<ChatCopy>,
    /// The database of the permissions service.
    pub permissions: Option<PermissionsCopy>,
    /// Keys of the data directory.
    pub keys: Vec<Sealed>,
}

/// A file, and what tells whether it is still the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Its name in the backup.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// A copy of a chat database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatCopy {
    /// The file.
    #[serde(flatten)]
    pub sealed: Sealed,
    /// The steps of its schema.
    pub steps: Vec<String>,
    /// Threads in it.
    pub threads: u64,
    /// Events of all of them.
    pub events: u64,
}

/// A copy of a permissions database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionsCopy {
    /// The file.
    #[serde(flatten)]
    pub sealed: Sealed,
    /// The steps of its schema.
    pub steps: Vec<String>,
    /// Its epoch.
    pub epoch: u64,
    /// Its newest revision.
    pub revision: u64,
}

impl Manifest {
    /// Of a backup that begins now, and holds nothing yet.
    pub fn begin(made_at: String) -> Self {
        let crewline = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, made_at, crewline, chat: None, permissions: None, keys: Vec::new() }
    }

    /// Reads that of the backup in `folder`.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let name = || folder.display().to_string();
        let wrong = |cause: String| BackupError::Manifest(name(), cause);
        let file = File::open(folder.join(FILE)).map_err(|_| BackupError::NoBackup(name()))?;
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        #[derive(Deserialize)]
        struct Maker {
            format: u32,
            crewline: String,
        }
        let maker: Maker = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if maker.format > FORMAT {
            return Err(BackupError::Newer(name(), maker.crewline));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if manifest.keys.iter().any(|key| !KEYS.contains(&key.file.as_str())) {
            return Err(wrong("it names a key that there is not".into()));
        }
        Ok(manifest)
    }

    /// Writes it.
    pub fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(FILE);
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        text.and_then(|text| fs::write(&path, text)).map_err(BackupError::file(&path))
    }

    /// The databases that are in it.
    pub fn services(&self) -> Vec<Service> {
        let (chat, permissions) =
            (self.chat.as_ref().map(|_| Service::Chat), self.permissions.as_ref().map(|_| Service::Permissions));
        chat.into_iter().chain(permissions).collect()
    }

    /// The file and the schema of a service's database, if that is in it.
    pub fn copy_of(&self, service: Service) -> Option<(&Sealed, &[String])> {
        match service {
            Service::Chat => self.chat.as_ref().map(|copy| (&copy.sealed, copy.steps.as_slice())),
            Service::Permissions => self.permissions.as_ref().map(|copy| (&copy.sealed, copy.steps.as_slice())),
        }
    }
}

impl Sealed {
    /// The file `name` in `folder`, as it is now.
    pub fn of(folder: &Path, name: &str) -> Result<Self, BackupError> {
        let path = folder.join(name);
        let (bytes, sha256) = digest(&path).map_err(BackupError::file(&path))?;
        Ok(Self { file: name.to_owned(), bytes, sha256 })
    }

    /// Refuses a file that is not what it was. `name` is what the file must be called.
    pub fn check(&self, folder: &Path, name: &str) -> Result<(), BackupError> {
        let now = folder.join(name).is_file().then(|| Self::of(folder, name)).transpose()?;
        if now.as_ref() == Some(self) { Ok(()) } else { Err(BackupError::Changed(folder.join(name).display().to_string())) }
    }
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut sum = Sha256::new();
    let bytes = io::copy(&mut File::open(path)?, &mut sum)?;
    Ok((bytes, format!("{:x}", sum.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> (tempfile::TempDir, Manifest) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("chat.db"), "a database").expect("written");
        let sealed = Sealed::of(folder.path(), "chat.db").expect("read");
        let mut manifest = Manifest::begin("2026-11-22T18:00:00Z".into());
        manifest.chat = Some(ChatCopy { sealed, steps: vec!["0001_first".into()], threads: 1, events: 2 });
        manifest.write(folder.path()).expect("written");
        (folder, manifest)
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_knows_its_files_again() {
        let (folder, written) = backup();
        let read = Manifest::read(folder.path()).expect("read");
        assert_eq!(read, written);
        assert_eq!(read.services(), [Service::Chat]);
        let (sealed, steps) = read.copy_of(Service::Chat).expect("in it");
        assert_eq!(steps, ["0001_first"]);
        sealed.check(folder.path(), "chat.db").expect("the same");
        for other in ["a databasE", "a databas", ""] {
            fs::write(folder.path().join("chat.db"), other).expect("written");
            assert!(matches!(sealed.check(folder.path(), "chat.db"), Err(BackupError::Changed(_))), "{other}");
        }
        fs::remove_file(folder.path().join("chat.db")).expect("removed");
        assert!(matches!(sealed.check(folder.path(), "chat.db"), Err(BackupError::Changed(_))));
    }

    #[test]
    fn a_manifest_that_is_missing_cut_newer_or_names_other_files_is_refused() {
        let (folder, manifest) = backup();
        let path = folder.path().join(FILE);
        let text = fs::read_to_string(&path).expect("text");
        fs::write(&path, &text[..text.len() / 2]).expect("cut");
        assert!(matches!(Manifest::read(folder.path()), Err(BackupError::Manifest(..))));
        // What else a newer format says, nobody knows.
        fs::write(&path, r#"{"format": 2, "crewline": "9.0.0"}"#).expect("written");
        assert!(matches!(Manifest::read(folder.path()), Err(BackupError::Newer(_, by)) if by == "9.0.0"));
        let key = Sealed { file: "../LOCK".into(), bytes: 0, sha256: String::new() };
        Manifest { keys: vec![key], ..manifest }.write(folder.path()).expect("written");
        assert!(matches!(Manifest::read(folder.path()), Err(BackupError::Manifest(..))));
        fs::remove_file(&path).expect("removed");
        assert!(matches!(Manifest::read(folder.path()), Err(BackupError::NoBackup(_))));
    }
}
