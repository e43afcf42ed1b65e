//! The data directory: everything that a process keeps, held by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A data directory that this process holds until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// The directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error(
        "the data directory {0} is in use by another crewline process; stop that one first, or choose another \
         directory with --data-dir"
    )]
    InUse(String),
    /// It cannot be made or opened.
    #[error("the data directory {0} cannot be used: {1}; choose another with --data-dir")]
    Io(String, io::Error),
    /// What is in it was replaced in part.
    #[error(
        "a restore into the data directory {0} did not come to its end; run `crewline restore --replace` again. What was there before is kept in \
         files whose names have `.replaced-` in them"
    )]
    HalfRestored(String),
}

/// There while things are being replaced: names them, one in a line.
const RESTORING: &str = "RESTORING";

impl DataDir {
    /// Makes the directory if need be, readable by its owner alone, and takes hold of it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let held = Self::open_to_restore(path)?;
        assert_whole(path)?;
        Ok(held)
    }

    /// The same, also where a restore was interrupted.
    pub fn open_to_restore(path: &Path) -> Result<Self, DataDirError> {
        let failed = |error| DataDirError::Io(path.display().to_string(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("LOCK")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(path.display().to_string())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// What an interrupted restore had begun to replace.
    pub fn half_restored(&self) -> Vec<String> {
        fs::read_to_string(self.file(RESTORING)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Replaces what goes by these names, which must be done as a whole: until it is, nobody opens the directory but to restore.
    pub fn restore(&self, names: &[&str], replace: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut marker = File::create(self.file(RESTORING))?;
        names.iter().try_for_each(|name| writeln!(marker, "{name}"))?;
        marker.sync_all()?;
        sync_folder(&self.path)?;
        replace()?;
        sync_folder(&self.path)?;
        fs::remove_file(self.file(RESTORING))?;
        sync_folder(&self.path)
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The secret in the file `name`; made by `make` the first time.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
        let path = self.file(name);
        if !path.exists() {
            write_secret(&path, &make())?;
        }
        fs::read(path)
    }
}

/// Refuses a directory whose databases were replaced in part.
pub fn assert_whole(path: &Path) -> Result<(), DataDirError> {
    if path.join(RESTORING).exists() { Err(DataDirError::HalfRestored(path.display().to_string())) } else { Ok(()) }
}

/// Makes the names in a folder outlive a power cut.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(if path.as_os_str().is_empty() { Path::new(".") } else { path })?.sync_all()
}

/// Writes a file that only its owner can read, whole or not at all. An existing one is left as it is.
pub fn write_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    // The name must outlive a power cut, too: without the key nothing that it signed or hashed is worth anything.
    path.parent().map_or(Ok(()), sync_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_holds_a_data_directory() {
        let folder = tempfile::tempdir().expect("folder");
        let held = DataDir::open(folder.path()).expect("free");
        assert!(matches!(DataDir::open(folder.path()), Err(DataDirError::InUse(_))));
        drop(held);
        DataDir::open(folder.path()).expect("free again");
    }

    #[test]
    fn a_directory_whose_restore_was_interrupted_is_opened_to_restore_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let held = DataDir::open(folder.path()).expect("free");
        held.restore(&["chat"], || Err(io::Error::other("cut"))).expect_err("interrupted");
        drop(held);
        assert!(matches!(DataDir::open(folder.path()), Err(DataDirError::HalfRestored(_))));
        let held = DataDir::open_to_restore(folder.path()).expect("to restore");
        assert_eq!(held.half_restored(), ["chat"]);
        held.restore(&["chat"], || Ok(())).expect("restored");
        assert_eq!(held.half_restored(), [""; 0]);
        drop(held);
        DataDir::open(folder.path()).expect("whole again");
    }

    #[test]
    fn a_secret_is_made_once_and_kept() {
        let folder = tempfile::tempdir().expect("folder");
        let held = DataDir::open(folder.path()).expect("free");
        assert_eq!(held.secret("key", || vec![1, 2]).expect("made"), [1, 2]);
        assert_eq!(held.secret("key", || vec![3, 4]).expect("kept"), [1, 2]);
    }
}
