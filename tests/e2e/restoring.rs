//! `crewline restore`: what is not whole is refused, and what is there is kept.

use std::fs;
use std::path::Path;

use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use crewline_api::chat::v1 as chat;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tempfile::TempDir;

use crate::company::Company;
use crate::copies::{Backup, embedded_pair, names, refused, restore};
use crate::reader::Reader;
use crate::running::command;

/// A change to one file of a backup.
type Harm = fn(&Path);

#[tokio::test]
async fn a_damaged_incomplete_or_foreign_backup_is_refused_and_leaves_nothing() {
    let running = embedded_pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let backup = Backup::of(&running, &["--with-keys"]).await;
    let folder = TempDir::new().expect("a folder");
    let harms: [(&str, Harm, &str); 10] = [
        ("chat.db", flip_a_byte, "is damaged"),
        ("permissions.db", flip_a_byte, "is damaged"),
        ("content-hash.key", flip_a_byte, "is damaged"),
        ("chat.db", |path| fs::remove_file(path).expect("removed"), "is damaged"),
        ("chat.db", |path| fs::write(path, "").expect("cut"), "is damaged"),
        ("manifest.json", |path| fs::remove_file(path).expect("removed"), "no whole backup"),
        ("manifest.json", |path| fs::write(path, "{\"format\": 1, \"cr").expect("cut"), "cannot be read"),
        ("manifest.json", |path| replace_in(path, "\"format\": 1", "\"format\": 2"), "newer crewline"),
        ("manifest.json", |path| replace_in(path, "0001_", "9999_"), "newer crewline"),
        ("manifest.json", |path| replace_in(path, "\"attachments.key\"", "\"../elsewhere\""), "cannot be read"),
    ];
    for (number, (file, harm, words)) in harms.into_iter().enumerate() {
        let copy = folder.path().join(format!("backup-{number}"));
        fs::create_dir(&copy).expect("made");
        for name in names(&backup.path) {
            fs::copy(backup.path.join(&name), copy.join(name)).expect("copied");
        }
        harm(&copy.join(file));
        let data_dir = folder.path().join("data");
        let text = refused(&restore(&copy, &data_dir, &[]).await);
        let advises = ["restore another", "restore it with", "--from"].iter().any(|advice| text.contains(advice));
        assert!(text.contains(words) && advises, "{number}: {text}");
        assert!(!data_dir.exists(), "{number}: {:?}", names(&data_dir));
    }
    let text = refused(&restore(&folder.path().join("missing"), folder.path(), &[]).await);
    assert!(text.contains("--from"), "{text}");
    let alone = Backup::of(&running, &["--role", "chat"]).await;
    let text = refused(&alone.restore(&folder.path().join("data"), &["--role", "permissions"]).await);
    assert!(text.contains("holds no permissions database") && text.contains("--role"), "{text}");
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("written");
}

fn replace_in(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("text");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("written");
}

/// Has the manifest agree with a database that was changed, and with the steps of its schema that are left.
fn reseal(backup: &Path, service: &str, steps: usize) {
    let (path, database) = (backup.join("manifest.json"), backup.join(format!("{service}.db")));
    let sum = std::process::Command::new("sha256sum").arg(&database).output().expect("sha256sum");
    let sum = String::from_utf8(sum.stdout).expect("text");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
    let sealed = &mut manifest[service];
    sealed["sha256"] = sum.split(' ').next().expect("a sum").into();
    sealed["bytes"] = fs::metadata(&database).expect("a database").len().into();
    sealed["steps"].as_array_mut().expect("steps").truncate(steps);
    fs::write(path, manifest.to_string()).expect("written");
}

