//! What happened, as the clients and the nodes tell it.

use std::collections::BTreeSet;

/// Nanoseconds on the one monotonic clock of the history.
pub type Nanos = u64;

/// A person's id.
pub type Person = String;

/// A message, by the client message id of its send (for a customer's text the provider's).
pub type Message = String;

/// All that happened. People begin with everything switched on; where a test begins otherwise, it says so with a change at time 0.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Who works in the office: they need no job and read with chat disabled. Everybody else is a technician.
    pub office: BTreeSet<Person>,
    /// The threads.
    pub threads: Vec<Thread>,
    /// What was sent, and by customers texted.
    pub sends: Vec<Send>,
    /// The changes of access. One call that turns several switches is as many changes.
    pub changes: Vec<Change>,
    /// Who followed which thread.
    pub subscriptions: Vec<Subscription>,
    /// The streams that the subscriptions were made of.
    pub streams: Vec<Stream>,
    /// What the streams brought, those of one stream in the order in which they came.
    pub deliveries: Vec<Delivery>,
    /// Answers that told something of a thread, other than its stream: pages of messages, lists, inboxes.
    pub reads: Vec<Read>,
    /// Answers that told how far a thread was.
    pub heads: Vec<Head>,
    /// What the threads hold in the end.
    pub log: Vec<Logged>,
    /// When something was cut, stopped, killed or slow, with the time to recover from it.
    pub faults: Vec<Window>,
    /// What the nodes recorded, one for each incarnation.
    pub nodes: Vec<Node>,
}

/// A thread.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its id.
    pub id: String,
    /// The job that it is of.
    pub job: String,
}

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A technician or office employee.
    Person(Person),
    /// The customer.
    Customer,
}

/// A send with all its repetitions.
#[derive(Clone, Debug)]
pub struct Send {
    /// What names it.
    pub message: Message,
    /// Of [`History::threads`].
    pub thread: usize,
    /// Who.
    pub author: Author,
    /// When the first try began.
    pub invoked: Nanos,
    /// How the last one ended.
    pub outcome: Outcome,
}

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is committed.
    Ok {
        /// Its number in the thread.
        seq: u64,
        /// When the answer came.
        answered: Nanos,
    },
    /// No try of it was committed.
    Refused {
        /// When the answer came.
        answered: Nanos,
    },
    /// It may have been committed.
    Unknown,
}

/// An input of the decision. The revocation of one is undone by a grant of the same one alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Switch {
    /// The person may read: their override or the default of their role.
    View(Person),
    /// The person may send: the same of full access.
    Full(Person),
    /// The person is not deactivated.
    Active(Person),
    /// The technician's mobile access.
    MobileAccess(Person),
    /// The technician is on the job.
    OnJob(Person, String),
    /// The job has not ended, under a policy by which that takes all access.
    JobOpen(String),
    /// Chat is enabled.
    Chat,
}

/// A change of access.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it turns.
    pub switch: Switch,
    /// Off or on.
    pub takes_away: bool,
    /// When the call began.
    pub invoked: Nanos,
    /// When it returned well; none for a call whose outcome is not known.
    pub returned: Option<Nanos>,
    /// The revision that it made, if that became known.
    pub revision: Option<u64>,
    /// How many nodes confirmed it.
    pub confirmed: u32,
    /// How many nodes were waited out.
    pub waited_out: u32,
}

/// Somebody who wants to have a thread's messages for a while, over as many streams as it takes.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Who.
    pub person: Person,
    /// Of [`History::threads`].
    pub thread: usize,
    /// The first stream begins after this number.
    pub after_seq: u64,
    /// From when on.
    pub since: Nanos,
    /// Until when.
    pub until: Nanos,
}

/// One stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Of [`History::subscriptions`].
    pub subscription: usize,
    /// When it was asked for.
    pub asked: Nanos,
    /// When it was told to be open (`Opened`), if it was.
    pub opened: Option<Nanos>,
    /// When it ended, if it did.
    pub ended: Option<Nanos>,
}

/// A message that came on a stream.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Of [`History::streams`].
    pub stream: usize,
    /// Its number in the thread.
    pub seq: u64,
    /// What came.
    pub message: Message,
    /// When.
    pub received: Nanos,
}

/// An answer that told something of a thread.
#[derive(Clone, Debug)]
pub struct Read {
    /// Who asked.
    pub person: Person,
    /// Of [`History::threads`].
    pub thread: usize,
    /// When they asked.
    pub asked: Nanos,
    /// When the answer was there. An inbox's stream is asked once, and each frame of it is an answer.
    pub answered: Nanos,
    /// The messages that it showed.
    pub messages: Vec<Message>,
}

/// An answer that told how far a thread was: everything behind that was committed after it was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Of [`History::threads`].
    pub thread: usize,
    /// The number of its newest event.
    pub seq: u64,
    /// When it was asked for.
    pub asked: Nanos,
}

/// A message that a thread holds in the end, by its list or its database.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Of [`History::threads`].
    pub thread: usize,
    /// Its number.
    pub seq: u64,
    /// What it is.
    pub message: Message,
    /// The revision of the view that permitted it, where it is known.
    pub access_revision: Option<u64>,
}

/// A time in which things go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Its first nanosecond.
    pub from: Nanos,
    /// The first after it.
    pub to: Nanos,
}

/// What one incarnation of a node recorded.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// In the order in which it happened.
    pub records: Vec<Record>,
    /// When the process stood still as a whole (SIGSTOP). What a stopped thread had judged may leave when it goes on.
    pub frozen: Vec<Window>,
}

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// When, where the node's clock can be brought onto that of the history. At the latest when it was written down.
    pub at: Option<Nanos>,
    /// What.
    pub what: Recorded,
}

/// What nodes record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// A frame or an answer that tells of a thread was handed to the transport.
    Handed {
        /// To whom.
        person: Person,
        /// Of which job, where the record says so. Without it, what takes one job alone is not judged by it.
        job: Option<String>,
        /// The revision of the view that it was judged by.
        view: u64,
    },
    /// From here the permissions service may be told that the node has applied everything up to this revision.
    Applied(u64),
}
