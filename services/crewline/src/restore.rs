//! `crewline restore`: puts a backup in the place of the embedded databases, while no process uses them.

mod access;
mod staged;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chassis::clock::Clock;
use chassis::data_dir::{DataDir, sync_folder, write_secret};
use chassis::db::DatabaseUrl;
use chassis::lifecycle::termination;
use clap::Args;
use permissions::store::history::begin_anew;
use tempfile::TempDir;

use self::staged::{Replaced, Staged};
use crate::backup::manifest::{Manifest, Sealed};
use crate::backup::refusal::BackupError;
use crate::backup::service::Service;
use crate::cli::Role;
use crate::config::{Config, LONGEST_LEASE};
use crate::error::Error;
use crate::progress::Progress;

/// What to restore.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A directory that `crewline backup --to` has made.
    #[arg(long, required_unless_present = "bump_epoch")]
    from: Option<PathBuf>,
    /// Whose database; if left out, what the backup holds.
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// Put the backup in the place of what is there, which is kept under another name.
    #[arg(long)]
    replace: bool,
    /// Restore nothing: only print the access that a restore would bring back. Also beside a running process.
    #[arg(long)]
    dry_run: bool,
    /// For a permissions database that was restored by other means, such as `pg_restore`: only make every chat node begin anew with it.
    #[arg(long, conflicts_with_all = ["from", "role", "replace", "dry_run"])]
    bump_epoch: bool,
}

/// Does what was asked, unless it is interrupted before anything is replaced.
pub async fn run(config: &Config, args: &RestoreArgs) -> Result<(), Error> {
    let Some(from) = &args.from else { return bump_epoch(config).await };
    let restoring = async {
        if args.dry_run {
            list_access(config, from, args.role).await
        } else {
            restore(config, from, args.role, args.replace).await
        }
    };
    tokio::select! {
        // Listens before anything is made.
        biased;
        interrupted = termination() => {
            interrupted.map_err(Error::Runtime)?;
            Err(BackupError::Interrupted.into())
        }
        restored = restoring => restored,
    }
}

/// A backup that has been looked at, and which databases of it are wanted, with the files that theirs is or will be.
struct Wanted {
    manifest: Manifest,
    services: Vec<(Service, PathBuf)>,
}

async fn restore(config: &Config, from: &Path, role: Option<Role>, replace: bool) -> Result<(), Error> {
    let progress = Progress::default();
    let Wanted { manifest, services } = look(config, from, role, &progress)?;
    let held = DataDir::open_to_restore(&config.data_dir)?;
    // Else the services would start with that one missing, and make an empty one.
    let left_out = |name: &String| services.iter().all(|(service, _)| service.name() != name);
    if let Some(other) = held.half_restored().into_iter().find(left_out) {
        return Err(BackupError::HalfRestored(other).into());
    }
    let keys = unlike(&manifest.keys, &config.data_dir)?;
    let occupied = services.iter().map(|(_, target)| target.clone()).chain(keys.iter().map(|key| held.file(&key.file)));
    if let Some(occupied) = occupied.into_iter().find(|target| !replace && target.exists()) {
        return Err(BackupError::Occupied(occupied.display().to_string()).into());
    }
    let mut staged = Vec::new();
    for (service, target) in services {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // On the same disk, so that a rename puts it in place.
        let folder = tempfile::Builder::new().prefix(".crewline-restore-").tempdir_in(folder);
        let copy = Staged::copy(from, &manifest, service, folder.map_err(BackupError::file(&target))?, &progress)?;
        copy.check(&manifest, &progress).await?;
        if service == Service::Permissions {
            begin_and_list(&copy, &target, &manifest).await?;
        }
        copy.settle()?;
        staged.push((copy, target));
    }
    let now = Clock::system().wall_micros();
    let replace = || {
        for (copy, target) in &staged {
            put(&copy.path(), target, now)?;
        }
        keys.iter().try_for_each(|key| put_key(&from.join(&key.file), &held.file(&key.file), now))
    };
    let names: Vec<&str> = staged.iter().map(|(copy, _)| copy.service.name()).collect();
    held.restore(&names, replace).map_err(BackupError::HalfWay)?;
    tell_of_missing_keys(config, staged.iter().any(|(copy, _)| copy.service == Service::Chat));
    Ok(())
}

/// Begins another history in the copy of a permissions database, and prints the access that it brings back.
async fn begin_and_list(copy: &Staged, target: &Path, manifest: &Manifest) -> Result<(), Error> {
    let replaced = Replaced::open(target).await;
    copy.begin_anew(replaced.as_ref()).await?;
    let listed = access::list(copy, replaced.as_ref(), manifest).await;
    if let Some(replaced) = replaced {
        replaced.store.close().await;
    }
    listed
}

