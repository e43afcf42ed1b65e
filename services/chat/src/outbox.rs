//! The texts for the gateway, as a stream: handed out with leases, while access is known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crewline_api::chat::v1 as pb;
use pb::ClosingReason;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::access::guard::Denied;
use crate::gated::{End, Gated, Idle, Life, Node, Verdict};
use crate::model::TenantId;
use crate::send::Post;
use crate::store::outbound::OutboundText;
use crate::streams::StreamPlace;
use crate::wire::outbound as frames;

/// Nothing is looked for more often than this.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);
/// Without anything to wait for, the stream looks this often: a wake-up may have been lost.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Wakes the streams of a tenant's gateway. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    tenants: Arc<Mutex<HashMap<TenantId, watch::Sender<u64>>>>,
}

impl Outbox {
    /// There may be something to hand out.
    pub fn wake(&self, tenant: &TenantId) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = tenants.get(tenant) else { return };
        if sender.receiver_count() == 0 {
            tenants.remove(tenant);
        } else {
            sender.send_modify(|version| *version += 1);
        }
    }

    fn register(&self, tenant: &TenantId) -> watch::Receiver<u64> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.entry(tenant.clone()).or_default().subscribe()
    }
}

/// One stream.
#[derive(Debug)]
pub struct OutboundWatch {
    node: Node,
    life: Life,
    post: Post,
    tenant: TenantId,
    woken: watch::Receiver<u64>,
}

/// What would be handed out, if access is known.
#[derive(Debug)]
pub enum Candidate {
    /// Texts.
    Texts(Vec<OutboundText>),
    /// The heartbeat: so many wait.
    Progress(u64),
    /// Nothing.
    Nothing,
}

impl OutboundWatch {
    /// The texts of a tenant, for a gateway whose token runs out at `expires_at`.
    pub fn new(node: Node, post: Post, tenant: TenantId, expires_at: std::time::SystemTime, place: StreamPlace) -> Self {
        let woken = post.outbox.register(&tenant);
        Self { life: Life::new(&node, expires_at, place), node, post, tenant, woken }
    }

    /// There was nothing to hand out at `looked_at`: waits until there may be.
    async fn wait(&mut self, looked_at: i64) -> Result<Candidate, End> {
        let (waiting, next) = self.post.waiting(&self.tenant, looked_at).await.map_err(End::Failed)?;
        let now = self.node.clock.wall_micros();
        let until = |at: i64| Duration::from_micros(at.saturating_sub(now).max(0).unsigned_abs());
        let wait = next.map_or(LONGEST_WAIT, until).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        tokio::select! {
            // The sender stays as long as somebody waits.
            _ = self.woken.changed() => Ok(Candidate::Nothing),
            () = sleep(wait) => Ok(Candidate::Nothing),
            idle = self.life.idle() => Ok(match idle {
                Idle::Heartbeat => Candidate::Progress(waiting),
                Idle::Look => Candidate::Nothing,
            }),
        }
    }
}

impl Gated for OutboundWatch {
    type Frame = pb::WatchOutboundResponse;
    type Candidate = Candidate;

    fn life(&mut self) -> &mut Life {
        &mut self.life
    }

    async fn candidate(&mut self) -> Result<Candidate, End> {
        // Before a lease is given: one that begins while nothing may leave would run out in hand.
        if self.node.access.check_tenant(&self.tenant).is_err() {
            return Ok(Candidate::Nothing);
        }
        self.woken.borrow_and_update();
        let looked_at = self.node.clock.wall_micros();
        let texts = self.post.hand_out(&self.tenant).await.map_err(End::Failed)?;
        if texts.is_empty() { self.wait(looked_at).await } else { Ok(Candidate::Texts(texts)) }
    }

    fn pass(&mut self, candidate: Candidate) -> Verdict<pb::WatchOutboundResponse, Candidate> {
        match self.node.access.check_tenant(&self.tenant) {
            Ok(()) => {}
            Err(Denied::No(denial)) => return Verdict::Refused(denial),
            Err(Denied::Unknown) => return Verdict::Unknown(candidate),
        }
        let now = self.node.clock.wall_micros();
        Verdict::Leaves(match candidate {
            Candidate::Nothing => None,
            Candidate::Texts(texts) => {
                // It may have been held: what is no longer leased is somebody else's to send.
                let leased: Vec<OutboundText> = texts.into_iter().filter(|text| text.leased_until > now).collect();
                (!leased.is_empty()).then(|| frames::texts(leased))
            }
            Candidate::Progress(waiting) => Some(frames::progress(waiting, self.node.clock.wall())),
        })
    }

    fn holding(&self) -> pb::WatchOutboundResponse {
        frames::holding()
    }

    fn closing(&self, reason: ClosingReason, retry_after: Duration) -> pb::WatchOutboundResponse {
        frames::closing(reason, retry_after)
    }
}
