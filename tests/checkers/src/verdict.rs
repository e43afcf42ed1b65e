//! What a judge says.

use std::fmt;

use crate::history::History;

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// G1: nothing that was sent after the revocation had returned is handed to the one revoked.
    RealTime,
    /// G2: nothing that was committed after the revocation is.
    CommitOrder,
    /// G3: after a node's "applied", or the return of the call, the node hands nothing to the one revoked.
    Records,
    /// G3 as clients see it: who asks after the return is told nothing.
    Asking,
    /// G4: a send that begins after the return never commits.
    Sends,
    /// Everybody sees the same, without a hole.
    Gaps,
    /// Nothing comes or is there twice.
    Doubles,
    /// What was acknowledged is there, and nothing that nobody sent.
    Ledger,
    /// Who is allowed gets it in time, and can send.
    Liveness,
}

/// An event of the history, by its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// Of [`History::sends`].
    Send(usize),
    /// Of [`History::changes`].
    Change(usize),
    /// Of [`History::subscriptions`].
    Subscription(usize),
    /// Of [`History::streams`].
    Stream(usize),
    /// Of [`History::deliveries`].
    Delivery(usize),
    /// Of [`History::reads`].
    Read(usize),
    /// Of [`History::heads`].
    Head(usize),
    /// Of [`History::log`].
    Logged(usize),
    /// Of [`History::nodes`], and of the records there.
    Record(usize, usize),
}

/// Events that break a rule together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// The events: first what ought not to be, then why not.
    pub events: Vec<Event>,
}

/// What one judge found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What was looked at.
    pub rule: Rule,
    /// How many cases in which the rule could have been broken were looked at.
    pub judged: usize,
    /// The cases in which it was.
    pub violations: Vec<Violation>,
}

impl Verdict {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, judged: 0, violations: Vec::new() }
    }

    pub(crate) fn find(&mut self, events: impl Into<Vec<Event>>) {
        self.violations.push(Violation { rule: self.rule, events: events.into() });
    }
}

impl Violation {
    /// For somebody who reads it: the rule, and each event in full.
    pub fn tell<'a>(&'a self, history: &'a History) -> impl fmt::Display + 'a {
        Telling { violation: self, history }
    }
}

struct Telling<'a> {
    violation: &'a Violation,
    history: &'a History,
}

impl fmt::Display for Telling<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let history = self.history;
        write!(out, "{:?}:", self.violation.rule)?;
        for event in &self.violation.events {
            write!(out, "\n  {event:?} = ")?;
            match *event {
                Event::Send(at) => write!(out, "{:?}", history.sends[at])?,
                Event::Change(at) => write!(out, "{:?}", history.changes[at])?,
                Event::Subscription(at) => write!(out, "{:?}", history.subscriptions[at])?,
                Event::Stream(at) => write!(out, "{:?}", history.streams[at])?,
                Event::Delivery(at) => write!(out, "{:?}", history.deliveries[at])?,
                Event::Read(at) => write!(out, "{:?}", history.reads[at])?,
                Event::Head(at) => write!(out, "{:?}", history.heads[at])?,
                Event::Logged(at) => write!(out, "{:?}", history.log[at])?,
                Event::Record(node, at) => {
                    let node = &history.nodes[node];
                    write!(out, "{}: {:?}", node.name, node.records[at])?;
                }
            }
        }
        Ok(())
    }
}
