//! How long a revocation takes when a node or the wire fails, and after a restart of the permissions service.

use std::process::Command;
use std::time::{Duration, Instant};

use chat::watch_thread_request::Position;
use crewline::demo::office::set_permissions;
use crewline::party::until_heard;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;

use crate::apart::Apart;
use crate::company::Company;
use crate::reader::Reader;
use crate::running::Running;
use crate::sample::Sample;

const RUNS: u32 = 10;
/// Renewals come this far apart: the runs begin at different points between two of them.
const RENEWED_EVERY: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq)]
enum Outage {
    None,
    NodeFrozen,
    NodeGone,
    NodeStartsAgain,
    WireCut,
    PermissionsStartAgain,
}

/// What is measured with one outage.
#[derive(Default)]
struct Figures {
    first: Sample,
    confirmed: Sample,
    waited_out: Sample,
    /// Another revocation, right after the first.
    next: Sample,
    /// From the end of the outage until the office can read again.
    back: Sample,
}

pub async fn measure() {
    println!(
        "| what fails | runs | least, ms | median, ms | most, ms | confirmed | waited out | the next one: median, ms | the node is back: median, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut apart = Apart::start().await;
    let company = Company::open(&apart.callers().await).await;
    for (what, outage) in [
        ("nothing", Outage::None),
        ("the node is frozen (SIGSTOP)", Outage::NodeFrozen),
        ("the node is gone (SIGKILL)", Outage::NodeGone),
        ("the node was killed and has started again", Outage::NodeStartsAgain),
        ("the wire is cut", Outage::WireCut),
        ("the permissions service was killed and has started again", Outage::PermissionsStartAgain),
    ] {
        let mut figures = Figures::default();
        for run in 0..RUNS {
            tokio::time::sleep(RENEWED_EVERY * run / RUNS).await;
            figures.run(&mut apart, &company, outage).await;
        }
        println!(
            "| {what} | {RUNS} | {} | {:.0} | {:.0} | {:.0} | {:.0} |",
            figures.first.spread(),
            figures.confirmed.median(),
            figures.waited_out.median(),
            figures.next.median(),
            figures.back.median()
        );
    }
}

impl Figures {
    async fn run(&mut self, apart: &mut Apart, company: &Company, outage: Outage) {
        match outage {
            Outage::None => {}
            Outage::NodeFrozen => signal("-STOP", &apart.chat),
            Outage::NodeGone => apart.chat.kill(),
            Outage::NodeStartsAgain => {
                apart.chat.kill();
                apart.chat.restart().await;
            }
            Outage::WireCut => apart.wire.cut(),
            Outage::PermissionsStartAgain => {
                apart.permissions.kill();
                apart.permissions.restart().await;
                until_reached(company).await;
            }
        }
        let receipt = self.first.time(revoke(company, "tina")).await;
        self.confirmed.add(f64::from(receipt.nodes_confirmed));
        self.waited_out.add(f64::from(receipt.nodes_waited_out));
        self.next.time(revoke(company, "vera")).await;

        let ended = Instant::now();
        match outage {
            Outage::NodeFrozen => signal("-CONT", &apart.chat),
            Outage::NodeGone => apart.chat.restart().await,
            Outage::WireCut => apart.wire.mend(),
            Outage::None | Outage::NodeStartsAgain | Outage::PermissionsStartAgain => {}
        }
        let open = async || Reader::try_open_at(&company.olga, &company.thread, Position::AfterSeq(0)).await;
        until_heard(open).await.expect("a node that serves");
        self.back.add_millis(ended.elapsed());
        company.permit("tina", true, true).await;
        company.heard(company.permit("vera", true, false).await).await;
    }
}

async fn revoke(company: &Company, person: &str) -> pb::ChangeReceipt {
    let revoked = set_permissions(&company.admin, person, false, false).await.expect("revoked");
    revoked.into_inner().receipt.expect("a receipt")
}

/// The connection from before a restart is found broken by the first call.
async fn until_reached(company: &Company) {
    let get = pb::GetPersonRequest { person_id: "tina".into() };
    until_heard(async || company.admin.directory().get_person(get.clone()).await).await.expect("reached");
}

fn signal(signal: &str, process: &Running) {
    assert!(Command::new("kill").arg(signal).arg(process.process_id().to_string()).status().expect("kill").success());
}
