//! What a restore of the permissions database does to access: what comes back is told, and nobody goes on with what they knew.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use chat::watch_thread_request::Position;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::watch_access_request::Frame as Say;
use tempfile::TempDir;

use crate::apart::Apart;
use crate::company::{Company, JOB, try_send};
use crate::copies::{Backup, EMBEDDED, embedded_pair, names, refused, said};
use crate::engine::Server;
use crate::node::{Facts, Node, hello};
use crate::reader::Reader;
use crate::running::Running;
use crate::tokens::Mint;
use crate::tools;

/// A node that knows these facts comes back, and must be told everything anew.
async fn told_anew(running: &Running, company: &Company, known: &Facts) -> Node {
    let mut node = Node::connect(&Mint::of(running), &[&company.tenant]).await;
    node.say(Say::Hello(pb::Hello { epoch: known.epoch, cursor: known.revision, ..hello() })).await;
    node.take_snapshot().await;
    assert_ne!(node.facts.epoch, known.epoch);
    node
}

fn level(facts: &Facts, company: &Company, person: &str) -> pb::ChatAccess {
    facts.tenants[&company.tenant].people[person].level()
}

#[tokio::test]
async fn access_that_was_taken_away_after_the_backup_is_listed_and_nothing_else() {
    let mut running = embedded_pair().await;
    let company = Company::open(&running.callers().await).await;
    let other = Company::open(&running.callers().await).await;
    let backup = Backup::of(&running, &[]).await;
    let nothing = backup.restored(running.data_dir(), &["--dry-run"]).await;
    assert!(nothing.contains("No access that had been taken away"), "{nothing}");

    company.unassign("1", &["tina"]).await;
    company.set_mobile_access("tina", false).await;
    company.set_active("theo", false).await;
    company.permit("vera", false, false).await;
    company.set_policy(pb::AccessAfterJobEnd::None).await;
    company.report_job(pb::JobStatus::Completed).await;
    company.set_chat(false).await;
    // What was given is nothing that comes back; what was taken and given again neither.
    company.hire(&running.callers().await, pb::PersonKind::Office, "otto", (true, true)).await;
    company.permit("theo", true, true).await;
    other.permit("tina", false, false).await;
    other.permit("tina", true, true).await;

    let tenant = &company.tenant;
    let expected = [
        format!("tenant {tenant}: chat is enabled again"),
        format!("tenant {tenant}: technicians may read and reply on jobs that have ended again"),
        format!("tenant {tenant}: theo is active again"),
        format!("tenant {tenant}: tina has mobile access again"),
        format!("tenant {tenant}: vera may read again"),
        format!("tenant {tenant}: tina is on job {JOB} again"),
        format!("tenant {tenant}: job {JOB} goes on again"),
    ];
    let listed = |told: &str| told.lines().filter(|line| line.starts_with("tenant ")).map(str::to_owned).collect::<Vec<_>>();
    let before = names(running.data_dir());
    let dry = backup.restored(running.data_dir(), &["--dry-run"]).await;
    assert_eq!(listed(&dry), expected);
    assert!(dry.contains("7 in all") && dry.contains("--role permissions"), "{dry}");
    assert_eq!(names(running.data_dir()), before, "beside a running process nothing is touched");

    assert!(running.terminate().await.success());
    assert_eq!(listed(&backup.restored(running.data_dir(), &["--replace"]).await), expected);
    running.restart().await;
    company.heard(0).await;
    try_send(&company.theo, &company.thread, "m1", "back").await.expect("what came back counts");
}

#[tokio::test]
async fn a_restored_permissions_database_is_in_another_epoch_behind_every_revision_that_was_given_out() {
    let mut running = Running::start("permissions", &EMBEDDED).await;
    let (company, _) = Company::without_thread(&running.callers().await).await;
    let backup = Backup::of(&running, &["--role", "permissions"]).await;
    let gone = company.permit("tina", false, false).await;
    let mint = Mint::of(&running);
    let ahead = Node::with_snapshot(&mint, &[&company.tenant]).await.facts;
    assert_eq!(ahead.revision, gone);
    assert!(running.terminate().await.success());
    backup.restored(running.data_dir(), &["--replace"]).await;
    running.restart().await;

    // Its cursor is the newest revision: with the epoch of before it would be told nothing.
    let mut node = told_anew(&running, &company, &ahead).await;
    let levels = [&ahead, &node.facts].map(|facts| level(facts, &company, "tina"));
    assert_eq!(levels, [pb::ChatAccess::None, pb::ChatAccess::Full]);
    node.renew().await;
    let next = company.permit("vera", true, true).await;
    assert!(next > gone, "{next} has been another change");
}

