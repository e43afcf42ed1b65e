//! `crewline backup`: whole and checked, or not there; nobody has to stop for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crewline::party::Party;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

use crate::company::{Company, messages_of, try_send};
use crate::copies::{Backup, EMBEDDED, backup, embedded_pair, names, refused};
use crate::running::{Running, command};
use crate::waiting::{until, when_known};

const SENDERS: usize = 8;
const THREADS: usize = 4;
const ENOUGH: usize = 200;

/// What was acknowledged: the thread, the number in it, and the body.
type Acknowledged = Mutex<Vec<(String, u64, String)>>;

#[tokio::test]
async fn a_backup_under_load_restores_to_a_sound_pair_with_all_that_was_acknowledged_before_it_began() {
    let running = embedded_pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let mut threads = vec![company.thread.clone()];
    for number in 1..THREADS {
        threads.push(company.start_thread("1001", &format!("+1555010020{number}")).await);
    }
    let (acknowledged, over) = (Acknowledged::default(), AtomicBool::new(false));
    let count = || acknowledged.lock().expect("acknowledged").len();
    let senders = (0..SENDERS).map(|sender| {
        // Each has a connection of its own.
        let olga = callers.person("office", "olga", &company.tenant).expect("a token");
        send_until(&over, sender, olga, &threads[sender % THREADS], &acknowledged)
    });
    let taking = async {
        until("sends are acknowledged", async || (count() >= ENOUGH).then_some(())).await;
        let before = acknowledged.lock().expect("acknowledged").clone();
        let taken = Backup::of(&running, &["--with-keys"]).await;
        assert!(count() > before.len(), "nobody sent meanwhile: the backup stopped them, or proves nothing");
        over.store(true, Ordering::SeqCst);
        (before, taken)
    };
    let (_, (before, taken)) = tokio::join!(join_all(senders), taking);

    let restored = Running::start_in(taken.in_a_new_place().await, "all", &EMBEDDED).await;
    let verified = restored.verify().await;
    assert!(verified.status.success(), "{}", refused(&verified));
    let olga = restored.callers().await.person("office", "olga", &company.tenant).expect("a token");
    for thread in &threads {
        let kept = when_known(async || crate::calls::try_messages(&olga, thread).await).await.expect("messages");
        let everything = messages_of(&company.olga, thread).await;
        assert_eq!(kept, everything[..kept.len()], "a history as it was, up to a moment");
        let of_thread = before.iter().filter(|(of, ..)| of == thread);
        for (_, seq, body) in of_thread {
            assert!(kept.iter().any(|message| message.seq == *seq && message.body == *body), "{body} is missing");
        }
    }
    let (thread, seq, body) = &before[0];
    let again = try_send(&olga, thread, body, body).await.expect("answered");
    assert_eq!((again.duplicate, again.message.expect("a message").seq), (true, *seq), "the ids are kept, too");
}

/// Each id is also the body.
async fn send_until(over: &AtomicBool, sender: usize, olga: Party, thread: &str, acknowledged: &Acknowledged) {
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let id = format!("sender-{sender}-{number}");
        let sent = when_known(async || try_send(&olga, thread, &id, &id).await).await.expect("sent");
        acknowledged.lock().expect("acknowledged").push((thread.to_owned(), sent.message.expect("a message").seq, id));
    }
}

#[tokio::test]
async fn keys_stay_where_they_are_unless_they_are_asked_for() {
    let running = embedded_pair().await;
    let keys = ["attachments.key", "content-hash.key", "signing-key.pem"];
    let databases = ["chat.db", "manifest.json", "permissions.db"];
    let without = Backup::of(&running, &[]).await;
    assert_eq!(names(&without.path), databases);
    assert!(keys.iter().all(|key| without.said.contains(key)) && without.said.contains("--with-keys"), "{}", without.said);

    let with = Backup::of(&running, &["--with-keys"]).await;
    let mut everything = [keys.as_slice(), databases.as_slice()].concat();
    everything.sort_unstable();
    assert_eq!(names(&with.path), everything);
    assert!(with.said.contains("It holds the keys"), "{}", with.said);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&with.path), 0o700);
    for name in everything {
        assert_eq!(mode(&with.path.join(name)), 0o600, "{name}");
    }
    for key in keys {
        assert_eq!(fs::read(with.path.join(key)).expect("a key"), fs::read(running.data_dir().join(key)).expect("a key"));
    }
}

