//! `docs/grpcurl.md`: its commands run as they stand and print what it shows, and no RPC is missing.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use prost::Message;
use prost_types::FileDescriptorSet;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::running::{Running, binary};
use crate::tools;

const PAGE: &str = include_str!("../../docs/grpcurl.md");
/// For the whole page.
const LIMIT: Duration = Duration::from_secs(120);
/// Stands for any value, and for any lines.
const ANY: &str = "…";

/// Commands, and what is shown below them.
struct Block {
    line: usize,
    commands: String,
    shown: Option<Shown>,
}

enum Shown {
    Json(Vec<Value>),
    Text(String),
}

#[tokio::test]
async fn the_commands_of_the_grpcurl_page_print_what_it_shows() {
    let Some(grpcurl) = tools::find("CREWLINE_GRPCURL", "docs/grpcurl.md") else { return };
    let running = Running::pair().await;
    let blocks = blocks();
    let printed = run(&blocks, &running, grpcurl.parent().expect("its folder")).await;
    for (block, printed) in blocks.iter().zip(printed) {
        let complaint = format!("docs/grpcurl.md, line {}: it shows something else than what is printed:\n{printed}", block.line);
        match &block.shown {
            None => {}
            Some(Shown::Json(shown)) => {
                let printed = documents(&printed).unwrap_or_else(|error| panic!("{complaint}\n{error}"));
                assert!(shown.len() == printed.len() && shown.iter().zip(&printed).all(|(s, p)| shows(s, p)), "{complaint}");
            }
            Some(Shown::Text(shown)) => assert!(shows_lines(shown, &printed), "{complaint}"),
        }
    }
}

#[test]
fn every_rpc_is_called_on_the_grpcurl_page() {
    let commands: String = blocks().into_iter().map(|block| block.commands).collect();
    let api = FileDescriptorSet::decode(crewline_api::FILE_DESCRIPTOR_SET).expect("descriptors");
    let mut rpcs = 0;
    for file in &api.file {
        for service in &file.service {
            for method in &service.method {
                let rpc = format!("{}.{}/{}", file.package(), service.name(), method.name());
                assert!(commands.split_whitespace().any(|word| word == rpc), "docs/grpcurl.md does not call {rpc}");
                rpcs += 1;
            }
        }
    }
    assert!(rpcs > 0);
}

/// Runs the commands in one session, and gives what each block printed.
async fn run(blocks: &[Block], running: &Running, tools: &Path) -> Vec<String> {
    let folder = TempDir::new().expect("a folder");
    let mut script = "set -eu -o pipefail\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        script += &format!("exec >\"$PRINTED/{number}\" 2>&1\n{}", block.commands);
    }
    let path = std::env::var("PATH").expect("a path");
    let own = binary().parent().expect("its folder").display().to_string();
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir(folder.path()).kill_on_drop(true).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CREWLINE_")) {
        bash.env_remove(name);
    }
    bash.env("PATH", format!("{own}:{}:{path}", tools.display())).env("PRINTED", folder.path());
    bash.env("DATA_DIR", running.data_dir());
    bash.env("PERMISSIONS", running.endpoints.permissions.expect("permissions").to_string());
    bash.env("CHAT", running.endpoints.chat.expect("chat").to_string());
    let ended = tokio::time::timeout(LIMIT, bash.status()).await.expect("an end within the limit").expect("bash");

    let printed = (0..blocks.len()).map_while(|number| std::fs::read_to_string(folder.path().join(number.to_string())).ok());
    let printed: Vec<String> = printed.collect();
    let last = printed.len().checked_sub(1).expect("a block that ran");
    let all = ended.success() && printed.len() == blocks.len();
    assert!(all, "docs/grpcurl.md, line {}: the page ends there with {ended}:\n{}", blocks[last].line, printed[last]);
    printed
}

/// The fenced blocks of the page.
fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut follows_commands = false;
    let mut lines = PAGE.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            follows_commands &= line.is_empty();
            continue;
        };
        let content: String =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let line = index + 1;
        if language == "sh" {
            blocks.push(Block { line, commands: content, shown: None });
        } else {
            assert!(follows_commands, "docs/grpcurl.md, line {line}: it shows what no commands print");
            let shown = match language {
                "json" => {
                    Shown::Json(documents(&content).unwrap_or_else(|error| panic!("docs/grpcurl.md, line {line}: {error}")))
                }
                "text" => Shown::Text(content),
                other => panic!("docs/grpcurl.md, line {line}: a block of {other:?}"),
            };
            blocks.last_mut().expect("commands").shown = Some(shown);
        }
        follows_commands = language == "sh";
    }
    blocks
}

/// JSON documents, one after the other.
fn documents(text: &str) -> serde_json::Result<Vec<Value>> {
    serde_json::Deserializer::from_str(text).into_iter().collect()
}

/// Whether `shown` is `actual`, or a part of it: fields may be left out, but none that is `true`, for what is not shown is false.
fn shows(shown: &Value, actual: &Value) -> bool {
    match (shown, actual) {
        (Value::String(any), _) if any == ANY => true,
        (Value::Object(shown), Value::Object(actual)) => {
            shown.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| shows(value, actual)))
                && actual.iter().all(|(key, value)| *value != Value::Bool(true) || shown.contains_key(key))
        }
        (Value::Array(shown), Value::Array(actual)) => {
            shown.len() == actual.len() && shown.iter().zip(actual).all(|(shown, actual)| shows(shown, actual))
        }
        _ => shown == actual,
    }
}

/// Whether the lines are among those printed, in their order. White space counts as a space.
fn shows_lines(shown: &str, printed: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut printed = printed.lines().map(words);
    shown.lines().map(words).filter(|line| line != ANY).all(|line| printed.any(|found| found == line))
}