async fn list_access(config: &Config, from: &Path, role: Option<Role>) -> Result<(), Error> {
    let progress = Progress::default();
    let Wanted { manifest, services } = look(config, from, role, &progress)?;
    let Some((service, target)) = services.into_iter().find(|(service, _)| *service == Service::Permissions) else {
        println!("No permissions database would be restored, so no access would come back.");
        return Ok(());
    };
    let folder = TempDir::new().map_err(BackupError::file(&std::env::temp_dir()))?;
    let copy = Staged::copy(from, &manifest, service, folder, &progress)?;
    copy.check(&manifest, &progress).await?;
    begin_and_list(&copy, &target, &manifest).await
}

/// Makes every node of the chat service begin anew with a permissions database that was restored by other means.
async fn bump_epoch(config: &Config) -> Result<(), Error> {
    let url = config.permissions_database();
    if let DatabaseUrl::Sqlite(file) = &url
        && !file.is_file()
    {
        return Err(BackupError::NoDatabase(Service::Permissions.name(), file.display().to_string()).into());
    }
    // Where there is none, nobody holds it.
    let _held = config.data_dir.is_dir().then(|| DataDir::open(&config.data_dir)).transpose()?;
    let begun = begin_anew(&url, Clock::system(), None, LONGEST_LEASE).await.map_err(BackupError::Unreachable)?;
    println!(
        "The permissions database is at revision {} of epoch {} now: every chat node begins anew with it. The first changes after the start that \
         take access away wait for up to {} seconds.",
        begun.revision,
        begun.epoch,
        begun.lease.as_secs()
    );
    Ok(())
}

/// Looks at a backup as far as that needs nothing but to read it.
fn look(config: &Config, from: &Path, role: Option<Role>, progress: &Progress) -> Result<Wanted, BackupError> {
    let wanted = Service::of(role.unwrap_or(Role::All)).iter().map(|service| service.database(config));
    // With nothing but PostgreSQL there is nothing to look for.
    wanted.reduce(Result::or).transpose()?;
    let manifest = Manifest::read(from)?;
    let name = || from.display().to_string();
    let mut services = Vec::new();
    for service in role.map_or_else(|| manifest.services(), |role| Service::of(role).to_vec()) {
        let (sealed, steps) = manifest.copy_of(service).ok_or_else(|| BackupError::NotInIt(name(), service.name()))?;
        if !service.steps().starts_with(steps) {
            return Err(BackupError::Newer(name(), manifest.crewline.clone()));
        }
        services.push((service, service.database(config)?));
        progress.begins(format_args!("reading {}", from.join(service.file()).display()));
        sealed.check(from, service.file())?;
    }
    for key in &manifest.keys {
        key.check(from, &key.file)?;
    }
    Ok(Wanted { manifest, services })
}

/// The keys of a backup that are not in the data directory as they are.
fn unlike<'a>(keys: &'a [Sealed], data_dir: &Path) -> Result<Vec<&'a Sealed>, BackupError> {
    let mut unlike = Vec::new();
    for key in keys {
        if !data_dir.join(&key.file).exists() || Sealed::of(data_dir, &key.file)? != *key {
            unlike.push(key);
        }
    }
    Ok(unlike)
}

/// Puts a database in its place. What is there goes aside with its write-ahead log, which would be taken for that of the new one.
fn put(from: &Path, target: &Path, now: i64) -> io::Result<()> {
    let aside = aside(target, now);
    for end in ["", "-wal", "-shm"] {
        let with = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
        if with(target).exists() {
            fs::rename(with(target), with(&aside))?;
        }
    }
    fs::rename(from, target)?;
    println!("Restored {}.", target.display());
    if aside.exists() {
        println!("What was there is {} now.", aside.display());
    }
    target.parent().map_or(Ok(()), sync_folder)
}

fn put_key(from: &Path, target: &Path, now: i64) -> io::Result<()> {
    let aside = aside(target, now);
    if target.exists() {
        fs::rename(target, &aside)?;
    }
    write_secret(target, &fs::read(from)?)?;
    println!("Restored {}.", target.display());
    if aside.exists() {
        println!("What was there is {} now.", aside.display());
    }
    Ok(())
}

fn aside(target: &Path, now: i64) -> PathBuf {
    PathBuf::from(format!("{}.replaced-{now}", target.display()))
}

/// Keys that the services would make anew.
fn tell_of_missing_keys(config: &Config, for_chat: bool) {
    let (identity, configured) = (&config.identity, |file: &Path| !file.as_os_str().is_empty());
    let signs = !configured(&identity.signing_key_file) && !configured(&identity.verifying_key_file);
    let needed = [
        ("signing-key.pem", signs, "no token from before is good"),
        ("content-hash.key", for_chat, "a message that is sent again is refused"),
        ("attachments.key", for_chat && !configured(&config.chat.attachments_key_file), "no address of an attachment is good"),
    ];
    for (key, needed, otherwise) in needed {
        let path = config.data_dir.join(key);
        if needed && !path.exists() {
            println!(
                "{} is not there: if you have a copy, put it there before the next start makes another; else {otherwise}.",
                path.display()
            );
        }
    }
}
