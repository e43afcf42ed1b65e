//! Rules of the tree, kept by a test: who may import what, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder of the repository, the folder's own builds apart.
fn files(folder: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
                    collect(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let found: Vec<PathBuf> = files(folder).into_iter().filter(|path| has_extension(path, "rs")).collect();
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// Fails for each line of code that has one of `words` in it. Comments may say what they like.
fn assert_free_of(path: &Path, words: &[&str]) {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (number, line) in text.lines().enumerate() {
        let code = line.split_once("//").map_or(line, |(code, _)| code);
        for word in words {
            assert!(!code.contains(word), "{}:{}: `{word}` does not belong here", path.display(), number + 1);
        }
    }
}

/// The dependencies of a crate, those of its tests included.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
    let mut found = Vec::new();
    let mut among_dependencies = false;
    for line in text.lines() {
        if line.starts_with('[') {
            among_dependencies = line.contains("dependencies");
            // `[dependencies.name]` is a way to write one, too.
            found.extend(line.split_once("dependencies.").map(|(_, name)| name.trim_end_matches(']').to_owned()));
        } else if among_dependencies {
            found.extend(line.split(['.', '=']).next().map(|name| name.trim().to_owned()));
        }
    }
    assert!(found.iter().any(|name| name == "tokio"), "{manifest} was read");
    found
}

#[test]
fn the_model_knows_neither_transport_nor_database_nor_runtime() {
    let mut words = sources("services/chat/src/model");
    words.extend(["permissions", "chat"].map(|service| root().join(format!("services/{service}/src/model.rs"))));
    for path in words {
        assert_free_of(&path, &["tonic", "sea_orm", "tokio", "crewline_api::"]);
    }
}

#[test]
fn the_stores_know_nothing_of_the_proto() {
    for service in ["permissions", "chat"] {
        let folder = format!("services/{service}/src/store");
        for path in sources(&folder).iter().chain([&root().join(format!("{folder}.rs"))]) {
            assert_free_of(path, &["crewline_api", "tonic"]);
        }
    }
}

#[test]
fn decisions_read_neither_clock_nor_anything_else() {
    let io = [
        "async",
        "await",
        "tokio",
        "sea_orm",
        "tonic",
        "std::fs",
        "std::net",
        "std::io",
        "std::env",
        "Instant",
        "SystemTime",
        "clock",
    ];
    for path in [
        "permissions/src/decision.rs",
        "permissions/src/revocation.rs",
        "permissions/src/brought_back.rs",
        "chat/src/access/guard.rs",
        "chat/src/routing.rs",
        "chat/src/fold.rs",
    ] {
        assert_free_of(&root().join("services").join(path), &io);
    }
}

#[test]
fn a_stream_is_pulled_without_tasks_channels_or_sql() {
    let queues = ["spawn(", "mpsc", "broadcast", "oneshot", "sea_orm"];
    for name in ["gated", "watch", "inbox", "outbox"] {
        assert_free_of(&root().join(format!("services/chat/src/{name}.rs")), &queues);
    }
}

#[test]
fn handlers_hold_no_sql_and_make_no_status_by_hand() {
    for service in ["permissions", "chat"] {
        for path in sources(&format!("services/{service}/src/grpc")) {
            assert_free_of(&path, &["sea_orm", "Status::new", "Code::"]);
        }
    }
}

#[test]
fn the_services_do_not_depend_on_each_other_and_the_chassis_on_neither() {
    let chat = dependencies("services/chat/Cargo.toml");
    let permissions = dependencies("services/permissions/Cargo.toml");
    let chassis = dependencies("services/chassis/Cargo.toml");
    for (from, dependencies, to) in [
        ("chat", &chat, "permissions"),
        ("permissions", &permissions, "chat"),
        ("chassis", &chassis, "chat"),
        ("chassis", &chassis, "permissions"),
    ] {
        assert!(!dependencies.iter().any(|name| name == to), "{from} depends on {to}");
    }
}

#[test]
fn the_client_library_knows_the_api_and_nothing_of_the_services() {
    for name in dependencies("clients/rust/Cargo.toml") {
        assert!(!["chassis", "permissions", "chat", "crewline"].contains(&name.as_str()), "it depends on {name}");
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    for path in ["services", "clients", "proto"].into_iter().flat_map(files) {
        if has_extension(&path, "rs") || has_extension(&path, "proto") {
            let lines = fs::read_to_string(&path).expect("text").lines().count();
            assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn a_module_is_a_file_beside_its_folder() {
    for path in ["services", "clients", "proto", "tests"].into_iter().flat_map(files) {
        assert_ne!(path.file_name().and_then(|name| name.to_str()), Some("mod.rs"), "{}", path.display());
    }
}
