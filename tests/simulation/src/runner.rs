//! Many seeds: each in a process of its own, since one that has simulated a seed is not as it was before; two at a time.

use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::scripts::Script;

/// Processes at a time.
const SIDE_BY_SIDE: usize = 2;
/// A seed that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// So many seeds meet everything that there is to be met.
const MEETS_EVERYTHING: u64 = 100;

/// What to run.
pub struct Runner {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// After this long the rest is left out.
    pub within: Option<Duration>,
    /// The fault that is planted.
    pub mutant: Option<String>,
    /// The script of all seeds, in the place of what each stands for.
    pub script: Option<Script>,
}

/// What came of many seeds.
#[derive(Default)]
pub struct Searched {
    begun: u64,
    done: u64,
    coverage: Coverage,
    /// The seed that failed first, and what it said.
    pub failed: Option<(u64, String)>,
}

impl Runner {
    /// Simulates all of them, up to the first that fails.
    pub fn search(&self) -> Searched {
        let (began, progress) = (Instant::now(), Mutex::new(Searched::default()));
        thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE {
                scope.spawn(|| self.work(began, &progress));
            }
        });
        clear_line();
        progress.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Simulates all of them, up to the first that fails, and tells what came of it.
    pub fn run(self) -> ExitCode {
        let began = Instant::now();
        let progress = self.search();
        println!("{} seeds in {:.1} s: {}", progress.done, began.elapsed().as_secs_f64(), progress.coverage);
        if let Some((seed, said)) = &progress.failed {
            let again = self.arguments(*seed).join(" ");
            println!("\nSeed {seed} failed:\n{said}\nTo see it again:\n  cargo simulate {again}");
            return ExitCode::FAILURE;
        }
        let missing = progress.coverage.missing();
        if self.script.is_none() && progress.done >= MEETS_EVERYTHING && !missing.is_empty() {
            println!("These never happened: {}", missing.join(", "));
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    fn work(&self, began: Instant, progress: &Mutex<Searched>) {
        let lock = || progress.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let seed = {
                let mut progress = lock();
                let time_is_up = self.within.is_some_and(|within| began.elapsed() > within);
                if progress.begun == self.seeds || time_is_up || progress.failed.is_some() {
                    return;
                }
                progress.begun += 1;
                self.first + progress.begun - 1
            };
            let (well, said) = self.simulate(seed);
            let mut progress = lock();
            progress.done += 1;
            if let Some(counts) = said.lines().find_map(|line| line.strip_prefix("coverage: ")) {
                progress.coverage += Coverage::parse(counts);
            }
            if !well && progress.failed.as_ref().is_none_or(|(first, _)| seed < *first) {
                progress.failed = Some((seed, said));
            }
            if io::stderr().is_terminal() {
                eprint!("\r{} of {} seeds, {:.0} s", progress.done, self.seeds, began.elapsed().as_secs_f64());
            }
        }
    }

    /// What simulates a seed.
    fn arguments(&self, seed: u64) -> Vec<String> {
        let mut arguments = vec!["--seed".to_owned(), seed.to_string()];
        arguments.extend(self.mutant.iter().flat_map(|mutant| ["--mutant".to_owned(), mutant.clone()]));
        arguments.extend(self.script.iter().flat_map(|script| ["--script".to_owned(), script.to_string()]));
        arguments
    }

    /// Simulates a seed: whether it went well, and what it said.
    fn simulate(&self, seed: u64) -> (bool, String) {
        let started = std::env::current_exe().and_then(|program| {
            let mut command = Command::new(program);
            command.args(self.arguments(seed)).arg("--brief");
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
        });
        match started {
            Ok(child) => wait(child),
            Err(error) => (false, format!("it does not start: {error}")),
        }
    }
}

/// What a process says until it ends, or is ended because it hangs.
fn wait(mut child: Child) -> (bool, String) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let mut readers = Vec::new();
    let pipes: [Option<Box<dyn io::Read + Send>>; 2] =
        [child.stdout.take().map(|pipe| Box::new(pipe) as _), child.stderr.take().map(|pipe| Box::new(pipe) as _)];
    for mut pipe in pipes.into_iter().flatten() {
        let said = Arc::clone(&said);
        readers.push(thread::spawn(move || {
            let mut text = Vec::new();
            // What came before an error is told.
            let _end = pipe.read_to_end(&mut text);
            said.lock().unwrap_or_else(PoisonError::into_inner).extend(text);
        }));
    }
    let began = Instant::now();
    let well = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => {
                // It is gone already, or is now.
                let _ended = child.kill().and_then(|()| child.wait());
                said.lock().unwrap_or_else(PoisonError::into_inner).extend(format!("it hung for {PATIENCE:?}\n").into_bytes());
                break false;
            }
        }
    };
    for reader in readers {
        // A reader that panicked has said so.
        let _read = reader.join();
    }
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    (well, String::from_utf8_lossy(&said).into_owned())
}

fn clear_line() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
        // Nobody needs to hear of a terminal that is gone.
        let _flushed = io::stderr().flush();
    }
}