#[tokio::test]
async fn what_does_not_follow_from_its_events_is_refused_also_where_the_manifest_agrees() {
    let running = embedded_pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let backup = Backup::of(&running, &["--role", "chat"]).await;
    let database = backup.path.join("chat.db");
    // Of the same length, so that only the fold can tell.
    let mut bytes = fs::read(&database).expect("read");
    let body = bytes.windows(5).rposition(|window| window == b"hello").expect("the body");
    bytes[body] = b'j';
    fs::write(&database, bytes).expect("written");
    reseal(&backup.path, "chat", 3);
    let folder = TempDir::new().expect("a folder");
    let text = refused(&backup.restore(folder.path(), &[]).await);
    assert!(text.contains("does not follow from its events"), "{text}");
    assert_eq!(names(folder.path()), ["LOCK"]);
}

#[tokio::test]
async fn a_backup_of_an_older_version_is_brought_up_to_date() {
    let mut running = embedded_pair().await;
    let company = Company::open(&running.callers().await).await;
    let backup = Backup::of(&running, &["--role", "permissions"]).await;
    // As the version wrote it that knew the first step of the schema alone.
    let url = format!("sqlite://{}", backup.path.join("permissions.db").display());
    let database = Database::connect(url).await.expect("a database");
    for back in [
        "DROP INDEX changes_unfinished",
        "DROP INDEX changes_unfinished_of_tenant",
        "ALTER TABLE changes DROP COLUMN in_force_at",
        "ALTER TABLE changes DROP COLUMN nodes_confirmed",
        "ALTER TABLE changes DROP COLUMN nodes_waited_out",
        "ALTER TABLE head DROP COLUMN lease_millis",
        "DELETE FROM seaql_migrations WHERE version LIKE '0002%'",
    ] {
        database.execute_unprepared(back).await.unwrap_or_else(|error| panic!("{back}: {error}"));
    }
    database.close().await.expect("closed");
    reseal(&backup.path, "permissions", 1);
    company.permit("tina", false, false).await;
    assert!(running.terminate().await.success());
    let told = backup.restored(running.data_dir(), &["--replace"]).await;
    assert!(told.contains("tina may read and reply again"), "{told}");
    running.restart().await;
    company.watch(&company.tina).await;
}

#[tokio::test]
async fn a_data_directory_that_a_process_holds_is_left_alone() {
    let running = embedded_pair().await;
    let backup = Backup::of(&running, &[]).await;
    let text = refused(&backup.restore(running.data_dir(), &["--replace"]).await);
    assert!(text.contains("in use by another crewline process") && text.contains("stop that one first"), "{text}");
    assert!(!names(running.data_dir()).iter().any(|name| name.contains("replaced") || name.contains("restore")));
}

#[tokio::test]
async fn what_is_there_is_replaced_on_request_alone_and_kept_with_all_that_was_in_its_log() {
    let mut running = embedded_pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "before").await;
    let backup = Backup::of(&running, &[]).await;
    company.text("2", "after").await;
    // A kill leaves what is newest in the write-ahead log.
    running.kill();
    let before = names(running.data_dir());
    let text = refused(&backup.restore(running.data_dir(), &[]).await);
    assert!(text.contains("chat.db is there already") && text.contains("--replace"), "{text}");
    assert_eq!(names(running.data_dir()), before);

    let told = backup.restored(running.data_dir(), &["--replace"]).await;
    let kept: Vec<String> = names(running.data_dir()).into_iter().filter(|name| name.starts_with("chat.db.replaced-")).collect();
    let aside = kept.iter().find(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).expect("what was there");
    assert!(told.contains(aside), "{told}");
    let bodies = "SELECT count(*) FROM messages WHERE body IN ('before', 'after')";
    for (file, expected) in [(aside.as_str(), 2_i64), ("chat.db", 1)] {
        let url = format!("sqlite://{}", running.data_dir().join(file).display());
        let database = Database::connect(url).await.expect("a database");
        let row = database.query_one_raw(Statement::from_string(DbBackend::Sqlite, bodies)).await.expect("asked");
        assert_eq!(row.expect("a row").try_get_by_index::<i64>(0).expect("a number"), expected, "{file}");
        database.close().await.expect("closed");
    }
    running.restart().await;
    assert_eq!(company.messages().await.len(), 1);
}

