//! The clients in other languages that play stories (`tests/drivers`), and the tokens that stories are played with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crewline::party::Pair;
use crewline_client::Services;
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::process::Command;

use crate::running::Running;
use crate::story::Variables;
use crate::tools;

/// For one story; each step has a limit of its own.
pub const LIMIT: Duration = Duration::from_secs(300);

/// A client in another language.
#[derive(Clone, Copy)]
pub struct Driver {
    /// The library or command.
    pub client: &'static str,
    script: &'static str,
    /// The variables that name what it needs: the interpreter comes first.
    tools: &'static [&'static str],
}

pub const GRPC_JS: Driver = Driver { client: "grpc-js", script: "grpc_js.js", tools: &["CREWLINE_NODE"] };
pub const GRPCIO: Driver = Driver { client: "grpcio", script: "grpcio_story.py", tools: &["CREWLINE_PYTHON"] };
pub const GRPCURL: Driver =
    Driver { client: "grpcurl", script: "grpcurl_story.py", tools: &["CREWLINE_PYTHON", "CREWLINE_GRPCURL"] };

/// A driver that can be started.
pub struct Found {
    driver: Driver,
    interpreter: PathBuf,
}

/// A story with those who play it.
pub struct Told {
    pub path: PathBuf,
    pub story: Value,
    pub tokens: Value,
    pub variables: Variables,
}

impl Driver {
    /// The driver, if all that it needs is there; else says that `what` is not played.
    pub fn find(self, what: &str) -> Option<Found> {
        let found: Option<Vec<PathBuf>> =
            self.tools.iter().map(|tool| tools::find(tool, &format!("{what} through {}", self.client))).collect();
        Some(Found { driver: self, interpreter: found?.into_iter().next()? })
    }
}

impl Found {
    /// Plays a story to its end.
    pub async fn play(&self, told: &Told, running: &Running) {
        let folder = TempDir::new().expect("a folder");
        let (tokens, variables) = (folder.path().join("tokens"), folder.path().join("variables"));
        std::fs::write(&tokens, told.tokens.to_string()).expect("written");
        std::fs::write(&variables, serde_json::to_string(&told.variables).expect("JSON")).expect("written");

        let mut play = Command::new(&self.interpreter);
        play.arg(tests().join("drivers").join(self.driver.script)).arg(&told.path);
        play.env("CREWLINE_TENANT", &told.variables["tenant"]);
        play.env("CREWLINE_TOKENS", &tokens).env("CREWLINE_VARIABLES", &variables);
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
    pub fn steps(&self) -> &[Value] {
        self.story["steps"].as_array().expect("steps")
    }
}

/// The services, as the Rust client calls them.
pub fn services(running: &Running) -> Services {
    let url = |address: Option<std::net::SocketAddr>| format!("http://{}", address.expect("an address"));
    Services::new(&url(running.endpoints.chat), Some(&url(running.endpoints.permissions))).expect("URLs")
}

/// A token for everybody who acts in the steps, as the README of the stories says what the names mean.
pub fn tokens_for<'a>(steps: impl IntoIterator<Item = &'a Value>, callers: &Pair, tenants: &Variables) -> Value {
    let names = steps.into_iter().filter_map(|step| step["as"].as_str());
    names.map(|name| (name.to_owned(), Value::from(token(name, callers, tenants)))).collect::<Map<_, _>>().into()
}

fn token(name: &str, callers: &Pair, tenants: &Variables) -> String {
    let (who, place) = name.split_once('@').unwrap_or((name, "tenant"));
    let tenant = tenants.get(place).map_or(place, String::as_str);
    let party = match who.split_once(':') {
        Some((kind, person)) => callers.person(kind, person, tenant),
        None if ["admin", "operator"].contains(&who) => callers.person(who, who, tenant),
        None => callers.service(who, tenant),
    };
    party.expect("a token").token
}

/// The JSON in a file of the tests.
pub fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The JSON files of a folder of the tests.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(tests().join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    assert!(!found.is_empty(), "{folder}");
    found.sort();
    found
}

pub fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}
