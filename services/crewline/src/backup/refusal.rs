//! Why a backup was not made, or not put back.

use std::io;
use std::path::Path;

use chassis::db::DbError;

/// Nothing was copied, or replaced, unless the text says so.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // The texts say it.
pub enum BackupError {
    #[error(
        "the {0} database is in PostgreSQL, which has tools of its own: copy it with pg_dump while the services run; put it back with pg_restore \
         while they are stopped and, if it is the permissions database, run `crewline restore --bump-epoch` before they start, so that no \
         chat node goes on with what it knew. --role leaves this database out"
    )]
    Postgres(&'static str),
    #[error("there is no {0} database at {1}: name its --data-dir, or leave it out with --role")]
    NoDatabase(&'static str, String),
    #[error("{0} is there already, and a backup overwrites nothing: name a directory with --to that is not there yet")]
    TargetTaken(String),
    #[error("there is no directory {0} to make the backup in: make it first, or name another place with --to")]
    NoPlace(String),
    #[error("{0} cannot be copied: {1}; see that its disk, and that of --to, have room, and try again")]
    Copy(String, DbError),
    #[error(
        "the database {0} is of another version of crewline than this binary: take the backup with the binary that serves it, or start \
         `crewline serve` with this one first"
    )]
    OtherVersion(&'static str),
    #[error("{0} is not sound: {1}; restore the last backup that is, and keep a copy of the database as it is")]
    Damaged(&'static str, String),
    #[error("the permissions database cannot be read: {0}; restore the last backup that can, and keep a copy of it as it is")]
    Permissions(#[from] permissions::error::Error),
    #[error(
        "the permissions database cannot be opened: {0}; see that permissions.database_url names it, and that its server runs"
    )]
    Unreachable(permissions::error::Error),
    #[error("{0}: {1}; see that there is room, and that this user may read and write there")]
    File(String, io::Error),
    #[error("interrupted: nothing was kept of it. Run it again when there is time")]
    Interrupted,
    #[error("there is no whole backup at {0}: name a directory with --from that `crewline backup --to` has made")]
    NoBackup(String),
    #[error("the manifest in {0} cannot be read: {1}; restore another backup")]
    Manifest(String, String),
    #[error("the backup {0} was made by a newer crewline ({1}): restore it with that version")]
    Newer(String, String),
    #[error("{0} is not what the manifest beside it says, so the backup is damaged: restore another one")]
    Changed(String),
    #[error("the backup {0} holds no {1} database: name another one with --from, or restore what it holds with another --role")]
    NotInIt(String, &'static str),
    #[error(
        "{0} is there already: with --replace the backup takes its place, and what is there is kept under another name; or name another \
         --data-dir"
    )]
    Occupied(String),
    #[error(
        "a restore that was interrupted had begun to replace the {0} database, too: restore a backup that holds it, with --replace and the same --role"
    )]
    HalfRestored(String),
    #[error(
        "the backup could not be put in place: {0}. The services do not start as it is: see that there is room and that this user may write \
         there, and run it again with --replace; what was there is kept in files whose names have `.replaced-` in them"
    )]
    HalfWay(io::Error),
}

impl BackupError {
    /// What was done to this file failed.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File(path, error)
    }
}
