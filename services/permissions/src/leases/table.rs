//! Which node holds which leases, and which changes wait for which nodes: memory, and no clock of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included};

use chassis::clock::Moment;
use tokio::sync::watch;

/// Leases of one incarnation that are told apart, and one more for each change that waits. A node renews four times in a lease, and with each
/// change.
const MAX_LEASES: usize = 32;
/// Incarnations that are known at a time: those that watch, and those whose leases have not run out.
const MAX_NODES: usize = 1_000;

/// A node of the chat service in one incarnation: who holds a lease. A node that starts again does not release what it held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId {
    /// The node's name.
    pub name: String,
    /// New at each start of the node.
    pub incarnation: String,
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// Which.
    pub id: NodeId,
    /// It watches now.
    pub connected: bool,
    /// The newest revision that it has acknowledged.
    pub applied: u64,
    /// When its newest lease runs out; none if it was granted none, or all are forgotten.
    pub until: Option<Moment>,
    /// When it was last heard of.
    pub heard: Moment,
}

/// How far a change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No lease from before it counts any more.
    Settled(Counts),
    /// Some do, the last of them until then.
    Waiting(Moment),
}

/// What became of the nodes that a change waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many have acknowledged it.
    pub confirmed: u32,
    /// Those whose leases had to run out.
    pub waited_out: Vec<NodeId>,
}

/// All nodes, and all changes that wait for them.
#[derive(Debug)]
pub struct Table {
    nodes: BTreeMap<NodeId, Node>,
    waits: BTreeMap<u64, Wait>,
    /// Leases that were entered, ever.
    entered: u64,
    /// Until then leases may count that this table does not know: of before the start.
    unknown_until: Moment,
}

#[derive(Debug, Default)]
struct Node {
    /// Of the one watch that is open; dropped when another takes its place.
    watch: Option<watch::Sender<()>>,
    applied: u64,
    heard: Moment,
    /// In the order in which they were entered.
    leases: Vec<Lease>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    number: u64,
    /// The head revision that it was granted at. None while that is being read, which is below every revision.
    revision: Option<u64>,
    until: Moment,
}

/// A change that is waited with until it can be in force.
#[derive(Debug)]
struct Wait {
    /// What was entered later is granted with the change in view: its head was read after the change was committed.
    entered: u64,
    nodes: BTreeMap<NodeId, Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Awaited,
    Confirmed,
    WaitedOut,
}

impl Table {
    /// Nobody yet; until `unknown_until` there may be leases of before.
    pub fn new(unknown_until: Moment) -> Self {
        Self { nodes: BTreeMap::new(), waits: BTreeMap::new(), entered: 0, unknown_until }
    }

    /// A watch of the node opens. What is returned is closed when another watch of the same incarnation takes its place. None if there
    /// are too many nodes.
    pub fn join(&mut self, id: &NodeId, now: Moment) -> Option<watch::Receiver<()>> {
        self.forget_the_gone(now);
        if !self.nodes.contains_key(id) && self.nodes.len() >= MAX_NODES {
            return None;
        }
        let (place, replaced) = watch::channel(());
        let node = self.nodes.entry(id.clone()).or_default();
        node.watch = Some(place);
        node.heard = now;
        Some(replaced)
    }

    /// A watch ended. Its leases go on.
    pub fn leave(&mut self, id: &NodeId, replaced: &watch::Receiver<()>) {
        let is_the_present_one = replaced.has_changed().is_ok();
        if let Some(node) = self.nodes.get_mut(id).filter(|_| is_the_present_one) {
            node.watch = None;
        }
    }

    /// Enters a lease, which counts as below every revision until it is granted: before the head is read.
    pub fn enter(&mut self, id: &NodeId, until: Moment) -> u64 {
        let number = self.entered;
        self.entered += 1;
        self.nodes.entry(id.clone()).or_default().leases.push(Lease { number, revision: None, until });
        number
    }

    /// The head was read: the lease `number` is about to leave with this revision.
    pub fn grant(&mut self, id: &NodeId, number: u64, revision: u64, now: Moment) {
        let all_count = !self.waits.is_empty();
        let Some(node) = self.nodes.get_mut(id) else { return };
        let Some(granted) = node.leases.iter_mut().find(|lease| lease.number == number) else { return };
        granted.revision = Some(revision);
        let granted = *granted;
        // One that is over is kept while changes wait: it tells that they have waited for it.
        node.leases.retain(|lease| lease.number == number || (!granted.covers(lease) && (all_count || lease.until > now)));
        node.join_neighbours(&self.waits);
    }

