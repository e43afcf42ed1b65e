//! What a node says. It is listened to in a task of its own: a node that is told much must still be able to acknowledge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::ids::is_external_id;
use chassis::refusal::Refusal;
use crewline_api::errors::v1::ErrorReason;
use crewline_api::permissions::v1 as pb;
use pb::watch_access_request::Frame as Asked;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use crate::leases::Seat;

/// Tenants that one node may name.
const MAX_TENANTS: usize = 1_000;
/// A node that has not introduced itself by then is cut.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// A node that renews nothing for so long is gone: it renews a few times in each lease.
const SILENCE: Duration = Duration::from_secs(30);

/// What a node has said, as far as it has to be answered.
#[derive(Clone, Debug, Default)]
struct Said {
    /// The `n` of the newest renewal. It answers for those before it.
    renewal: u64,
    /// The node has left, or broken the protocol.
    end: Option<Result<(), Status>>,
}

/// The ear for one node, until it is dropped.
pub(super) struct Hearing {
    said: watch::Receiver<Said>,
    answered: u64,
    /// The newest revision that was sent on this stream: what the node may acknowledge.
    sent: Arc<AtomicU64>,
    _listening: JoinSet<()>,
}

/// The first thing that a node says.
pub(super) async fn hello(inbound: &mut Streaming<pb::WatchAccessRequest>) -> Result<pb::Hello, Status> {
    let first =
        timeout(HELLO_WITHIN, inbound.message()).await.map_err(|_| Refusal::new(ErrorReason::Deadline, "no hello came"))??;
    let Some(pb::WatchAccessRequest { frame: Some(Asked::Hello(hello)) }) = first else {
        return Err(Refusal::invalid("frame", "must be a hello first").into());
    };
    check_id("hello.node_id", &hello.node_id)?;
    check_id("hello.incarnation", &hello.incarnation)?;
    if hello.tenant_ids.len() > MAX_TENANTS {
        return Err(Refusal::invalid("hello.tenant_ids", "must name at most 1,000 tenants").into());
    }
    for (index, tenant) in hello.tenant_ids.iter().enumerate() {
        check_id(&format!("hello.tenant_ids[{index}]"), tenant)?;
    }
    Ok(hello)
}

fn check_id(field: &str, id: &str) -> Result<(), Refusal> {
    if is_external_id(id) { Ok(()) } else { Err(Refusal::invalid(field, "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -")) }
}

impl Hearing {
    /// Listens from now on, and takes acknowledgements in at once.
    pub fn new(inbound: Streaming<pb::WatchAccessRequest>, seat: Arc<Seat>, sent: u64) -> Self {
        let sent = Arc::new(AtomicU64::new(sent));
        let (tell, said) = watch::channel(Said::default());
        let mut listening = JoinSet::new();
        let limit = Arc::clone(&sent);
        listening.spawn(async move {
            let end = listen(inbound, &seat, &limit, &tell).await;
            tell.send_modify(|said| said.end = Some(end));
        });
        Self { said, answered: 0, sent, _listening: listening }
    }

    /// What is about to be sent may be acknowledged from now on.
    pub fn sends(&self, revision: u64) {
        self.sent.fetch_max(revision, Ordering::AcqRel);
    }

    /// Waits for a renewal that was not answered; none when the node has left.
    pub async fn renewal(&mut self) -> Result<Option<u64>, Status> {
        loop {
            let Said { renewal, end } = self.said.borrow_and_update().clone();
            match end {
                Some(Err(status)) => return Err(status),
                _ if renewal > self.answered => {
                    self.answered = renewal;
                    return Ok(Some(renewal));
                }
                Some(Ok(())) => return Ok(None),
                None => {}
            }
            if self.said.changed().await.is_err() {
                return Ok(None);
            }
        }
    }
}

async fn listen(
    mut inbound: Streaming<pb::WatchAccessRequest>,
    seat: &Seat,
    sent: &AtomicU64,
    tell: &watch::Sender<Said>,
) -> Result<(), Status> {
    let mut last = 0;
    loop {
        let asked = timeout(SILENCE, inbound.message()).await;
        let asked = asked.map_err(|_| Refusal::invalid("renew", "must come a few times in each lease"))??;
        let renew = match asked.map(|request| request.frame) {
            None => return Ok(()),
            Some(Some(Asked::Renew(renew))) => renew,
            Some(_) => return Err(Refusal::invalid("frame", "must be a renewal after the hello").into()),
        };
        if renew.n <= last {
            return Err(Refusal::invalid("renew.n", "must count up from 1").into());
        }
        if renew.applied > sent.load(Ordering::Acquire) {
            return Err(Refusal::invalid("renew.applied", "must be a revision that was sent on this stream").into());
        }
        last = renew.n;
        seat.acknowledge(renew.applied);
        tell.send_modify(|said| said.renewal = renew.n);
    }
}
