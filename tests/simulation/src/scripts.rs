//! What chance hardly ever brings about, brought about on purpose: in each script access is taken away from all technicians again and again,
//! each time in the one situation in which a certain fault of the services would show.

use std::time::Duration;

use crewline_client::retry::CallError;
use rand::Rng;
use rand::rngs::StdRng;
use strum::{Display, EnumString, VariantArray};
use tokio::time::sleep;

use crate::acts::{Act, Level};
use crate::admins::Admin;
use crate::hosts::database_file;
use crate::plan::{CALM, CHURN, Fault, Trouble};
use crate::scene::Scene;

const PERMISSIONS: &str = "permissions";
const NODE: &str = "chat-0";
const PHONES: &str = "phones";

/// When answers begin to come late, in [`Script::LateLease`]; and how late. It is more than a lease lasts, and less than what makes the node give
/// the connection up.
const LATE: [Duration; 2] = [Duration::from_millis(2_600), Duration::from_millis(6_200)];
const LATENESS: Duration = Duration::from_millis(2_200);
/// Those who were cut have come back, and the node, too.
const RECOVERY: Duration = Duration::from_millis(1_200);

/// A situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, Display, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Script {
    /// A node with a slow clock hears nothing more of a permissions service with a fast one, which has to wait for its lease.
    ClocksApart,
    /// More is ready for readers than their streams can take.
    StalledReaders,
    /// A node has to begin anew, from a snapshot that takes its time.
    NewSnapshot,
    /// The wire falls silent somewhere between the answer to a renewal and the change behind it.
    CutAfterLease,
    /// What the permissions service says arrives when the lease has run out there.
    LateLease,
    /// What people write takes long to commit.
    SlowCommit,
}

impl Script {
    /// What goes wrong at a time of its own.
    pub fn faults(self) -> Vec<Fault> {
        if self != Self::LateLease {
            return Vec::new();
        }
        let late =
            |at| Fault { at, lasts: LATENESS + RECOVERY / 2, what: Trouble::Late(PERMISSIONS.into(), NODE.into(), LATENESS) };
        LATE.map(late).to_vec()
    }
}

/// Plays a script to its end.
pub async fn play(script: Script, scene: Scene, mut admin: Admin) -> Result<(), CallError> {
    let _everything_is_there = scene.places().await;
    let mut dice = scene.plan.dice("script");
    sleep(CHURN.saturating_sub(elapsed())).await;
    let mut rounds = 0;
    while elapsed() + RECOVERY < CALM {
        match script {
            Script::ClocksApart => clocks_apart(&mut admin).await?,
            Script::StalledReaders => stalled_readers(&mut admin, &mut dice).await?,
            Script::NewSnapshot => new_snapshot(&mut admin, &mut dice).await?,
            Script::CutAfterLease => cut_after_lease(&mut admin, &mut dice).await?,
            Script::LateLease => {
                let Some(at) = LATE.get(rounds) else { return Ok(()) };
                sleep((*at + between(&mut dice, 100, 500)).saturating_sub(elapsed())).await;
                admin.does(Act::Role(Level::None)).await?;
                sleep(RECOVERY).await;
            }
            Script::SlowCommit => slow_commit(&mut admin, &mut dice).await?,
        }
        admin.does(Act::Role(Level::Full)).await?;
        if script != Script::StalledReaders {
            sleep(RECOVERY / 2).await;
        }
        rounds += 1;
    }
    Ok(())
}

async fn clocks_apart(admin: &mut Admin) -> Result<(), CallError> {
    turmoil::hold(PERMISSIONS, NODE);
    let revoked = admin.does(Act::Role(Level::None)).await;
    sleep(Duration::from_millis(300)).await;
    turmoil::release(PERMISSIONS, NODE);
    revoked
}

/// Those who have just come back read from the beginning, and get stuck in the middle.
async fn stalled_readers(admin: &mut Admin, dice: &mut StdRng) -> Result<(), CallError> {
    sleep(between(dice, 30, 450)).await;
    turmoil::hold(PHONES, NODE);
    sleep(Duration::from_millis(50)).await;
    let revoked = admin.does(Act::Role(Level::None)).await;
    turmoil::release(PHONES, NODE);
    sleep(Duration::from_millis(100)).await;
    revoked
}

/// Tokens end with a second.
async fn new_snapshot(admin: &mut Admin, dice: &mut StdRng) -> Result<(), CallError> {
    let into_the_second = Duration::from_nanos(elapsed().subsec_nanos().into());
    sleep(Duration::from_secs(1).saturating_sub(into_the_second) + between(dice, 0, 120)).await;
    let revoked = admin.does(Act::Role(Level::None)).await;
    slow_down(PERMISSIONS, 1_000);
    sleep(Duration::from_millis(300)).await;
    speed_up(PERMISSIONS);
    revoked
}

async fn cut_after_lease(admin: &mut Admin, dice: &mut StdRng) -> Result<(), CallError> {
    sleep(between(dice, 0, 500)).await;
    slow_down(PERMISSIONS, 30);
    let cut = async {
        sleep(between(dice, 200, 900)).await;
        turmoil::hold(PERMISSIONS, NODE);
        speed_up(PERMISSIONS);
    };
    let (revoked, ()) = tokio::join!(admin.does(Act::Role(Level::None)), cut);
    sleep(Duration::from_millis(300)).await;
    turmoil::release(PERMISSIONS, NODE);
    revoked
}

/// When the call returns, whoever looks is answered at once: what they do not see is not written.
async fn slow_commit(admin: &mut Admin, dice: &mut StdRng) -> Result<(), CallError> {
    chassis::simulation::slow_commits_down(&database_file(NODE), Some(Duration::from_secs(1)));
    sleep(between(dice, 50, 300)).await;
    let revoked = admin.does(Act::Role(Level::None)).await;
    chassis::simulation::slow_commits_down(&database_file(NODE), None);
    sleep(Duration::from_millis(500)).await;
    revoked
}

fn slow_down(host: &str, millis: u64) {
    chassis::simulation::slow_down(&database_file(host), Some(Duration::from_millis(millis)));
}

fn speed_up(host: &str) {
    chassis::simulation::slow_down(&database_file(host), None);
}

fn between(dice: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(dice.random_range(from..to))
}

fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
