//! `crewline backup`: a copy of the embedded databases, made while the services run. It counts once it has been checked.

pub mod manifest;
pub mod refusal;
pub mod service;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::data_dir::{assert_whole, sync_folder, write_secret};
use chassis::db::{DatabaseUrl, file};
use chassis::lifecycle::termination;
use clap::Args;
use tokio::time::sleep;

use self::manifest::{ChatCopy, Manifest, PermissionsCopy, Sealed};
use self::refusal::BackupError;
use self::service::{KEYS, Service};
use crate::cli::Role;
use crate::config::Config;
use crate::error::Error;
use crate::progress::Progress;
use crate::verify;

/// What to back up, and where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The directory that will be the backup: it is made, and must not be there yet.
    #[arg(long)]
    to: PathBuf,
    /// Whose database.
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,
    /// Copy the keys of the data directory, too: who reads such a backup can be anybody.
    #[arg(long)]
    with_keys: bool,
}

/// Makes a backup, whole or not at all.
pub async fn take(config: &Config, args: &BackupArgs) -> Result<(), Error> {
    tokio::select! {
        // Listens before anything is made.
        biased;
        interrupted = termination() => {
            interrupted.map_err(Error::Runtime)?;
            Err(BackupError::Interrupted.into())
        }
        taken = copy(config, args) => taken,
    }
}

async fn copy(config: &Config, args: &BackupArgs) -> Result<(), Error> {
    assert_whole(&config.data_dir)?;
    let mut sources = Vec::new();
    for &service in Service::of(args.role) {
        let path = service.database(config)?;
        if !path.is_file() {
            return Err(BackupError::NoDatabase(service.name(), path.display().to_string()).into());
        }
        sources.push((service, path));
    }
    let place = place(&args.to)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".crewline-backup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&place)
        .map_err(BackupError::file(&place))?;
    let folder = unfinished.path();
    let progress = Progress::default();
    let now = prost_types::Timestamp { nanos: 0, ..Clock::system().wall().into() };
    let mut manifest = Manifest::begin(now.to_string());
    for (service, source) in sources {
        copy_database(service, &source, folder, &progress).await?;
        let steps = service.sound(&folder.join(service.file())).await?;
        if steps != service.steps() {
            return Err(BackupError::OtherVersion(service.name()).into());
        }
        match service {
            Service::Chat => manifest.chat = Some(chat_copy(folder, steps, &progress).await?),
            Service::Permissions => manifest.permissions = Some(permissions_copy(folder, steps).await?),
        }
    }
    let keys: Vec<&str> = KEYS.into_iter().filter(|key| config.data_dir.join(key).is_file()).collect();
    if args.with_keys {
        for key in &keys {
            let from = config.data_dir.join(key);
            let copied = fs::read(&from).and_then(|bytes| write_secret(&folder.join(key), &bytes));
            copied.map_err(BackupError::file(&from))?;
            manifest.keys.push(Sealed::of(folder, key)?);
        }
    }
    manifest.write(folder)?;
    seal(folder).map_err(BackupError::file(folder))?;
    // Also where somebody has just made another one there: a rename does not replace what holds something.
    fs::rename(folder, &args.to).map_err(|error| match args.to.exists() {
        true => taken(&args.to),
        false => BackupError::file(&args.to)(error),
    })?;
    let _renamed = unfinished.keep();
    sync_folder(&place).map_err(BackupError::file(&place))?;
    report(&args.to, &manifest, &keys);
    Ok(())
}

/// The directory that the backup will stand in.
fn place(to: &Path) -> Result<PathBuf, BackupError> {
    let holds_something = to.read_dir().map_or_else(|_| to.exists(), |mut entries| entries.next().is_some());
    if holds_something {
        return Err(taken(to));
    }
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if parent.is_dir() { Ok(parent.to_owned()) } else { Err(BackupError::NoPlace(parent.display().to_string())) }
}

fn taken(to: &Path) -> BackupError {
    BackupError::TargetTaken(to.display().to_string())
}

async fn copy_database(service: Service, source: &Path, folder: &Path, progress: &Progress) -> Result<(), BackupError> {
    let target = folder.join(service.file());
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let about = size(source).div_ceil(1_000_000);
    progress.begins(format_args!("copying {}", source.display()));
    let mut copying = pin!(file::copy(source, &target));
    let copied = loop {
        tokio::select! {
            copied = &mut copying => break copied,
            () = sleep(Duration::from_secs(1)) => {
                progress.count(format_args!("{} of about {about} MB", size(&target) / 1_000_000));
            }
        }
    };
    copied.map_err(|error| BackupError::Copy(source.display().to_string(), error))?;
    progress.begins(format_args!("checking the copy"));
    Ok(())
}

async fn chat_copy(folder: &Path, steps: Vec<String>, progress: &Progress) -> Result<ChatCopy, Error> {
    let found = verify::file(&folder.join(Service::Chat.file()), progress).await?;
    let sealed = Sealed::of(folder, Service::Chat.file())?;
    Ok(ChatCopy { sealed, steps, threads: found.threads, events: found.events })
}

async fn permissions_copy(folder: &Path, steps: Vec<String>) -> Result<PermissionsCopy, BackupError> {
    let url = DatabaseUrl::Sqlite(folder.join(Service::Permissions.file()));
    let store = permissions::store::Store::open_to_read(&url, Clock::system()).await?;
    let history = store.history().await?;
    store.close().await;
    let sealed = Sealed::of(folder, Service::Permissions.file())?;
    Ok(PermissionsCopy { sealed, steps, epoch: history.epoch, revision: history.revision })
}

/// Makes everything in the folder durable, and readable by its owner alone.
fn seal(folder: &Path) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        File::open(path)?.sync_all()?;
    }
    sync_folder(folder)
}

fn report(to: &Path, manifest: &Manifest, keys: &[&str]) {
    println!("The backup {} is made, and has been checked:", to.display());
    if let Some(chat) = &manifest.chat {
        println!("  {}: {} threads with {} events", chat.sealed.file, chat.threads, chat.events);
    }
    if let Some(permissions) = &manifest.permissions {
        println!("  {}: revision {} of epoch {}", permissions.sealed.file, permissions.revision, permissions.epoch);
    }
    if !manifest.keys.is_empty() {
        println!("It holds the keys {}: keep it as you keep them. Who reads it can be anybody.", keys.join(", "));
    } else if !keys.is_empty() {
        println!(
            "The keys {} are not in it, for they are secrets: keep a copy of them in another place, or take them along with --with-keys.",
            keys.join(", ")
        );
    }
}
