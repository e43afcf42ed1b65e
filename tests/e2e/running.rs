//! Processes of the real binary, on ports that the system chooses and in directories of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crewline::config::Config;
use crewline::endpoints::Endpoints;
use crewline::party::Pair;
use sea_orm::{Database, DatabaseConnection};
use tempfile::TempDir;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::engine::Schemas;

/// How long a test waits for what must come about.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A process, killed when it is dropped.
pub struct Running {
    child: Child,
    role: &'static str,
    environment: BTreeMap<String, String>,
    folder: TempDir,
    schemas: Option<Schemas>,
    pub endpoints: Endpoints,
}

/// The path of the binary: `CREWLINE_BIN`, or that of the same build profile. `tests/run` builds it first.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CREWLINE_BIN") {
        return path.into();
    }
    let tests = std::env::current_exe().expect("this test");
    let path = tests.parent().and_then(Path::parent).expect("the target directory").join("crewline");
    assert!(path.is_file(), "{} is not there: run `cargo build` first, or tests/run", path.display());
    path
}

/// A command of the binary that sees none of the suite's own variables.
pub fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(binary());
    command.arg("--data-dir").arg(data_dir).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CREWLINE_")) {
        command.env_remove(name);
    }
    command
}

impl Running {
    /// Both services in one process.
    pub async fn pair() -> Self {
        Self::start("all", &[]).await
    }

    /// Services with configuration of the environment's kind.
    pub async fn start(role: &'static str, environment: &[(&str, &str)]) -> Self {
        Self::start_in(TempDir::new().expect("a folder"), role, environment).await
    }

    /// The same over a data directory that may hold something.
    pub async fn start_in(folder: TempDir, role: &'static str, environment: &[(&str, &str)]) -> Self {
        let mut settings = BTreeMap::from([
            ("CREWLINE_PERMISSIONS__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("CREWLINE_CHAT__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("CREWLINE_DEMO_TENANT".to_owned(), "false".to_owned()),
        ]);
        let schemas = Schemas::make().await;
        if let Some(schemas) = &schemas {
            settings.insert("CREWLINE_PERMISSIONS__DATABASE_URL".to_owned(), schemas.url("permissions"));
            settings.insert("CREWLINE_CHAT__DATABASE_URL".to_owned(), schemas.url("chat"));
        }
        settings.extend(environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let child = spawn(role, &settings, folder.path());
        let mut running = Self { child, role, environment: settings, folder, schemas, endpoints: Endpoints::default() };
        running.endpoints = running.wait_for_endpoints().await;
        // A later start of this process takes the same ports, as a restarted service does.
        for (name, address) in [("PERMISSIONS", running.endpoints.permissions), ("CHAT", running.endpoints.chat)] {
            if let Some(address) = address {
                running.environment.insert(format!("CREWLINE_{name}__LISTEN"), address.to_string());
            }
        }
        running.wait_until_serving().await;
        running
    }

    /// Configures what later starts of this process find.
    pub fn configure(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The database of the chat service.
    pub async fn chat_database(&self) -> DatabaseConnection {
        self.database("chat").await
    }

    /// The database of a service.
    pub async fn database(&self, service: &str) -> DatabaseConnection {
        let url = match &self.schemas {
            Some(schemas) => schemas.url(service),
            None => format!("sqlite://{}", self.data_dir().join(service).with_extension("db").display()),
        };
        Database::connect(url).await.expect("a database")
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Callers of a pair.
    pub async fn callers(&self) -> Pair {
        let config = Config::read(None, Some(self.data_dir())).expect("the defaults");
        Pair::new(&config, self.endpoints).await.expect("a signing key")
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// The process stands still as it is (SIGSTOP).
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// A process that stood still goes on (SIGCONT).
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.process_id().to_string()).status().expect("kill");
        assert!(sent.success(), "{signal}: {sent}");
    }

    /// Starts the process again, in the same directory and on the same ports, and waits until it serves.
    pub async fn restart(&mut self) {
        self.child = spawn(self.role, &self.environment, self.folder.path());
        self.wait_until_serving().await;
    }

    /// What `crewline verify` says of the chat database, whether or not the process runs.
    pub async fn verify(&self) -> Output {
        self.run(&["verify"]).await
    }

    /// What a command says with the configuration of this process, whether or not that runs. It must come to an end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = command(self.data_dir());
        command.args(arguments).envs(&self.environment);
        let mut command = tokio::process::Command::from(command);
        let ended = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
        ended.expect("it comes to its end").expect("the binary")
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("-TERM");
        self.exit().await
    }

    /// Waits for the end.
    pub async fn exit(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the process does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the process has said this.
    pub async fn until_logged(&self, words: &str) {
        let began = Instant::now();
        while !self.log().contains(words) {
            assert!(began.elapsed() < PATIENCE, "it does not say: {words}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn wait_for_endpoints(&mut self) -> Endpoints {
        let began = Instant::now();
        loop {
            if let Some(endpoints) = Endpoints::read(self.folder.path()) {
                return endpoints;
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "it does not start: {ended:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn wait_until_serving(&self) {
        for address in [self.endpoints.permissions, self.endpoints.chat].into_iter().flatten() {
            let began = Instant::now();
            while !serves(address).await {
                assert!(began.elapsed() < PATIENCE, "{address} does not serve\n{}", self.log());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Whether health says that the whole server serves.
pub async fn serves(address: SocketAddr) -> bool {
    health(address).await == Some(ServingStatus::Serving)
}

/// What health says of the whole server; nothing if nobody answers.
pub async fn health(address: SocketAddr) -> Option<ServingStatus> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
    // A server that hangs must not make a test hang.
    let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await.ok()?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await.ok()?;
    Some(answer.into_inner().status())
}

fn spawn(role: &str, settings: &BTreeMap<String, String>, folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log");
    command(folder)
        .args(["serve", "--role", role])
        .envs(settings)
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("the binary")
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended_before = self.child.kill();
        let _status = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the last lines of the process's log ---");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}
