//! A network that drops packets in silence, one way or both: in a network namespace of the test's own, with iptables.

use std::process::Command;
use std::time::Duration;

use tokio::time::sleep;

use crate::apart::Apart;
use crate::calls;
use crate::dice::Dice;
use crate::recorder::RECORDS;
use crate::scene::Scene;
use crate::switchboard::Cause;
use crate::tools;
use crate::waiting::until;

const WHAT: &str = "revocations on a network that drops packets";
/// Longer than a lease.
const A_WHILE: Duration = Duration::from_secs(3);
const CALM: Duration = Duration::from_secs(2);

/// A namespace of its own, where loopback is up.
fn unshare(flags: &[&str], program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(flags).args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\"", program]);
    command
}

#[test]
fn revocations_hold_on_a_network_that_drops_packets() {
    let Some(iptables) = tools::find("CREWLINE_IPTABLES", WHAT) else { return };
    let iptables = iptables.display().to_string();
    let works = |flags: &&&[&str]| {
        let listed = unshare(flags, &iptables).args(["-w", "-n", "-L"]).output();
        listed.is_ok_and(|listed| listed.status.success())
    };
    let ways: [&[&str]; 2] = [&["-n", "-r"], &["-n"]];
    let Some(flags) = ways.iter().find(works) else {
        tools::cannot_run_here(WHAT, "it lets nobody make a network namespace with iptables in it");
        return;
    };
    let tests = std::env::current_exe().expect("this test").display().to_string();
    let inside = unshare(flags, &tests)
        .args(["--exact", "dropping::inside_a_network_that_drops_packets", "--ignored", "--nocapture"])
        // The namespace has no way to a database server.
        .env("CREWLINE_TEST_ENGINE", "sqlite")
        .status()
        .expect("unshare");
    assert!(inside.success(), "{inside}");
}

/// Which packets of the wire between the services are dropped.
#[derive(Clone, Copy, Debug)]
enum Way {
    ToPermissions,
    FromPermissions,
    Both,
}

impl Way {
    fn drop(self, action: &str, port: u16) {
        let ends: &[&str] = match self {
            Self::ToPermissions => &["--dport"],
            Self::FromPermissions => &["--sport"],
            Self::Both => &["--dport", "--sport"],
        };
        for end in ends {
            let iptables = std::env::var("CREWLINE_IPTABLES").expect("iptables");
            let port = port.to_string();
            let rule = ["-w", action, "INPUT", "-i", "lo", "-p", "tcp", end, &port, "-j", "DROP"];
            let done = Command::new(iptables).args(rule).status().expect("iptables");
            assert!(done.success(), "{action} {self:?}: {done}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "revocations_hold_on_a_network_that_drops_packets runs it in a namespace"]
async fn inside_a_network_that_drops_packets() {
    let apart = Apart::with(&[], &RECORDS).await;
    let mut dice = Dice::new(7);
    let mut scene = Scene::open(&apart.callers().await, 2).await;
    scene.technician(&apart, "sue", 2, vec![], &mut dice).await;
    scene.technician(&apart, "ona", 2, vec![Cause::Permissions("ona".into())], &mut dice).await;
    scene.technician(&apart, "jan", 2, vec![Cause::Appointment("jan".into())], &mut dice).await;
    scene.others(&apart, &mut dice).await;
    for way in [Way::FromPermissions, Way::ToPermissions, Way::Both] {
        sleep(CALM).await;
        println!("{way:?}");
        let (from, port) = (scene.recorder.now(), apart.wire.address.port());
        way.drop("-A", port);
        sleep(A_WHILE).await;
        way.drop("-D", port);
        let company = &scene.company;
        until("the chat service knows who may what", async || calls::get(&company.olga, &company.thread).await.ok()).await;
        scene.recorder.fault(from);
    }
    sleep(CALM).await;
    scene.close(&apart).await;
}
