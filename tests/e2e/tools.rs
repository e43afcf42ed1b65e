//! What some tests need beside Rust: `tests/tools` installs it, and its `--env` says where it is.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// The path of the tool that `variable` names. Without it, says that `what` is not run, also to `tests/run`.
pub fn find(variable: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable);
    if path.is_none() {
        not_run(what, &format!("{variable} is not set: see tests/tools"));
    }
    path.map(PathBuf::from)
}

/// Says that `what` is not run, and why.
pub fn not_run(what: &str, why: &str) {
    tell(&format!("NOT RUN: {what} ({why})\n"));
}

/// Says that `what` cannot be run on this machine, whatever is installed.
pub fn cannot_run_here(what: &str, why: &str) {
    tell(&format!("NOT RUN HERE: {what} ({why})\n"));
}

fn tell(line: &str) {
    // Not with `eprint!`: the output of a test that passes is not shown.
    std::io::stderr().write_all(line.as_bytes()).expect("stderr");
    if let Some(list) = std::env::var_os("CREWLINE_NOT_RUN").filter(|list| !list.is_empty()) {
        let mut list = File::options().append(true).create(true).open(list).expect("the list of what is not run");
        list.write_all(line.as_bytes()).expect("the list of what is not run");
    }
}
