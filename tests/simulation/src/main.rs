//! Runs the real code of both services in simulated time, once for each seed: faults, crashes and changes of access are drawn from it,
//! and what clients saw and nodes recorded is judged.

mod acts;
mod admins;
mod audit;
mod book;
mod coverage;
mod entropy;
mod faults;
mod hosts;
mod mutants;
mod nodes;
mod plan;
mod readers;
mod runner;
mod scene;
mod scripts;
mod world;
mod writers;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::prelude::*;

use crate::book::Book;
use crate::nodes::{HOSTS, RECORDS, Records};
use crate::plan::Plan;
use crate::runner::Runner;
use crate::scripts::Script;

/// The real code of both services in simulated time, on a simulated network, from a seed.
#[derive(Parser)]
struct Cli {
    /// Seeds to simulate, from the first.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Ends well after so many minutes, however many seeds are left.
    #[arg(long)]
    minutes: Option<u64>,
    /// 100,000 seeds.
    #[arg(long, conflicts_with = "seeds")]
    nightly: bool,
    /// Simulates this seed alone, and tells everything. RUST_LOG chooses what the services log.
    #[arg(long)]
    seed: Option<u64>,
    /// Plants this fault.
    #[arg(long)]
    mutant: Option<String>,
    /// Plays this script in every seed: clocks-apart, stalled-readers, new-snapshot, cut-after-lease, late-lease or slow-commit.
    #[arg(long)]
    script: Option<Script>,
    /// Plants every fault there is, one after the other, and looks for a seed in which it is found.
    #[arg(long, conflicts_with_all = ["seed", "mutant", "script", "nightly"])]
    mutants: bool,
    /// With `--seed`: tells only what came of it.
    #[arg(long, hide = true, requires = "seed")]
    brief: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.seed {
        Some(seed) => one(seed, &cli),
        None if cli.mutants => mutants::run(cli.first, cli.seeds),
        None => {
            let seeds = if cli.nightly { 100_000 } else { cli.seeds };
            let within = cli.minutes.map(|minutes| Duration::from_secs(60 * minutes));
            Runner { first: cli.first, seeds, within, mutant: cli.mutant, script: cli.script }.run()
        }
    }
}

fn one(seed: u64, cli: &Cli) -> ExitCode {
    if let Some(mutant) = &cli.mutant {
        // Nothing else plants one in this process.
        let _planted = chassis::mutant::plant(mutant);
    }
    let book = Book::default();
    listen(&book, !cli.brief);
    let plan = cli.script.map_or_else(|| Plan::of(seed), |script| Plan::of_script(seed, script));
    if !cli.brief {
        println!("{plan:#?}");
        book.open().loud = true;
    }
    // On a thread of its own: what was drawn on this one depends on what is printed.
    let simulated = thread::spawn({
        let book = book.clone();
        move || world::simulate(plan, &book).map_err(|error| error.to_string())
    });
    let findings = match simulated.join() {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![format!("the simulation broke: {error}")],
        Err(_) => vec!["something panicked".to_owned()],
    };
    for finding in &findings {
        println!("finding: {finding}");
    }
    println!("coverage: {}", book.open().coverage);
    println!("hash: {:016x}", book.open().hash());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Collects the records of the nodes; and prints what the services log, if they are to be heard.
fn listen(book: &Book, loud: bool) {
    let records = Targets::new().with_target(RECORDS, LevelFilter::TRACE).with_target(HOSTS, LevelFilter::INFO);
    let log = loud.then(|| {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt::layer().with_ansi(false).with_timer(Simulated).with_filter(filter)
    });
    tracing_subscriber::registry().with(Records(book.clone()).with_filter(records)).with(log).init();
}

/// The simulated time.
struct Simulated;

impl FormatTime for Simulated {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:>14.6}", turmoil::sim_elapsed().unwrap_or_default().as_secs_f64())
    }
}
