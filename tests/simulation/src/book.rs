//! The book of one seed: what everybody saw, in the order in which it happened.
//!
//! One thread runs all hosts, one after the other, a tick each; so the order in which they write here is one in which it can have
//! happened. The time of an entry is the simulated time of its writer, or right after the entry before it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crewline_api::permissions::v1::ChangeReceipt;
use crewline_checkers::history::{
    Author, Change, Delivery, Head, History, Logged, Message, Nanos, Node, Outcome, Read, Record, Recorded, Send, Stream,
    Subscription, Switch, Thread,
};

use crate::coverage::Coverage;

/// A node that is there confirms sooner.
const WAITS_OUT: Duration = Duration::from_millis(1_000);
/// The tick before this one.
const JUST_NOW: Duration = Duration::from_millis(10);

/// Clones share it.
#[derive(Clone, Default)]
pub struct Book(Arc<Mutex<Pages>>);

/// What is in it.
#[derive(Default)]
pub struct Pages {
    /// For the judges, once it is closed.
    pub closed: Option<History>,
    history: History,
    /// What was met.
    pub coverage: Coverage,
    /// What ought never to happen and that no judge looks for.
    pub surprises: Vec<String>,
    /// Whether each entry is printed.
    pub loud: bool,
    now: Nanos,
    hash: u64,
    /// The place of each host's present incarnation among the nodes.
    running: HashMap<String, usize>,
    /// When each host's node told last how far it is: it does that when it renews its lease.
    renewed: HashMap<String, Nanos>,
    /// When each revocation began that is under way.
    revoking: Vec<Nanos>,
    /// By thread id.
    threads: BTreeMap<String, usize>,
}

impl Book {
    /// Opens it.
    pub fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node's host hands something of a thread to somebody.
    pub fn handed(&self, host: &str, person: String, view: u64) {
        let mut pages = self.open();
        pages.coverage.handed += 1;
        pages.record(host, Recorded::Handed { person, job: None, view });
    }

    /// A node's host says how far it is.
    pub fn applied(&self, host: &str, revision: u64) {
        self.open().record(host, Recorded::Applied(revision));
    }
}

impl Pages {
    /// Writes a line that is part of what two runs of a seed have in common.
    pub fn note(&mut self, line: &str) -> Nanos {
        let simulated = turmoil::sim_elapsed().map_or(0, nanos);
        self.now = simulated.max(self.now + 1);
        let now = self.now;
        for byte in now.to_le_bytes().into_iter().chain(line.bytes()) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
        if self.loud {
            println!("{:>14.6} {line}", Duration::from_nanos(now).as_secs_f64());
        }
        now
    }

    /// Of everything that was written.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What must not be.
    pub fn surprise(&mut self, what: String) {
        self.note(&what);
        self.surprises.push(what);
    }

    /// A host starts.
    pub fn starts(&mut self, host: &str, is_node: bool) {
        self.note(&format!("{host} starts"));
        if is_node {
            self.history.nodes.push(Node { name: host.to_owned(), ..Node::default() });
            self.running.insert(host.to_owned(), self.history.nodes.len() - 1);
        }
    }

    fn record(&mut self, host: &str, what: Recorded) {
        let now = self.note(&format!("{host}: {what:?}"));
        if matches!(what, Recorded::Applied(_)) {
            self.renewed.insert(host.to_owned(), now);
        }
        if let Some(&node) = self.running.get(host) {
            self.history.nodes[node].records.push(Record { at: Some(now), what });
        }
    }

    /// A thread is there.
    pub fn thread(&mut self, id: &str, job: &str) -> usize {
        self.history.threads.push(Thread { id: id.to_owned(), job: job.to_owned() });
        self.threads.insert(id.to_owned(), self.history.threads.len() - 1);
        self.history.threads.len() - 1
    }

    /// What happens from now on is not judged.
    pub fn close(&mut self, office: &[&str]) {
        let now = self.note("the book is closed");
        let mut history = self.history.clone();
        history.office = office.iter().map(ToString::to_string).collect();
        history.subscriptions.iter_mut().for_each(|subscription| subscription.until = subscription.until.min(now));
        self.closed = Some(history);
    }

    /// A call that turns these switches begins. `true` takes away.
    pub fn change_begins(&mut self, what: &str, switches: &[(Switch, bool)]) -> std::ops::Range<usize> {
        let invoked = self.note(&format!("{what} begins"));
        let first = self.history.changes.len();
        if takes_away(switches) {
            self.revoking.push(invoked);
        }
        self.history.changes.extend(switches.iter().map(|(switch, takes_away)| Change {
            switch: switch.clone(),
            takes_away: *takes_away,
            invoked,
            returned: None,
            revision: None,
            confirmed: 0,
            waited_out: 0,
        }));
        first..self.history.changes.len()
    }

    /// It has returned.
    pub fn change_returns(&mut self, what: &str, changes: std::ops::Range<usize>, receipt: &ChangeReceipt) {
        let (revision, confirmed, waited_out) = (receipt.revision, receipt.nodes_confirmed, receipt.nodes_waited_out);
        let returned = self.note(&format!("{what} returns at {revision}: {confirmed} confirmed, {waited_out} waited out"));
        let changes = &mut self.history.changes[changes];
        if changes.iter().any(|change| change.takes_away) {
            let begun = changes[0].invoked;
            self.revoking.retain(|&other| other != begun);
            self.coverage.confirmed += u64::from(confirmed > 0 && waited_out == 0);
            self.coverage.waited_out += u64::from(waited_out > 0);
        } else {
            self.coverage.granted += 1;
        }
        for change in changes {
            change.returned = Some(returned);
            change.revision = Some(revision);
            change.confirmed = confirmed;
            change.waited_out = waited_out;
        }
    }