#[tokio::test]
async fn one_database_can_be_backed_up_alone() {
    let running = embedded_pair().await;
    assert_eq!(names(&Backup::of(&running, &["--role", "chat"]).await.path), ["chat.db", "manifest.json"]);
    assert_eq!(names(&Backup::of(&running, &["--role", "permissions"]).await.path), ["manifest.json", "permissions.db"]);
}

#[tokio::test]
async fn a_place_that_is_taken_or_missing_is_refused_with_what_to_do_and_left_as_it_is() {
    let running = embedded_pair().await;
    let folder = TempDir::new().expect("a folder");
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).expect("made");
    fs::write(taken.join("chat.db"), "an older backup").expect("written");
    fs::write(folder.path().join("file"), "a file").expect("written");
    let before = names(folder.path());
    for (to, advice) in [("taken", "overwrites nothing"), ("file", "overwrites nothing"), ("missing/backup", "make it first")] {
        let text = refused(&backup(running.data_dir(), &folder.path().join(to), &[]).await);
        assert!(text.contains(advice) && text.contains("--to"), "{text}");
        assert_eq!(names(folder.path()), before, "{to}");
    }
    assert_eq!(fs::read_to_string(taken.join("chat.db")).expect("kept"), "an older backup");

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("made");
    assert!(backup(running.data_dir(), &empty, &[]).await.status.success(), "an empty directory is no backup");
}

#[tokio::test]
async fn where_there_is_no_embedded_database_it_says_what_to_do_instead() {
    let folder = TempDir::new().expect("a folder");
    let to = folder.path().join("backup");
    let text = refused(&backup(folder.path(), &to, &[]).await);
    assert!(text.contains("no chat database") && text.contains("--data-dir") && text.contains("--role"), "{text}");
    for (service, role) in [("PERMISSIONS", "permissions"), ("CHAT", "chat")] {
        let mut command = command(folder.path());
        command.args(["backup", "--role", role, "--to"]).arg(&to);
        let made = command.env(format!("CREWLINE_{service}__DATABASE_URL"), "postgres://127.0.0.1:9/crewline").output();
        let text = refused(&made.expect("the binary"));
        for words in ["pg_dump", "pg_restore", "crewline restore --bump-epoch", "--role"] {
            assert!(text.contains(words), "{text}");
        }
    }
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn what_is_not_sound_makes_no_backup() {
    let mut running = embedded_pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    assert!(running.terminate().await.success());
    let folder = TempDir::new().expect("a folder");
    for (database, damage, words) in [
        ("chat.db", "UPDATE messages SET body = 'hallo'", "keep a copy"),
        ("permissions.db", "PRAGMA foreign_keys = OFF; DELETE FROM roles", "people refer to rows of roles"),
        ("permissions.db", "INSERT INTO seaql_migrations VALUES ('9999_of_another_time', 0)", "another version of crewline"),
    ] {
        let path = running.data_dir().join(database);
        let sound = fs::read(&path).expect("a database");
        execute(&path, damage).await;
        let text = refused(&backup(running.data_dir(), &folder.path().join("backup"), &[]).await);
        assert!(text.contains(words), "{damage}: {text}");
        assert_eq!(names(folder.path()), [""; 0], "{damage}");
        fs::write(&path, sound).expect("sound again");
    }
    assert!(backup(running.data_dir(), &folder.path().join("backup"), &[]).await.status.success());
}

/// Changes a database that nobody uses, and leaves no log beside it.
async fn execute(path: &Path, sql: &str) {
    let database = Database::connect(format!("sqlite://{}", path.display())).await.expect("a database");
    database.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    database.close().await.expect("closed");
}

#[tokio::test]
async fn a_backup_that_is_told_to_end_is_there_whole_or_not_at_all() {
    let running = embedded_pair().await;
    let mut interrupted = 0;
    for delay in (0..10).map(|tries| Duration::from_millis(15 * tries)) {
        let folder = TempDir::new().expect("a folder");
        let mut command = command(running.data_dir());
        command.arg("backup").arg("--to").arg(folder.path().join("backup")).stdout(Stdio::null()).stderr(Stdio::null());
        let mut making = tokio::process::Command::from(command).spawn().expect("the binary");
        until("it has begun", async || (!names(folder.path()).is_empty()).then_some(())).await;
        tokio::time::sleep(delay).await;
        if let Some(process) = making.id() {
            // It may have come to its end.
            let _sent = std::process::Command::new("kill").arg(process.to_string()).status();
        }
        let made = making.wait().await.expect("ended").success();
        interrupted += usize::from(!made);
        let left = if made { vec!["backup"] } else { vec![] };
        assert_eq!(names(folder.path()), left, "after {delay:?}");
    }
    assert!(interrupted > 0, "none was ended before its end");
}