#[tokio::test]
async fn leases_that_the_replaced_database_knew_of_are_waited_for() {
    let lease = "CREWLINE_PERMISSIONS__LEASE_MILLIS";
    let mut running = Running::start("permissions", &[&EMBEDDED[..], &[(lease, "200")]].concat()).await;
    let (company, _) = Company::without_thread(&running.callers().await).await;
    let backup = Backup::of(&running, &["--role", "permissions"]).await;
    running.kill();
    running.configure(lease, "2500");
    running.restart().await;
    running.kill();
    backup.restored(running.data_dir(), &["--replace"]).await;
    running.configure(lease, "200");
    let started = Instant::now();
    running.restart().await;
    company.permit("tina", false, false).await;
    assert!(started.elapsed() >= Duration::from_millis(2_500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_node_that_was_ahead_judges_by_the_restored_database() {
    let mut apart = Apart::with(&EMBEDDED, &[]).await;
    let company = Company::open(&apart.callers().await).await;
    let backup = Backup::of(&apart.permissions, &["--role", "permissions"]).await;
    company.heard(company.permit("tina", false, false).await).await;
    company.heard(company.assign("2", &["theo"]).await).await;
    apart.stop_permissions().await;
    let told = backup.restored(apart.permissions.data_dir(), &["--replace"]).await;
    assert!(told.contains(&format!("tenant {}: tina may read and reply again", company.tenant)), "{told}");
    apart.start_permissions().await;

    company.watch(&company.tina).await;
    let revoked = company.permit("tina", false, false).await;
    let refused = Reader::try_open_at(&company.tina, &company.thread, Position::AfterSeq(0)).await.err().expect("refused");
    assert_eq!(crate::refusals::reason_of(&refused), "CHAT_PERMISSION_REQUIRED");
    company.heard(revoked).await;
}

#[tokio::test]
async fn where_nothing_can_be_compared_that_is_said_and_revisions_are_left_out() {
    let mut running = Running::start("permissions", &EMBEDDED).await;
    let (company, revision) = Company::without_thread(&running.callers().await).await;
    let backup = Backup::of(&running, &["--role", "permissions"]).await;
    let elsewhere = TempDir::new().expect("a folder");
    let told = backup.restored(elsewhere.path(), &[]).await;
    assert!(told.contains("no permissions database to compare"), "{told}");

    assert!(running.terminate().await.success());
    fs::write(running.data_dir().join("permissions.db"), "no database".repeat(1_000)).expect("written");
    let told = backup.restored(running.data_dir(), &["--replace"]).await;
    assert!(told.contains("cannot be read") && told.contains("no permissions database to compare"), "{told}");
    running.restart().await;
    // Only what takes away waits for the leases that nobody knows of.
    let next = company.permit("vera", true, true).await;
    assert!(next > revision + 1_000_000, "{next} may have been another change");
}

#[tokio::test]
async fn after_other_means_of_restoring_the_epoch_alone_is_bumped_on_either_engine() {
    let mut running = Running::start("permissions", &[]).await;
    let (company, revision) = Company::without_thread(&running.callers().await).await;
    let known = Node::with_snapshot(&Mint::of(&running), &[&company.tenant]).await.facts;
    let text = refused(&running.run(&["restore", "--bump-epoch"]).await);
    assert!(text.contains("stop that one first"), "{text}");
    assert!(running.terminate().await.success());
    let bumped = running.run(&["restore", "--bump-epoch"]).await;
    assert!(bumped.status.success(), "{}", said(&bumped));
    running.restart().await;

    let node = told_anew(&running, &company, &known).await;
    assert_eq!(node.facts.tenants, known.tenants, "nothing else is another one");
    assert!(node.facts.revision > revision);
}

#[tokio::test]
async fn a_dump_of_postgresql_is_restored_by_its_own_tools_and_one_more_step() {
    let Some(programs) = tools::find("CREWLINE_POSTGRES_BIN", "the restore of a dump of PostgreSQL") else { return };
    let server = Server::start().await;
    let (url, folder) = (server.database("permissions"), TempDir::new().expect("a folder"));
    let dump = folder.path().join("dump");
    let mut running = Running::start("permissions", &[("CREWLINE_PERMISSIONS__DATABASE_URL", url.as_str())]).await;
    let (company, _) = Company::without_thread(&running.callers().await).await;
    for arguments in [&["backup", "--to", "backup"][..], &["restore", "--from", "backup"]] {
        let text = refused(&running.run(&[arguments, &["--role", "permissions"]].concat()).await);
        assert!(text.contains("pg_dump") && text.contains("--bump-epoch"), "{text}");
    }
    let succeeded = |output: Output| assert!(output.status.success(), "{}", said(&output));
    let program = |name: &str| Command::new(Path::new(&programs).join(name));
    succeeded(program("pg_dump").arg("--format=custom").arg("--file").arg(&dump).arg(&url).output().expect("pg_dump"));
    let gone = company.permit("tina", false, false).await;
    let ahead = Node::with_snapshot(&Mint::of(&running), &[&company.tenant]).await.facts;
    assert!(running.terminate().await.success());

    let mut restore = program("pg_restore");
    restore.args(["--clean", "--if-exists", "--dbname"]).arg(&url).arg(&dump);
    succeeded(restore.output().expect("pg_restore"));
    succeeded(running.run(&["restore", "--bump-epoch"]).await);
    running.restart().await;
    let node = told_anew(&running, &company, &ahead).await;
    assert_eq!(level(&node.facts, &company, "tina"), pb::ChatAccess::Full, "it came back");
    assert!(company.permit("vera", true, true).await > gone);
}
