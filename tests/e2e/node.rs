//! A node of the chat service, as the access watch sees it: it says hello, takes facts in, and renews.

use std::collections::BTreeMap;

use crewline_api::permissions::v1 as pb;
use pb::access_service_client::AccessServiceClient;
use pb::watch_access_request::Frame as Say;
use pb::watch_access_response::Frame as Told;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::running::PATIENCE;
use crate::tokens::{Claims, Mint, with_token};

/// An open watch, and what it has told.
pub struct Node {
    say: mpsc::Sender<pb::WatchAccessRequest>,
    told: Streaming<pb::WatchAccessResponse>,
    renewals: u64,
    pub facts: Facts,
}

/// What a node knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub epoch: u64,
    pub revision: u64,
    pub tenants: BTreeMap<String, TenantFacts>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantFacts {
    pub own: pb::TenantAccess,
    pub people: BTreeMap<String, pb::PersonAccess>,
    pub jobs: BTreeMap<String, pb::JobAccess>,
}

/// The hello of a node that has just started, and knows nothing.
pub fn hello() -> pb::Hello {
    pb::Hello { node_id: "node".into(), incarnation: Uuid::new_v4().to_string(), ..Default::default() }
}

impl Node {
    /// Opens a watch of the tenants that the token names, and says nothing yet.
    pub async fn connect(mint: &Mint, tenants: &[&str]) -> Self {
        Self::with_claims(mint, Claims::service(&["enforce"], tenants)).await
    }

    pub async fn with_claims(mint: &Mint, claims: Claims<'_>) -> Self {
        let (say, said) = mpsc::channel(64);
        let request = with_token(&mint.token(claims), ReceiverStream::new(said));
        // A snapshot part holds 500 entries.
        let mut access = AccessServiceClient::new(mint.permissions.clone()).max_decoding_message_size(16 * 1024 * 1024);
        let told =
            tokio::time::timeout(PATIENCE, access.watch_access(request)).await.expect("an answer").expect("a watch").into_inner();
        Self { say, told, renewals: 0, facts: Facts::default() }
    }

    /// Opens a watch, says hello and takes the snapshot in.
    pub async fn with_snapshot(mint: &Mint, tenants: &[&str]) -> Self {
        Self::saying(mint, tenants, hello()).await
    }

    /// The same, with a hello of one's own, which must name no epoch.
    pub async fn saying(mint: &Mint, tenants: &[&str], hello: pb::Hello) -> Self {
        let mut node = Self::connect(mint, tenants).await;
        node.say(Say::Hello(hello)).await;
        node.take_snapshot().await;
        node
    }

    /// A node that knows everything, and holds a lease.
    pub async fn with_lease(mint: &Mint, tenants: &[&str]) -> Self {
        let mut node = Self::with_snapshot(mint, tenants).await;
        node.renew().await;
        node
    }

    pub async fn say(&self, frame: Say) {
        self.say.send(pb::WatchAccessRequest { frame: Some(frame) }).await.expect("an open watch");
    }