#[tokio::test]
async fn an_interrupted_restore_keeps_the_services_from_starting_until_it_is_done() {
    let mut running = embedded_pair().await;
    let backup = Backup::of(&running, &[]).await;
    assert!(running.terminate().await.success());
    // As a kill between two renames leaves it.
    let chat = running.data_dir().join("chat.db");
    fs::write(running.data_dir().join("RESTORING"), "chat\n").expect("written");
    fs::remove_file(&chat).expect("removed");
    for arguments in [&["serve"][..], &["backup", "--to", "backup"]] {
        let text = refused(&running.run(arguments).await);
        assert!(text.contains("crewline restore --replace"), "{text}");
    }
    let text = refused(&backup.restore(running.data_dir(), &["--replace", "--role", "permissions"]).await);
    assert!(text.contains("had begun to replace the chat database"), "{text}");
    assert!(!chat.exists(), "nobody makes an empty one");
    backup.restored(running.data_dir(), &["--replace"]).await;
    running.restart().await;
}

#[tokio::test]
async fn readers_of_a_restored_thread_are_told_that_its_history_is_another_one() {
    let mut running = embedded_pair().await;
    let company = Company::open(&running.callers().await).await;
    for number in 1..=3 {
        company.text(&number.to_string(), "before").await;
    }
    let backup = Backup::of(&running, &["--role", "chat"]).await;
    let mut reader = Reader::open(&company.olga, &company.thread).await;
    reader.read_to(3).await;
    let shared = reader.cursor.clone();
    for number in 4..=5 {
        company.text(&number.to_string(), "lost").await;
    }
    reader.read_to(5).await;
    assert!(running.terminate().await.success());
    backup.restored(running.data_dir(), &["--replace"]).await;
    running.restart().await;

    let reset = async || {
        let mut reader = Reader::open_at(&company.olga, &company.thread, Position::Cursor(reader.cursor.clone())).await;
        let reset = reader.until(|frame| if let Frame::Reset(reset) = frame { Some(reset.reason()) } else { None }).await;
        (reset, reader)
    };
    assert_eq!(reset().await.0, chat::ResetReason::HistoryForked, "ahead of the history");
    for number in 6..=7 {
        company.text(&number.to_string(), "after").await;
    }
    let (reason, mut reader) = reset().await;
    assert_eq!(reason, chat::ResetReason::HistoryForked, "the same numbers, and other events");
    reader.read_to(5).await;
    assert_eq!(reader.bodies, ["before", "before", "before", "after", "after"]);
    let mut resumed = Reader::open_at(&company.olga, &company.thread, Position::Cursor(shared)).await;
    resumed.read_to(5).await;
    assert_eq!(resumed.bodies, ["after", "after"], "what both histories have is not told again");
}

#[test]
fn with_postgresql_alone_it_says_which_tools_there_are_and_what_to_see_to() {
    let folder = TempDir::new().expect("a folder");
    let restore = |arguments: &[&str]| {
        let mut command = command(&folder.path().join("data"));
        for service in ["PERMISSIONS", "CHAT"] {
            // Nobody listens there.
            command.env(format!("CREWLINE_{service}__DATABASE_URL"), "postgres://ann:hunter2@127.0.0.1:9/crewline");
        }
        refused(&command.arg("restore").args(arguments).output().expect("the binary"))
    };
    let text = restore(&["--from", "dump"]);
    assert!(text.contains("pg_restore") && text.contains("--bump-epoch"), "{text}");
    let text = restore(&["--bump-epoch"]);
    assert!(text.contains("see that permissions.database_url names it") && !text.contains("hunter2"), "{text}");
    assert_eq!(names(folder.path()), [""; 0]);
}
