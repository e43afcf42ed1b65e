//! See `crewline --help`.

use std::process::ExitCode;

use clap::Parser;
use crewline::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crewline: {error}");
            ExitCode::FAILURE
        }
    }
}