    /// The node has said what it has applied.
    pub fn acknowledge(&mut self, id: &NodeId, applied: u64, now: Moment) {
        let node = self.nodes.entry(id.clone()).or_default();
        node.applied = node.applied.max(applied);
        node.heard = now;
    }

    /// Looks how far the committed change `revision` is. The first look decides which nodes it counts.
    pub fn look(&mut self, revision: u64, now: Moment) -> Verdict {
        let nodes = &self.nodes;
        let wait = self.waits.entry(revision).or_insert_with(|| {
            let holds = |node: &Node| node.older_than(revision, self.entered).any(|lease| lease.until > now);
            let held = nodes.iter().filter(|(_, node)| holds(node)).map(|(id, _)| (id.clone(), Outcome::Awaited));
            Wait { entered: self.entered, nodes: held.collect() }
        });
        let mut last = Some(self.unknown_until).filter(|until| *until > now);
        wait.nodes.retain(|id, outcome| {
            if *outcome != Outcome::Awaited {
                return true;
            }
            let Some(node) = nodes.get(id) else { return false };
            let until = node.older_than(revision, wait.entered).map(|lease| lease.until).max();
            match until {
                _ if node.applied >= revision => *outcome = Outcome::Confirmed,
                Some(until) if until > now => last = last.max(Some(until)),
                Some(_) => *outcome = Outcome::WaitedOut,
                // Its first lease was being granted, and was granted with the change in view.
                None => return false,
            }
            true
        });
        last.map_or_else(|| Verdict::Settled(wait.counts()), Verdict::Waiting)
    }

    /// All other changes are in force: nothing is counted for them any more. Tells whether there were any.
    pub fn forget_but(&mut self, unfinished: &BTreeSet<u64>, now: Moment) -> bool {
        let before = self.waits.len();
        self.waits.retain(|revision, _| unfinished.contains(revision));
        self.forget_the_gone(now);
        self.waits.len() < before
    }

    /// How many changes wait.
    pub fn waiting(&self) -> usize {
        self.waits.len()
    }

    /// All nodes that watch, or whose leases count.
    pub fn nodes(&mut self, now: Moment) -> Vec<NodeState> {
        self.forget_the_gone(now);
        let state = |(id, node): (&NodeId, &Node)| NodeState {
            id: id.clone(),
            connected: node.watch.is_some(),
            applied: node.applied,
            until: node.leases.iter().filter(|lease| lease.revision.is_some()).map(|lease| lease.until).max(),
            heard: node.heard,
        };
        self.nodes.iter().map(state).collect()
    }

    fn forget_the_gone(&mut self, now: Moment) {
        let waits = &self.waits;
        let awaited = |id: &NodeId| waits.values().any(|wait| wait.nodes.get(id) == Some(&Outcome::Awaited));
        self.nodes.retain(|id, node| node.watch.is_some() || node.leases.iter().any(|lease| lease.until > now) || awaited(id));
    }
}

impl Node {
    /// The leases that may have been granted below `revision`, of those that were entered before `entered`.
    fn older_than(&self, revision: u64, entered: u64) -> impl Iterator<Item = &Lease> {
        self.leases.iter().filter(move |lease| lease.number < entered && lease.revision.is_none_or(|granted| granted < revision))
    }

    /// Makes one lease of two when there are too many: of neighbours that no waiting change lies between, so that none waits longer for it.
    fn join_neighbours(&mut self, waits: &BTreeMap<u64, Wait>) {
        if self.leases.len() <= MAX_LEASES {
            return;
        }
        let granted: Vec<(usize, u64)> =
            self.leases.iter().enumerate().filter_map(|(index, lease)| Some((index, lease.revision?))).collect();
        let between = |one: u64, other: u64| waits.range((Excluded(one.min(other)), Included(one.max(other)))).next();
        if let Some([(older, _), (newer, _)]) = granted.array_windows().find(|[one, other]| between(one.1, other.1).is_none()) {
            let newer = self.leases.remove(*newer);
            let older = &mut self.leases[*older];
            older.revision = older.revision.min(newer.revision);
            older.until = older.until.max(newer.until);
        }
    }
}

impl Lease {
    /// Whether whoever waits for the other waits for this one as long: then the other need not be kept. One whose revision is not known
    /// is below all, and never covered by one that was granted.
    fn covers(&self, other: &Lease) -> bool {
        self.revision <= other.revision && self.until >= other.until
    }
}

impl Wait {
    fn counts(&self) -> Counts {
        let with = |wanted| self.nodes.iter().filter(move |(_, outcome)| **outcome == wanted).map(|(id, _)| id);
        let confirmed = u32::try_from(with(Outcome::Confirmed).count()).unwrap_or(u32::MAX);
        Counts { confirmed, waited_out: with(Outcome::WaitedOut).cloned().collect() }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
