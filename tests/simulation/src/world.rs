//! One seed, from the first tick to the verdict.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use crewline_checkers::history::Window;
use crewline_checkers::{History, Verdict};
use tokio::time::sleep;
use turmoil::Sim;

use crate::book::{Book, nanos};
use crate::faults::Troubles;
use crate::hosts::Hosts;
use crate::plan::{CALM, CHURN, END, Plan, node};
use crate::scene::{CREW, OLGA, OTTO, Scene};
use crate::{admins, audit, entropy, readers, scripts, writers};

const TICK: Duration = Duration::from_millis(10);
/// One who is allowed all the while gets each message within this time, and can send within it.
const BOUND: Duration = Duration::from_secs(3);
/// What a fault leaves behind is gone this long after it: a lease has run out, the nodes have come back, and so have the streams.
const RECOVERY: Duration = Duration::from_millis(4_000);

/// Simulates a seed: what must not be, in words.
pub fn simulate(plan: Plan, book: &Book) -> Result<Vec<String>, Box<dyn Error>> {
    entropy::begin(plan.seed);
    chassis::simulation::begin(plan.seed, plan.disk);
    let folder = tempfile::Builder::new().prefix("crewline-simulation-").tempdir_in(disks())?;
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(plan.seed)
        .tick_duration(TICK)
        .simulation_duration(END * 2)
        // Below a tick, what is sent could arrive before it was sent.
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(plan.latency)
        .tcp_capacity(1024);
    let mut sim = builder.build();
    let hosts = Hosts::new(plan.clone(), book.clone(), folder.path())?;
    let scene = Scene::new(hosts.clone());
    hosts.permissions(&mut sim);
    for number in 0..plan.nodes {
        hosts.node(&mut sim, &node(number));
    }
    office(&mut sim, scene.clone());
    phones(&mut sim, scene);
    let audited = auditor(&mut sim, hosts.clone());

    let mut troubles = Troubles::new(&plan);
    let mut renewed = Duration::ZERO;
    while !audited.get() {
        if plan.tokens.is_some_and(|lifetime| sim.elapsed() >= renewed + lifetime / 2) {
            renewed = sim.elapsed();
            hosts.renew_tokens(renewed)?;
        }
        troubles.step(&mut sim, book);
        sim.step()?;
    }
    let mut pages = book.open();
    let mut history = pages.closed.take().ok_or("nobody closed the book")?;
    history.faults = windows(&plan, &troubles);
    pages.coverage.steps += chassis::simulation::incidents().len() as u64;
    let verdicts = crewline_checkers::judge(&history, nanos(BOUND));
    pages.coverage.judged += verdicts.iter().map(|verdict| verdict.judged as u64).sum::<u64>();
    Ok(pages.surprises.iter().cloned().chain(findings(&history, &verdicts)).collect())
}

/// In memory, where the machine has a place for that: a commit costs a sync.
fn disks() -> std::path::PathBuf {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// The administrators, the dispatch system, the carrier and those who work in the office.
fn office(sim: &mut Sim<'_>, scene: Scene) {
    sim.client("office", async move {
        scene.set().await?;
        match scene.plan.script {
            Some(script) => drop(tokio::task::spawn_local(scripts::play(script, scene.clone(), admins::alone(&scene)?))),
            None => admins::everybody(&scene)?.into_iter().for_each(|admin| drop(tokio::task::spawn_local(admin.work()))),
        }
        let carriers = scene.caller("carrier", "service", &["carrier"])?;
        tokio::task::spawn_local(writers::customers(scene.clone(), carriers));
        for name in [OTTO, OLGA] {
            everyday(&scene, name, "office").await?;
        }
        tokio::task::spawn_local(writers::person(scene.clone(), scene.caller(OTTO, "office", &[])?, OTTO));
        std::future::pending().await
    });
}

/// The technicians.
fn phones(sim: &mut Sim<'_>, scene: Scene) {
    sim.client("phones", async move {
        for name in CREW {
            everyday(&scene, name, "technician").await?;
            tokio::task::spawn_local(writers::person(scene.clone(), scene.caller(name, "technician", &[])?, name));
        }
        std::future::pending().await
    });
}

/// Somebody follows everything.
async fn everyday(scene: &Scene, name: &'static str, kind: &str) -> Result<(), Box<dyn Error>> {
    let clients = scene.caller(name, kind, &[])?;
    for place in scene.places().await {
        tokio::task::spawn_local(readers::follow(scene.clone(), clients[place.node].clone(), name, place));
    }
    // One who looks on costs as much as five who follow a thread.
    if [OTTO, CREW[0]].contains(&name) {
        for client in &clients {
            tokio::task::spawn_local(readers::look_on(scene.clone(), client.clone(), name));
        }
    }
    tokio::task::spawn_local(readers::ask(scene.clone(), clients, name));
    Ok(())
}

/// Looks at the databases when all is over.
fn auditor(sim: &mut Sim<'_>, hosts: Hosts) -> Rc<Cell<bool>> {
    let audited = Rc::new(Cell::new(false));
    let done = Rc::clone(&audited);
    sim.client("auditor", async move {
        sleep(END).await;
        hosts.book.open().close(&[OTTO, OLGA]);
        audit::databases(&hosts).await?;
        done.set(true);
        Ok(())
    });
    audited
}

/// When something was wrong, with the time to recover from it.
fn windows(plan: &Plan, troubles: &Troubles) -> Vec<Window> {
    let incidents = chassis::simulation::incidents().into_iter().map(|incident| (incident.at, incident.at + incident.took));
    let script = plan.script.map(|_| (CHURN, CALM));
    let wrong = troubles.windows().into_iter().chain(incidents).chain(script);
    wrong.map(|(from, to)| Window { from: nanos(from), to: nanos(to + RECOVERY) }).collect()
}

/// The first few of each rule.
fn findings(history: &History, verdicts: &[Verdict]) -> Vec<String> {
    let mut findings = Vec::new();
    for Verdict { rule, violations, .. } in verdicts {
        findings.extend(violations.iter().take(3).map(|violation| violation.tell(history).to_string()));
        if violations.len() > 3 {
            findings.push(format!("{rule:?}: {} in all", violations.len()));
        }
    }
    findings
}
