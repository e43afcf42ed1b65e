//! The faults that are planted into the real code: the judges have to find every one, in what a seed draws or in a script.

use std::process::ExitCode;

use strum::VariantArray;

use crate::runner::{Runner, Searched};
use crate::scripts::Script;

/// A fault of a service.
struct Planted {
    service: &'static str,
    name: &'static str,
}

/// All faults that can be planted.
fn all() -> Vec<Planted> {
    let permissions = permissions::mutant::Mutant::VARIANTS.iter().map(|mutant| ("permissions", mutant.into()));
    let chat = chat::mutant::Mutant::VARIANTS.iter().map(|mutant| ("chat", mutant.into()));
    permissions.chain(chat).map(|(service, name)| Planted { service, name }).collect()
}

/// The situation in which a fault shows; none where what a seed draws is enough.
fn shows_in(name: &str) -> Option<Script> {
    Some(match name {
        "no-margin" => Script::ClocksApart,
        "check-before-queue" => Script::StalledReaders,
        "lease-kept-across-resync" => Script::NewSnapshot,
        "grant-without-revision" | "grant-without-head-read" | "head-read-before-entry" => Script::CutAfterLease,
        "lease-from-receipt" => Script::LateLease,
        "permit-not-pinned" => Script::SlowCommit,
        _ => return None,
    })
}

/// Simulates each fault, from the first seed to the one in which a judge finds it, and tells which did. One that is never found fails.
pub fn run(first: u64, seeds: u64) -> ExitCode {
    println!("{:<12} {:<26} {:<16} {:>5}  found by the judge", "service", "planted fault", "script", "seed");
    let mut survivors = Vec::new();
    for Planted { service, name } in all() {
        let script = shows_in(name);
        let runner = Runner { first, seeds, within: None, mutant: Some(name.to_owned()), script };
        let Searched { failed, .. } = runner.search();
        let found = failed.as_ref().and_then(|(seed, said)| Some((seed.to_string(), judged(said)?.to_owned())));
        if found.is_none() {
            survivors.push(name);
        }
        let (seed, by) = found.unwrap_or_else(|| {
            let why = failed.map_or("nothing".to_owned(), |(seed, said)| format!("no judge: seed {seed} said\n{said}"));
            (String::new(), why)
        });
        let script = script.map_or("chance".to_owned(), |script| script.to_string());
        println!("{service:<12} {name:<26} {script:<16} {seed:>5}  {by}");
    }
    if survivors.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nNot found in {seeds} seeds: {}", survivors.join(", "));
    ExitCode::FAILURE
}

/// Which judge found something; what merely broke is no finding.
fn judged(said: &str) -> Option<&str> {
    let finding = said.lines().find_map(|line| line.strip_prefix("finding: "))?;
    let broke = ["the simulation broke", "something panicked"].iter().any(|broken| finding.starts_with(broken));
    (!broke).then(|| finding.trim_end_matches(':'))
}
