//! The faults that are planted into the real code: the judges have to find every one.

use std::process::ExitCode;

use strum::VariantArray;

use crate::runner::{Runner, Searched};

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

/// Simulates each fault, from the first seed to the one in which a judge finds it, and tells which did. One that is never found fails.
pub fn run(first: u64, seeds: u64) -> ExitCode {
    println!("{:<12} {:<30} {:>6}  found by", "service", "planted fault", "seed");
    let mut survivors = Vec::new();
    for Planted { service, name } in all() {
        let runner = Runner { first, seeds, within: None, mutant: Some(name.to_owned()) };
        let Searched { failed, .. } = runner.search();
        match failed.as_ref().and_then(|(seed, said)| Some((seed, judged(said)?))) {
            Some((seed, by)) => println!("{service:<12} {name:<30} {seed:>6}  {by}"),
            None => {
                let why = failed.map_or("nothing".to_owned(), |(seed, said)| format!("no judge: seed {seed} said\n{said}"));
                println!("{service:<12} {name:<30} {:>6}  {why}", "");
                survivors.push(name);
            }
        }
    }
    if survivors.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nNot found in {seeds} seeds: {}", survivors.join(", "));
    ExitCode::FAILURE
}

/// What a judge found; what merely broke is no finding.
fn judged(said: &str) -> Option<&str> {
    let finding = said.lines().find_map(|line| line.strip_prefix("finding: "))?;
    let broke = ["the simulation broke", "something panicked"].iter().any(|broken| finding.starts_with(broken));
    (!broke).then_some(finding)
}
