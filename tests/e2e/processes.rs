//! Starting, stopping, and what a data directory keeps.

use std::time::{Duration, Instant};

use chat::watch_thread_request::Position;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::company::{Company, try_send};
use crate::reader::Reader;
use crate::running::{PATIENCE, Running, binary, command, health};

#[tokio::test]
async fn a_second_process_on_the_same_data_directory_is_refused_with_what_to_do() {
    let running = Running::pair().await;
    let second = command(running.data_dir()).args(["serve", "--role", "permissions"]).output().expect("the binary");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(said.contains("in use by another crewline process") && said.contains("--data-dir"), "{said}");
}

#[tokio::test]
async fn everything_survives_a_restart_and_streams_resume_from_their_cursors() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = Reader::open(&company.tina, &company.thread).await;
    try_send(&company.tina, &company.thread, "m1", "before").await.expect("sent");
    tina.read_to(1).await;

    assert!(running.terminate().await.success());
    let (closing, reason) = tina.end().await;
    assert_eq!((closing, reason.as_str()), (chat::ClosingReason::Draining, "DRAINING"));

    running.restart().await;
    let again = try_send(&company.tina, &company.thread, "m1", "before").await.expect("settled");
    assert!(again.duplicate, "the id outlives the restart");
    try_send(&company.tina, &company.thread, "m2", "after").await.expect("sent");
    let mut resumed = Reader::open_at(&company.tina, &company.thread, Position::Cursor(tina.cursor.clone())).await;
    resumed.read_to(2).await;
    assert_eq!(resumed.bodies, ["after"]);
}

#[tokio::test]
async fn sigterm_ends_the_process_also_with_a_client_that_says_nothing() {
    let mut running = Running::pair().await;
    let address = running.endpoints.chat.expect("chat");
    let silent = std::net::TcpStream::connect(address).expect("connected");
    let began = Instant::now();
    assert!(running.terminate().await.success());
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    drop(silent);
}

#[tokio::test]
async fn chat_does_not_serve_before_its_access_view_is_there() {
    let chat_folder = tempfile::TempDir::new().expect("a folder");
    let mut child = command(chat_folder.path())
        .args(["serve", "--role", "chat"])
        .env("CREWLINE_CHAT__LISTEN", "127.0.0.1:0")
        // Nobody listens there.
        .env("CREWLINE_CHAT__PERMISSIONS_URL", "http://127.0.0.1:9")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary");
    let began = Instant::now();
    let endpoints = loop {
        if let Some(endpoints) = crewline::endpoints::Endpoints::read(chat_folder.path()) {
            break endpoints;
        }
        assert!(began.elapsed() < PATIENCE, "it does not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let address = endpoints.chat.expect("chat");
    let status = loop {
        match health(address).await {
            Some(status) => break status,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!(status, ServingStatus::NotServing);
}

#[test]
fn the_demo_plays_to_its_end_against_a_pair_of_its_own() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let played = command(folder.path()).arg("demo").output().expect("the binary");
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{said}\n{}", String::from_utf8_lossy(&played.stderr));
    assert!(said.contains("ACCESS_REVOKED") && said.contains("Every step saw what it had to"), "{said}");
}

#[tokio::test]
async fn the_demo_plays_against_a_running_pair_again_and_again() {
    let running = Running::pair().await;
    for _ in 0..2 {
        let played = command(running.data_dir()).arg("demo").output().expect("the binary");
        let said = String::from_utf8_lossy(&played.stdout);
        assert!(played.status.success() && said.contains("against the running pair"), "{said}");
    }
}

#[test]
fn a_wrong_configuration_is_told_before_anything_starts() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let refused = command(folder.path()).arg("serve").env("CREWLINE_CHAT__LISTEN_ON", "x").output().expect("the binary");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("listen_on"), "{said}");
    let version = std::process::Command::new(binary()).arg("--version").output().expect("the binary");
    assert!(version.status.success());
}

#[tokio::test]
async fn sigterm_ends_the_process_also_with_somebody_at_the_metrics_who_asks_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let metrics = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let mut running = Running::start("all", &[("CREWLINE_TELEMETRY__METRICS_LISTEN", &metrics)]).await;
    let mut silent = std::net::TcpStream::connect(&metrics).expect("connected");
    std::io::Write::write_all(&mut silent, b"GET").expect("written");
    assert!(running.terminate().await.success());
}

#[tokio::test]
async fn what_was_done_to_the_demo_tenant_does_not_end_the_services() {
    let mut running = Running::start("all", &[("CREWLINE_DEMO_TENANT", "true")]).await;
    running.until_logged("Watch the thread as the technician").await;
    let admin = running.callers().await.person("admin", "ada", crewline::demo_tenant::TENANT).expect("a token");
    let disable = pb::UpdateTenantSettingsRequest {
        settings: Some(pb::TenantSettings { chat_enabled: false, ..Default::default() }),
        update_mask: crate::changes::mask(&["chat_enabled"]),
        reason: "trying it out".into(),
        ..Default::default()
    };
    admin.directory().update_tenant_settings(disable).await.expect("disabled");
    assert!(running.terminate().await.success());
    running.restart().await;
    running.until_logged("the demo tenant cannot be shown").await;
    assert_eq!(health(running.endpoints.chat.expect("chat")).await, Some(ServingStatus::Serving));
}
