//! The services, as far as their databases are copied and put back.

use std::path::{Path, PathBuf};

use chassis::db::DatabaseUrl;
use chassis::db::file::{self, Condition};

use super::refusal::BackupError;
use crate::cli::Role;
use crate::config::Config;

/// Keys that a data directory may hold, by their files: not copied unless that is asked for.
pub const KEYS: [&str; 3] = ["signing-key.pem", "content-hash.key", "attachments.key"];

/// A service with a database of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The chat service.
    Chat,
    /// The permissions service.
    Permissions,
}

impl Service {
    /// Those of a role. Permissions last: the later its copy is made, the less access is in it that was taken away meanwhile.
    pub fn of(role: Role) -> &'static [Self] {
        match role {
            Role::All => &[Self::Chat, Self::Permissions],
            Role::Chat => &[Self::Chat],
            Role::Permissions => &[Self::Permissions],
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Permissions => "permissions",
        }
    }

    /// The file that its database has in a backup.
    pub fn file(self) -> &'static str {
        match self {
            Self::Chat => "chat.db",
            Self::Permissions => "permissions.db",
        }
    }

    /// The file of its database; on PostgreSQL there is none.
    pub fn database(self, config: &Config) -> Result<PathBuf, BackupError> {
        let url = match self {
            Self::Chat => config.chat_database(),
            Self::Permissions => config.permissions_database(),
        };
        match url {
            DatabaseUrl::Sqlite(path) => Ok(path),
            DatabaseUrl::Postgres(_) => Err(BackupError::Postgres(self.name())),
        }
    }

    /// The steps that lead to the schema that this binary uses.
    pub fn steps(self) -> Vec<String> {
        match self {
            Self::Chat => file::steps::<chat::store::migrations::Migrations>(),
            Self::Permissions => file::steps::<permissions::store::migrations::Migrations>(),
        }
    }

    /// The steps of the schema in `path`, in which every page and every reference must be sound.
    pub async fn sound(self, path: &Path) -> Result<Vec<String>, BackupError> {
        let Condition { damages, steps } =
            file::condition(path).await.map_err(|error| BackupError::Damaged(self.file(), error.to_string()))?;
        match damages.into_iter().next() {
            Some(damage) => Err(BackupError::Damaged(self.file(), damage)),
            None => Ok(steps),
        }
    }
}
