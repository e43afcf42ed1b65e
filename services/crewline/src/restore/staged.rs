//! A copy of a backed-up database beside its place, and the database that it is going to replace.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chassis::clock::Clock;
use chassis::db::{DatabaseUrl, Db, DbError, file};
use permissions::error::Error as PermissionsError;
use permissions::store::Store;
use permissions::store::history::{History, begin_anew};
use tempfile::TempDir;

use crate::backup::manifest::Manifest;
use crate::backup::refusal::BackupError;
use crate::backup::service::Service;
use crate::config::LONGEST_LEASE;
use crate::error::Error;
use crate::progress::Progress;
use crate::verify;

/// A copy that is made ready where nobody looks for it. It is removed unless it is put in place.
pub(super) struct Staged {
    pub service: Service,
    folder: TempDir,
}

/// The permissions database that is going to be replaced, as far as it can be read.
pub(super) struct Replaced {
    pub store: Store,
    pub history: History,
}

impl Staged {
    /// Copies a database of the backup into `folder`.
    pub fn copy(
        from: &Path,
        manifest: &Manifest,
        service: Service,
        folder: TempDir,
        progress: &Progress,
    ) -> Result<Self, BackupError> {
        let source = from.join(service.file());
        progress.begins(format_args!("copying {}", source.display()));
        fs::copy(&source, folder.path().join(service.file())).map_err(BackupError::file(&source))?;
        let (sealed, _) = manifest.copy_of(service).ok_or_else(|| BackupError::Changed(source.display().to_string()))?;
        sealed.check(folder.path(), service.file())?;
        Ok(Self { service, folder })
    }

    /// Refuses what is not sound, and brings the schema up to date.
    pub async fn check(&self, manifest: &Manifest, progress: &Progress) -> Result<(), Error> {
        progress.begins(format_args!("checking the copy"));
        let changed = || BackupError::Changed(self.path().display().to_string());
        let (_, steps) = manifest.copy_of(self.service).ok_or_else(changed)?;
        if self.service.sound(&self.path()).await? != steps {
            return Err(changed().into());
        }
        if self.service == Service::Chat {
            self.migrate_chat().await.map_err(|error| BackupError::Damaged(self.service.file(), error.to_string()))?;
            let found = verify::file(&self.path(), progress).await?;
            if manifest.chat.as_ref().is_none_or(|copy| (copy.threads, copy.events) != (found.threads, found.events)) {
                return Err(changed().into());
            }
        }
        Ok(())
    }

    async fn migrate_chat(&self) -> Result<(), DbError> {
        Db::open::<chat::store::migrations::Migrations>(&self.url()).await?.close().await;
        Ok(())
    }

    /// Begins another history in a permissions database.
    pub async fn begin_anew(&self, replaced: Option<&Replaced>) -> Result<History, BackupError> {
        Ok(begin_anew(&self.url(), Clock::system(), replaced.map(|replaced| replaced.history), LONGEST_LEASE).await?)
    }

    /// Makes it durable.
    pub fn settle(&self) -> Result<(), BackupError> {
        File::open(self.path()).and_then(|file| file.sync_all()).map_err(BackupError::file(&self.path()))
    }

    /// The database.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(self.service.file())
    }

    /// The same.
    pub fn url(&self) -> DatabaseUrl {
        DatabaseUrl::Sqlite(self.path())
    }
}

impl Replaced {
    /// Looks at the database in `path`. That it cannot be read may be why it is replaced; the reason is told.
    pub async fn open(path: &Path) -> Option<Self> {
        if !path.is_file() {
            return None;
        }
        match Self::read(path).await {
            Ok(found) => Some(found),
            Err(error) => {
                eprintln!("{} cannot be read: {error}", path.display());
                None
            }
        }
    }

    async fn read(path: &Path) -> Result<Self, PermissionsError> {
        if file::steps_of(path).await? != Service::Permissions.steps() {
            return Err(DbError::Unexpected("it is of another version of crewline".into()).into());
        }
        let store = Store::open_to_read(&DatabaseUrl::Sqlite(path.to_owned()), Clock::system()).await?;
        let history = store.history().await?;
        Ok(Self { store, history })
    }
}
