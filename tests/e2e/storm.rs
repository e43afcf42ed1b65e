//! Revocations of every kind while everything goes wrong: processes that are killed or stand still, a wire that is cut or slow, 200 streams
//! open, and sends all the while. What clients and nodes saw is judged in the end.
//!
//! `CREWLINE_STORM_SEED` chooses the order of what goes wrong again, `CREWLINE_STORM_ROUNDS` how often each does.

use std::time::{Duration, SystemTime};

use crewline_api::permissions::v1::AccessAfterJobEnd;
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::apart::Apart;
use crate::calls;
use crate::dice::Dice;
use crate::recorder::RECORDS;
use crate::scene::Scene;
use crate::switchboard::Cause;
use crate::waiting::until;

const THREADS: usize = 5;
/// Of each technician and thread. With eight technicians that is 200 streams, and 25 for each: 32 are allowed.
const STREAMS: usize = 5;
/// Longer than a lease, so that it runs out.
const A_WHILE: Duration = Duration::from_secs(3);
const CALM: Duration = Duration::from_secs(2);

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Cut,
    Slow,
    ChatStops,
    PermissionsStop,
    ChatIsKilled,
    PermissionsAreKilled,
}

const FAULTS: [Fault; 6] =
    [Fault::Cut, Fault::Slow, Fault::ChatStops, Fault::PermissionsStop, Fault::ChatIsKilled, Fault::PermissionsAreKilled];

impl Fault {
    /// Lets it go wrong, and waits until all is well again.
    async fn befall(self, apart: &mut Apart, scenes: &[&Scene]) {
        let from: Vec<_> = scenes.iter().map(|scene| scene.recorder.now()).collect();
        match self {
            Self::Cut => {
                apart.wire.cut();
                sleep(A_WHILE).await;
                apart.wire.mend();
            }
            Self::Slow => {
                apart.wire.slow(Duration::from_millis(150), 20_000);
                sleep(A_WHILE).await;
                apart.wire.mend();
            }
            Self::ChatStops => {
                apart.chat.stop();
                sleep(A_WHILE).await;
                apart.chat.go_on();
                scenes.iter().zip(&from).for_each(|(scene, from)| scene.recorder.froze(*from));
            }
            Self::PermissionsStop => {
                apart.permissions.stop();
                sleep(A_WHILE).await;
                apart.permissions.go_on();
            }
            Self::ChatIsKilled => {
                apart.chat.kill();
                scenes.iter().for_each(|scene| scene.recorder.ended(&apart.chat));
                apart.chat.restart().await;
            }
            Self::PermissionsAreKilled => {
                apart.permissions.kill();
                apart.permissions.restart().await;
            }
        }
        for scene in scenes {
            let company = &scene.company;
            until("the chat service knows who may what", async || calls::get(&company.olga, &company.thread).await.ok()).await;
        }
        scenes.iter().zip(from).for_each(|(scene, from)| scene.recorder.fault(from));
    }
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_with_processes_and_the_wire_between_them_no_revocation_is_broken() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let seed = number_from("CREWLINE_STORM_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    let rounds = number_from("CREWLINE_STORM_ROUNDS").unwrap_or(1);
    println!("CREWLINE_STORM_SEED={seed} CREWLINE_STORM_ROUNDS={rounds}");
    let mut dice = Dice::new(seed);
    let mut apart = Apart::with(&[], &RECORDS).await;
    let callers = apart.callers().await;

    // In one company people lose access one by one; two of them never do.
    let mut crew = Scene::open(&callers, THREADS).await;
    let id = |id: &str| id.to_owned();
    let people = [
        ("sue", vec![]),
        ("sam", vec![]),
        ("ona", vec![Cause::Permissions(id("ona")), Cause::FullAccess(id("ona"))]),
        ("rob", vec![Cause::Role(id("technician"), vec![id("rob")])]),
        ("al", vec![Cause::Deactivation(id("al"))]),
        ("mo", vec![Cause::MobileAccess(id("mo"))]),
        ("jan", vec![Cause::Appointment(id("jan")), Cause::Assignment(id("jan"))]),
        (
            "tess",
            vec![
                Cause::Permissions(id("tess")),
                Cause::Deactivation(id("tess")),
                Cause::MobileAccess(id("tess")),
                Cause::Appointment(id("tess")),
            ],
        ),
    ];
    for (id, causes) in people {
        crew.technician(&apart, id, STREAMS, causes, &mut dice).await;
    }
    crew.others(&apart, &mut dice).await;
    // In another one, all at once.
    let mut all = Scene::open(&callers, 2).await;
    all.company.set_policy(AccessAfterJobEnd::None).await;
    all.technician(&apart, "tom", 2, vec![Cause::JobEnd, Cause::ChatDisabled], &mut dice).await;
    all.technician(&apart, "tim", 2, vec![], &mut dice).await;
    all.others(&apart, &mut dice).await;

    for _ in 0..rounds {
        let mut faults = FAULTS.to_vec();
        while !faults.is_empty() {
            let fault = faults.swap_remove(dice.roll(faults.len()));
            println!("{fault:?}");
            sleep(CALM).await;
            fault.befall(&mut apart, &[&crew, &all]).await;
        }
    }
    // What is sent from here on must reach those who are allowed, and be accepted.
    sleep(CALM).await;
    join_all([crew.close(&apart), all.close(&apart)]).await;
    let verified = apart.chat.verify().await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
