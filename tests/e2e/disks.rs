//! A disk that is full, one that cannot be written to, and a database that somebody else has locked: each is told as what it is, and goes on by
//! itself when it is over.

use std::fs;
use std::process::Command;

use tempfile::TempDir;
use tokio::time::timeout;
use tonic::Status;
use tonic_types::StatusExt;

use crate::calls;
use crate::company::{Company, refusal, try_send, try_text};
use crate::engine::hold_writers;
use crate::reader::Reader;
use crate::refusals::reason_of;
use crate::running::{PATIENCE, Running, command};
use crate::tools;
use crate::waiting::until;

const WHAT: &str = "disks that are full or cannot be written to";
/// Of the small disk: room for the schemas and some hundred long texts.
const SIZE: &str = "size=16m";
const BALLAST: usize = 4 * 1024 * 1024;
const LONG: usize = 16_000;

/// Runs one of the tests below with its temporary directory on a disk of its own.
fn on_a_disk(options: &str, inside: &str) {
    let place = TempDir::new().expect("a folder");
    let mount = "mount -t tmpfs -o \"$0\" tmpfs \"$1\" && shift && exec \"$@\"";
    let with = |flags: &[&str], program: &str| {
        let mut command = Command::new("unshare");
        command.args(flags).args(["sh", "-c", mount, options]).arg(place.path()).arg(program);
        command
    };
    let ways: [&[&str]; 2] = [&["-m", "-r"], &["-m"]];
    let Some(flags) = ways.iter().find(|flags| with(flags, "true").output().is_ok_and(|made| made.status.success())) else {
        tools::cannot_run_here(WHAT, "it lets nobody mount a disk in a namespace");
        return;
    };
    let tests = std::env::current_exe().expect("this test").display().to_string();
    let ended = with(flags, &tests)
        .args(["--exact", inside, "--ignored", "--nocapture"])
        .env("TMPDIR", place.path())
        .env("CREWLINE_TEST_ENGINE", "sqlite")
        .status()
        .expect("unshare");
    assert!(ended.success(), "{ended}");
}

#[test]
fn on_a_full_disk_reads_go_on_writes_are_refused_and_both_go_on_when_there_is_room() {
    on_a_disk(SIZE, "disks::inside_a_small_disk");
}

#[tokio::test]
#[ignore = "on_a_full_disk_reads_go_on_writes_are_refused_and_both_go_on_when_there_is_room runs it on a disk of its own"]
async fn inside_a_small_disk() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut stream = Reader::open(&company.tina, &company.thread).await;
    let ballast = std::env::temp_dir().join("ballast");
    fs::write(&ballast, vec![1; BALLAST]).expect("written");
    let mut taken = 0;
    let full = until("the disk is full", async || {
        let text = try_text(&company.carrier, &format!("t{taken}"), &"x".repeat(LONG)).await;
        taken += u64::from(text.is_ok());
        text.err()
    });
    let full: Status = full.await;
    assert_eq!(reason_of(&full), "STORAGE_FULL", "{full:?}");
    assert!(full.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()), "{full:?}");
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", &"x".repeat(1_600)).await), "STORAGE_FULL");
    // What was taken is there, and is told.
    assert_eq!(calls::seen(&company.olga, &company.thread).await.head_seq, taken);
    stream.read_to(taken).await;

    fs::remove_file(&ballast).expect("removed");
    until("there is room again", async || try_text(&company.carrier, &format!("t{taken}"), &"x".repeat(LONG)).await.ok()).await;
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");
    stream.read_to(taken + 2).await;
    assert!(running.verify().await.status.success());
}

#[test]
fn where_nothing_can_be_written_a_start_says_so() {
    on_a_disk("ro", "disks::inside_a_disk_that_cannot_be_written_to");
}

#[tokio::test]
#[ignore = "where_nothing_can_be_written_a_start_says_so runs it on a disk of its own"]
async fn inside_a_disk_that_cannot_be_written_to() {
    let folder = std::env::temp_dir().join("data");
    let mut start = tokio::process::Command::from(command(&folder));
    let output = timeout(PATIENCE, start.kill_on_drop(true).output()).await.expect("it does not start").expect("the binary");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&folder.display().to_string()) && said.contains("Read-only file system"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn while_somebody_else_has_the_database_locked_reads_go_on_and_a_write_is_to_be_tried_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let chat = running.chat_database().await;
    let held = hold_writers(&chat).await;
    let refused = try_send(&company.tina, &company.thread, "1", "hello").await.expect_err("locked");
    let reason = reason_of(&refused);
    assert!(["STORE_UNAVAILABLE", "DEADLINE"].contains(&reason.as_str()), "{refused:?}");
    assert_eq!(calls::seen(&company.olga, &company.thread).await.head_seq, 0, "reads go on");
    held.rollback().await.expect("let go");
    until("it goes on", async || try_send(&company.tina, &company.thread, "1", "hello").await.ok()).await;
    assert_eq!(calls::bodies(&company.messages().await), ["hello"]);
}
