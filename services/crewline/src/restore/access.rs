//! What access a restore brings back, line by line.

use chassis::clock::Clock;
use permissions::brought_back::brought_back;
use permissions::error::Error as PermissionsError;
use permissions::store::Store;

use super::staged::{Replaced, Staged};
use crate::backup::manifest::Manifest;
use crate::backup::refusal::BackupError;
use crate::error::Error;

/// Prints what had been taken away since the backup, and is there again.
pub(super) async fn list(restored: &Staged, replaced: Option<&Replaced>, manifest: &Manifest) -> Result<(), Error> {
    let Some(replaced) = replaced else {
        println!(
            "There is no permissions database to compare the backup with. All access that was taken away since {} is there again: take it away once \
             more, as below.",
            manifest.made_at
        );
        advise();
        return Ok(());
    };
    let store = Store::open_to_read(&restored.url(), Clock::system()).await.map_err(BackupError::from)?;
    let listed = compare(&store, &replaced.store).await;
    store.close().await;
    match listed.map_err(BackupError::from)? {
        0 => println!("No access that had been taken away since {} is there again.", manifest.made_at),
        count => {
            println!("{count} in all: had been taken away since {}, and is there again.", manifest.made_at);
            advise();
        }
    }
    Ok(())
}

async fn compare(restored: &Store, replaced: &Store) -> Result<usize, PermissionsError> {
    let (mut count, mut after) = (0, String::new());
    while let Some((tenant, _)) = restored.tenant_after(&after).await? {
        let (then, now) = (replaced.deciding(&tenant.id).await?, restored.deciding(&tenant.id).await?);
        for again in brought_back(&then, &now) {
            println!("tenant {}: {again} again", tenant.id);
            count += 1;
        }
        after = tenant.id.to_string();
    }
    Ok(count)
}

fn advise() {
    println!(
        "Before anybody can use it: run `crewline serve --role permissions`, take away what must not be there, and only then start the chat service."
    );
}
