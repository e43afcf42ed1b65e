//! `crewline config`: what counts, where it comes from, and no password.

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use crate::copies::refused;
use crate::running::command;

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The value and the origin of a key, by the section that it stands in.
fn find(printed: &str, section: &str, key: &str) -> (String, String) {
    let mut within = "";
    for line in printed.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            within = name;
        } else if let Some((found, rest)) = line.split_once(" = ")
            && (within, found) == (section, key)
        {
            let (value, origin) = rest.split_once("  # ").expect("an origin");
            return (value.trim().to_owned(), origin.to_owned());
        }
    }
    panic!("{section}.{key} is not in {printed}");
}

#[test]
fn each_value_is_shown_with_where_it_comes_from() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("crewline.toml");
    fs::write(&file, "demo_phone = false\n[chat]\nnode = \"west\"\nstreams_per_person = 5\n").expect("written");
    let output = command(folder.path())
        .arg("config")
        .arg("--config")
        .arg(&file)
        .env("CREWLINE_CHAT__STREAMS_PER_PERSON", "7")
        .env("CREWLINE_DEMO_TENANT", "false")
        .env("CREWLINE_SERVER__LIMITS__CALLS_UNDER_WAY_PER_TENANT", "9")
        .output()
        .expect("the binary");
    let printed = printed(&output);
    let from_file = format!("file {}", file.display());
    let data_dir = format!("\"{}\"", folder.path().display());
    for (section, key, value, origin) in [
        ("", "data_dir", data_dir.as_str(), "command line"),
        ("", "demo_tenant", "false", "environment variable CREWLINE_DEMO_TENANT"),
        ("", "demo_phone", "false", from_file.as_str()),
        ("chat", "node", "\"west\"", from_file.as_str()),
        ("chat", "streams_per_person", "7", "environment variable CREWLINE_CHAT__STREAMS_PER_PERSON"),
        ("chat", "listen", "\"127.0.0.1:50052\"", "default"),
        ("permissions", "listen", "\"127.0.0.1:50051\"", "default"),
        ("permissions", "database_url", "\"\"", "default"),
        ("server", "reflection", "true", "default"),
        (
            "server.limits",
            "calls_under_way_per_tenant",
            "9",
            "environment variable CREWLINE_SERVER__LIMITS__CALLS_UNDER_WAY_PER_TENANT",
        ),
    ] {
        assert_eq!(find(&printed, section, key), (value.to_owned(), origin.to_owned()), "{section}.{key}");
    }
}

#[test]
fn what_is_printed_is_a_configuration_with_the_same_values() {
    let folder = TempDir::new().expect("a folder");
    let config = |arguments: &[&str]| {
        let output = command(folder.path()).arg("config").args(arguments).env("CREWLINE_CHAT__NODE", "a \"b\" \\ \u{1}").output();
        printed(&output.expect("the binary"))
    };
    let first = config(&[]);
    let file = folder.path().join("crewline.toml");
    fs::write(&file, &first).expect("written");
    let second = config(&["--config", file.to_str().expect("text")]);
    let values =
        |printed: &str| printed.lines().map(|line| line.split("  # ").next().unwrap_or("").trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(values(&second), values(&first));
    assert!(second.contains("# file "), "{second}");
}

#[test]
fn passwords_are_not_shown_wherever_they_come_from() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("crewline.toml");
    fs::write(&file, "[permissions]\ndatabase_url = \"postgres://ann:hunter1@db.example/permissions\"\n").expect("written");
    let output = command(folder.path())
        .arg("config")
        .arg("--config")
        .arg(&file)
        .env("CREWLINE_CHAT__DATABASE_URL", "postgres://ann@db.example/chat?password=hunter2&options[search_path]=chat")
        .env("CREWLINE_CHAT__ATTACHMENTS_URL", "https://ann:hunter3@media.example")
        .env("CREWLINE_IDENTITY__SIGNING_KEY_FILE", "/keys/signing.pem")
        .output()
        .expect("the binary");
    let printed = printed(&output);
    assert!(!format!("{printed}{}", String::from_utf8_lossy(&output.stderr)).contains("hunter"), "{printed}");
    for (section, key, value) in [
        ("permissions", "database_url", "\"postgres://ann:***@db.example/permissions\""),
        ("chat", "database_url", "\"postgres://ann@db.example/chat?password=***&options[search_path]=chat\""),
        ("chat", "attachments_url", "\"https://ann:***@media.example\""),
        ("identity", "signing_key_file", "\"/keys/signing.pem\""),
    ] {
        assert_eq!(find(&printed, section, key).0, value);
    }
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_what_to_do_and_without_its_secrets() {
    let folder = TempDir::new().expect("a folder");
    for (name, value, words) in [
        ("CREWLINE_CHAT__LISTEN_ON", "x", "listen_on"),
        ("CREWLINE_CHAT__DATABASE_URL", "postgres://ann:hunter2@h:port/d", "must look like sqlite://path"),
        ("CREWLINE_PERMISSIONS__LEASE_MILLIS", "1", "200 to 60000"),
    ] {
        let text = refused(&command(folder.path()).arg("config").env(name, value).output().expect("the binary"));
        assert!(text.contains(words) && text.contains("`crewline config`") && !text.contains("hunter2"), "{text}");
    }
    let text = refused(&command(folder.path()).args(["config", "--config", "missing.toml"]).output().expect("the binary"));
    assert!(text.contains("missing.toml") && text.contains("--config"), "{text}");
}
