//! The stories of `tests/stories`, played through four clients: each has its own idea of what gRPC is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crewline::party::Pair;
use crewline_client::Services;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;

use crate::running::Running;
use crate::{story, tools};

/// For one story; each step has a limit of its own.
const LIMIT: Duration = Duration::from_secs(180);

/// A story, a tenant of its own, and the tokens of its callers.
struct Told {
    path: PathBuf,
    story: Value,
    tenant: String,
    tokens: Value,
}

#[tokio::test]
async fn every_story_passes_through_the_rust_client() {
    let running = Running::pair().await;
    let url = |address: Option<std::net::SocketAddr>| format!("http://{}", address.expect("an address"));
    let services = Services::new(&url(running.endpoints.chat), Some(&url(running.endpoints.permissions))).expect("URLs");
    for told in stories(&running.callers().await) {
        let played = story::play(&told.story, services.clone(), &told.tenant, &told.tokens);
        let passed = tokio::time::timeout(LIMIT, played).await.expect("an end within the limit");
        assert_eq!(passed, told.steps().len());
    }
}

#[tokio::test]
async fn every_story_passes_through_grpc_js() {
    if let Some(node) = tools::find("CREWLINE_NODE", "the stories through grpc-js") {
        play_all("grpc_js.js", || Command::new(&node)).await;
    }
}

#[tokio::test]
async fn every_story_passes_through_grpcio() {
    if let Some(python) = tools::find("CREWLINE_PYTHON", "the stories through grpcio") {
        play_all("grpcio_story.py", || Command::new(&python)).await;
    }
}

#[tokio::test]
async fn every_story_passes_through_grpcurl() {
    let what = "the stories through grpcurl";
    if let (Some(python), Some(grpcurl)) = (tools::find("CREWLINE_PYTHON", what), tools::find("CREWLINE_GRPCURL", what)) {
        play_all("grpcurl_story.py", || {
            let mut command = Command::new(&python);
            command.env("CREWLINE_GRPCURL", &grpcurl);
            command
        })
        .await;
    }
}

/// Plays every story with a driver.
async fn play_all(driver: &str, client: impl Fn() -> Command) {
    let running = Running::pair().await;
    let folder = TempDir::new().expect("a folder");
    for told in stories(&running.callers().await) {
        let tokens = folder.path().join(&told.tenant);
        std::fs::write(&tokens, told.tokens.to_string()).expect("written");

        let mut play = client();
        play.arg(tests().join("drivers").join(driver)).arg(&told.path);
        play.env("CREWLINE_TENANT", &told.tenant).env("CREWLINE_TOKENS", &tokens);
        play.env("CREWLINE_PERMISSIONS", running.endpoints.permissions.expect("permissions").to_string());
        play.env("CREWLINE_CHAT", running.endpoints.chat.expect("chat").to_string());
        let played = tokio::time::timeout(LIMIT, play.kill_on_drop(true).output()).await.expect("an end within the limit");

        let played = played.expect("the driver");
        let (said, complaint) = (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
        let last = format!("{} steps passed", told.steps().len());
        assert!(played.status.success(), "{}:\n{said}\n{complaint}", told.path.display());
        assert_eq!(said.lines().last(), Some(last.as_str()), "{}:\n{said}\n{complaint}", told.path.display());
    }
}

impl Told {
    fn steps(&self) -> &[Value] {
        self.story["steps"].as_array().expect("steps")
    }
}

fn stories(callers: &Pair) -> Vec<Told> {
    let folder = std::fs::read_dir(tests().join("stories")).expect("the stories");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let stories: Vec<Told> = files.map(|path| tell(path, callers)).collect();
    assert!(!stories.is_empty());
    stories
}

fn tell(path: PathBuf, callers: &Pair) -> Told {
    let story: Value = serde_json::from_slice(&std::fs::read(&path).expect("a story")).expect("JSON");
    let tenant = format!("t{}", Uuid::new_v4().simple());
    let tokens = tokens_for(story["steps"].as_array().expect("steps"), callers, &tenant);
    Told { path, story, tenant, tokens }
}

/// A token for every caller of the story, as its README says what the names mean.
fn tokens_for(steps: &[Value], callers: &Pair, tenant: &str) -> Value {
    let names = steps.iter().filter_map(|step| step["as"].as_str());
    let token = |name: &str| match name.split_once(':') {
        Some((kind, person)) => callers.person(kind, person, tenant),
        None if ["admin", "operator"].contains(&name) => callers.person(name, name, tenant),
        None => callers.service(name, tenant),
    };
    names.map(|name| (name.to_owned(), Value::from(token(name).expect("a token").token))).collect::<Map<_, _>>().into()
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}