    /// Whether a revocation is under way.
    pub fn is_revoking(&self) -> bool {
        !self.revoking.is_empty()
    }

    /// Whether one has been under way for so long that it must wait for a lease to run out.
    pub fn is_waiting_out(&self) -> bool {
        let long_ago = self.now.saturating_sub(nanos(WAITS_OUT));
        self.revoking.iter().any(|&begun| begun < long_ago)
    }

    /// Whether the node of this host has just sent a renewal.
    pub fn has_just_renewed(&self, host: &str) -> bool {
        self.renewed.get(host).is_some_and(|&renewed| self.now.saturating_sub(renewed) < nanos(JUST_NOW))
    }

    /// Somebody sends.
    pub fn send_begins(&mut self, author: Author, thread: usize, message: &str) -> usize {
        let invoked = self.note(&format!("{author:?} sends {message}"));
        let message = message.to_owned();
        self.history.sends.push(Send { message, thread, author, invoked, outcome: Outcome::Unknown });
        self.history.sends.len() - 1
    }

    /// It is on disk at `seq`, was not written, or nobody knows.
    pub fn send_ends(&mut self, send: usize, ended: Sent) {
        let answered = self.note(&format!("{} {ended:?}", self.history.sends[send].message.clone()));
        let (count, outcome) = match ended {
            Sent::At(seq) => (&mut self.coverage.sends, Outcome::Ok { seq, answered }),
            Sent::Refused => (&mut self.coverage.refused, Outcome::Refused { answered }),
            Sent::Unknown => (&mut self.coverage.unknown, Outcome::Unknown),
        };
        *count += 1;
        self.history.sends[send].outcome = outcome;
    }

    /// Somebody wants a thread's messages from its beginning, from now on and to the end.
    pub fn subscribes(&mut self, person: &str, thread: usize) -> usize {
        let since = self.note(&format!("{person} follows thread {thread}"));
        self.history.subscriptions.push(Subscription {
            person: person.to_owned(),
            thread,
            after_seq: 0,
            since,
            until: Nanos::MAX,
        });
        self.history.subscriptions.len() - 1
    }

    /// They want no more of it.
    pub fn unsubscribes(&mut self, subscription: usize) {
        let until = self.note(&format!("subscription {subscription} is over"));
        self.history.subscriptions[subscription].until = until;
    }

    /// A stream of that is asked for.
    pub fn asks(&mut self, subscription: usize) -> usize {
        let asked = self.note(&format!("subscription {subscription} asks for a stream"));
        self.history.streams.push(Stream { subscription, asked, opened: None, ended: None });
        self.history.streams.len() - 1
    }

    /// The stream is open.
    pub fn opens(&mut self, stream: usize) {
        self.history.streams[stream].opened = Some(self.note(&format!("stream {stream} is open")));
    }

    /// The stream has ended.
    pub fn ends(&mut self, stream: usize, why: &str) {
        self.history.streams[stream].ended = Some(self.note(&format!("stream {stream} ends: {why}")));
    }

    /// A message comes on it.
    pub fn delivers(&mut self, stream: usize, seq: u64, message: &str) {
        let received = self.note(&format!("stream {stream} brings {message} at {seq}"));
        self.coverage.deliveries += 1;
        self.history.deliveries.push(Delivery { stream, seq, message: message.to_owned(), received });
    }

    /// Somebody who asked then is shown something of a thread: these messages, or less.
    pub fn reads(&mut self, person: &str, thread: usize, asked: Nanos, messages: Vec<Message>) {
        let answered = self.note(&format!("{person} sees {messages:?} of thread {thread}"));
        self.coverage.reads += 1;
        self.history.reads.push(Read { person: person.to_owned(), thread, asked, answered, messages });
    }

    /// Somebody who asked then is told that a thread has come so far.
    pub fn sees_head(&mut self, thread: usize, seq: u64, asked: Nanos) {
        self.note(&format!("thread {thread} is at {seq}"));
        self.history.heads.push(Head { thread, seq, asked });
    }

    /// The thread of this id.
    pub fn thread_of(&self, id: &str) -> Option<usize> {
        self.threads.get(id).copied()
    }

    /// A thread holds a message in the end.
    pub fn logs(&mut self, thread_id: &str, seq: u64, message: &str, access_revision: u64) {
        self.note(&format!("thread {thread_id} holds {message} at {seq}, permitted by {access_revision}"));
        let access_revision = (access_revision > 0).then_some(access_revision);
        let judged = self.closed.as_ref().map_or(0, |closed| closed.sends.len());
        if self.history.sends[judged..].iter().any(|send| send.message == message) {
            return;
        }
        match (self.thread_of(thread_id), &mut self.closed) {
            (Some(thread), Some(closed)) => closed.log.push(Logged { thread, seq, message: message.to_owned(), access_revision }),
            _ => self.surprise(format!("nobody started thread {thread_id}")),
        }
    }
}

/// How a send ended.
#[derive(Clone, Copy, Debug)]
pub enum Sent {
    /// It is on disk with this number.
    At(u64),
    /// It was not written.
    Refused,
    /// Nobody knows.
    Unknown,
}

fn takes_away(switches: &[(Switch, bool)]) -> bool {
    switches.iter().any(|(_, takes_away)| *takes_away)
}

/// What a message is called: the first word of its body.
pub fn name_of(body: &str) -> &str {
    body.split(' ').next().unwrap_or_default()
}

/// A simulated time, as the judges take it.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