    /// Says a frame without content.
    pub async fn say_nothing(&self) {
        self.say.send(pb::WatchAccessRequest { frame: None }).await.expect("an open watch");
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Result<Option<Told>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.told.message()).await.expect("a frame within the limit")?;
        Ok(next.map(|response| response.frame.expect("a frame that says something")))
    }

    /// Reads to the end, which must be a refusal.
    pub async fn end(&mut self) -> Status {
        loop {
            match self.frame().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the watch ended well"),
                Err(status) => return status,
            }
        }
    }

    /// Takes a snapshot in, whose frames come in their order.
    pub async fn take_snapshot(&mut self) {
        let Some(Told::SnapshotBegin(begin)) = self.frame().await.expect("a snapshot") else { panic!("no begin") };
        let mut facts = Facts { epoch: begin.epoch, revision: begin.revision, tenants: BTreeMap::new() };
        loop {
            match self.frame().await.expect("more of the snapshot") {
                Some(Told::SnapshotPart(part)) => facts.add(part),
                Some(Told::SnapshotEnd(end)) => {
                    assert_eq!(end.revision, begin.revision);
                    self.facts = facts;
                    return;
                }
                other => panic!("{other:?} in a snapshot"),
            }
        }
    }

    /// The next change, with what it does taken in; checkpoints on the way move the cursor.
    pub async fn change(&mut self) -> pb::AccessChange {
        loop {
            match self.frame().await.expect("a watch that lives") {
                Some(Told::Change(change)) => {
                    self.facts.take(&change);
                    return change;
                }
                Some(Told::Checkpoint(checkpoint)) => self.facts.advance(checkpoint.revision),
                other => panic!("{other:?} instead of a change"),
            }
        }
    }

    /// Renews and acknowledges all that it knows, and takes in what comes before the answer: those changes, and the revision of the answer.
    pub async fn renew(&mut self) -> (Vec<pb::AccessChange>, u64) {
        self.renew_holding_back(self.facts.revision).await
    }

    /// The same, acknowledging no more than `applied`.
    pub async fn renew_holding_back(&mut self, applied: u64) -> (Vec<pb::AccessChange>, u64) {
        self.acknowledge(applied).await;
        let mut changes = Vec::new();
        loop {
            match self.frame().await.expect("a watch that lives") {
                Some(Told::Change(change)) => {
                    self.facts.take(&change);
                    changes.push(change);
                }
                Some(Told::Checkpoint(checkpoint)) => self.facts.advance(checkpoint.revision),
                Some(Told::Lease(renewed)) => {
                    assert_eq!(renewed.n, self.renewals, "each renewal is answered in its turn");
                    assert_eq!(renewed.revision, self.facts.revision, "the cursor was moved to it before");
                    return (changes, renewed.revision);
                }
                other => panic!("{other:?} before the answer"),
            }
        }
    }

    /// Renews, and does not wait for the answer.
    pub async fn acknowledge(&mut self, applied: u64) {
        self.renewals += 1;
        self.say(Say::Renew(pb::Renew { n: self.renewals, applied })).await;
    }
}

impl Facts {
    fn add(&mut self, part: pb::SnapshotPart) {
        assert!(part.people.len() <= 500 && part.jobs.len() <= 500);
        assert_eq!(part.tenant.is_some(), !self.tenants.contains_key(&part.tenant_id), "the first part carries the tenant");
        let tenant = self.tenants.entry(part.tenant_id.clone()).or_default();
        if let Some(own) = part.tenant {
            assert_eq!(own.tenant_id, part.tenant_id);
            tenant.own = own;
        }
        tenant.people.extend(part.people.into_iter().map(|person| (person.person_id.clone(), person)));
        for job in part.jobs {
            assert!(!job.technician_ids.is_empty(), "a job without technicians is not sent");
            tenant.jobs.insert(job.job_id.clone(), job);
        }
    }

    fn take(&mut self, change: &pb::AccessChange) {
        assert!(change.revision > self.revision, "revision {} after {}", change.revision, self.revision);
        self.revision = change.revision;
        let tenant = self.tenants.entry(change.tenant_id.clone()).or_default();
        // A snapshot is read while changes go on: this one was in it already.
        if change.revision <= tenant.own.revision {
            return;
        }
        assert_eq!(change.prev_revision, tenant.own.revision, "the chain of the tenant's changes at {}", change.revision);
        if let Some(own) = &change.tenant {
            tenant.own = own.clone();
        }
        tenant.own.revision = change.revision;
        tenant.people.extend(change.people.iter().map(|person| (person.person_id.clone(), person.clone())));
        for job in &change.jobs {
            if job.technician_ids.is_empty() {
                tenant.jobs.remove(&job.job_id);
            } else {
                tenant.jobs.insert(job.job_id.clone(), job.clone());
            }
        }
    }

    fn advance(&mut self, revision: u64) {
        assert!(revision > self.revision, "a checkpoint moves the cursor");
        self.revision = revision;
    }
}
