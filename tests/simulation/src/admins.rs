//! Those who take access away and give it back: two administrators and the dispatch system, each of whom does one thing after the other.

use std::time::Duration;

use crewline_checkers::history::Switch;
use crewline_client::Client;
use crewline_client::retry::CallError;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::time::sleep;

use crate::acts::{Act, Facts, Level};
use crate::plan::{CALM, CHURN};
use crate::scene::{CREW, JOBS, OTTO, Scene};

/// One of them. Nobody else changes what they change.
pub struct Admin {
    scene: Scene,
    client: Client,
    name: &'static str,
    dice: StdRng,
    facts: Facts,
    calls: u32,
    draw: fn(&mut StdRng) -> Act,
}

/// A call that is to be made.
struct Call {
    act: Act,
    switches: Vec<(Switch, bool)>,
    key: String,
    later: Duration,
}

/// All of them.
pub fn everybody(scene: &Scene) -> Result<Vec<Admin>, Box<dyn std::error::Error>> {
    Ok(vec![
        Admin::new(scene, "ada", "admin", &[], levels)?,
        Admin::new(scene, "adam", "admin", &[], people)?,
        Admin::new(scene, "dispatch", "service", &["dispatch"], jobs)?,
    ])
}

/// One who changes levels and is told when to.
pub fn alone(scene: &Scene) -> Result<Admin, Box<dyn std::error::Error>> {
    Admin::new(scene, "ada", "admin", &[], levels)
}

/// Levels: own ones and those of the role.
fn levels(dice: &mut StdRng) -> Act {
    let level = *[Level::None, Level::None, Level::View, Level::Full, Level::Full].choose(dice).unwrap_or(&Level::Full);
    let people = [CREW[0], CREW[1], CREW[2], CREW[3], OTTO];
    let person = people.choose(dice).unwrap_or(&OTTO);
    match dice.random_range(0..10) {
        0..7 => Act::Permit(person, level),
        7 => Act::Reset(person),
        _ => Act::Role(level),
    }
}

/// Whether people are there at all.
fn people(dice: &mut StdRng) -> Act {
    let on = dice.random_bool(0.55);
    let person = CREW.choose(dice).unwrap_or(&OTTO);
    match dice.random_range(0..10) {
        0..4 => Act::Active(person, on),
        4 => Act::Active(OTTO, on),
        5..8 => Act::Mobile(person, on),
        _ => Act::Chat(dice.random_bool(0.7)),
    }
}

/// Who is on which job, and whether it goes on.
fn jobs(dice: &mut StdRng) -> Act {
    let (person, job) = (CREW.choose(dice).unwrap_or(&OTTO), JOBS.choose(dice).unwrap_or(&JOBS[0]));
    if dice.random_range(0..10) == 0 {
        return Act::Ended(job, dice.random_bool(0.4));
    }
    Act::Assign(person, job, if dice.random_bool(0.75) { "1" } else { "2" }, dice.random_bool(0.5))
}

impl Admin {
    fn new(
        scene: &Scene,
        name: &'static str,
        kind: &str,
        scopes: &[&str],
        draw: fn(&mut StdRng) -> Act,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let client = scene.caller(name, kind, scopes)?.remove(0);
        Ok(Self { scene: scene.clone(), client, name, dice: scene.plan.dice(name), facts: Facts::default(), calls: 0, draw })
    }

    /// Does this, and returns when the call has.
    pub async fn does(&mut self, act: Act) -> Result<(), CallError> {
        let calls = self.prepare(&act);
        futures_util::future::try_join_all(calls.iter().map(|call| self.make(call))).await.map(drop)
    }

    /// Changes one thing after the other, and gives everything back in the end.
    pub async fn work(mut self) -> Result<(), CallError> {
        let _everything_is_there = self.scene.places().await;
        sleep(CHURN.saturating_sub(elapsed())).await;
        while elapsed() < CALM {
            self.scene.think(&mut self.dice).await;
            let acts = self.draw_some();
            let calls: Vec<_> = acts.iter().flat_map(|act| self.prepare(act)).collect();
            futures_util::future::try_join_all(calls.iter().map(|call| self.make(call))).await?;
        }
        for act in self.facts.to_restore() {
            self.does(act).await?;
        }
        Ok(())
    }

    /// What to do at the same time: mostly one thing.
    fn draw_some(&mut self) -> Vec<Act> {
        let mut acts = vec![(self.draw)(&mut self.dice)];
        while acts.len() < 3 && self.dice.random_bool(0.25) {
            let act = (self.draw)(&mut self.dice);
            if acts.iter().all(|other| act.is_apart_from(other)) {
                acts.push(act);
            }
        }
        acts
    }

    /// The call that does it, and now and then a second one that does the same while the first is under way.
    fn prepare(&mut self, act: &Act) -> Vec<Call> {
        let switches = self.facts.take(act);
        let takes_away = switches.iter().any(|(_, takes_away)| *takes_away);
        let mut calls = vec![Duration::ZERO];
        if takes_away && elapsed() < CALM && self.dice.random_bool(0.25) {
            self.scene.book.open().coverage.repeated += 1;
            calls.push(Duration::from_millis(self.dice.random_range(0..150)));
        }
        let mut number = || {
            self.calls += 1;
            format!("{}-{}", self.name, self.calls)
        };
        calls.into_iter().map(|later| Call { act: act.clone(), switches: switches.clone(), key: number(), later }).collect()
    }

    /// Tries until somebody answers.
    async fn make(&self, Call { act, switches, key, later }: &Call) -> Result<(), CallError> {
        sleep(*later).await;
        let what = format!("{key}: {act:?}");
        let changes = self.scene.book.open().change_begins(&what, switches);
        loop {
            match act.call(&self.client, key).await {
                Ok(receipt) => {
                    self.scene.book.open().change_returns(&what, changes, &receipt);
                    if switches.iter().any(|(_, takes_away)| *takes_away) {
                        self.scene.revoked.notify_waiters();
                    }
                    return Ok(());
                }
                Err(CallError::Refused(status)) => {
                    self.scene.book.open().surprise(format!("{what} is refused: {status}"));
                    return Err(CallError::Refused(status));
                }
                Err(error) => drop(self.scene.book.open().note(&format!("{what}: {error}"))),
            }
        }
    }
}

fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
