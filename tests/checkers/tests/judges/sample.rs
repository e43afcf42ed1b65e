//! A small history, to be filled: tina follows the thread of job `j` on one stream from the beginning.

use crewline_checkers::history::{
    Author, Change, Delivery, History, Logged, Nanos, Node, Outcome, Read, Record, Recorded, Stream, Subscription, Switch,
    Thread, Window,
};

pub const JOB: &str = "j";
pub const TINA: &str = "tina";

pub struct Sample {
    pub history: History,
}

pub fn view(person: &str) -> Switch {
    Switch::View(person.into())
}

impl Sample {
    pub fn new() -> Self {
        let history = History {
            office: ["olga".to_owned()].into(),
            threads: vec![Thread { id: "t".into(), job: JOB.into() }],
            subscriptions: vec![Subscription { person: TINA.into(), thread: 0, after_seq: 0, since: 0, until: Nanos::MAX }],
            streams: vec![Stream { subscription: 0, asked: 0, opened: Some(1), ended: None }],
            ..History::default()
        };
        Self { history }
    }

    /// Somebody else follows the thread, too: the subscription and its stream.
    pub fn follows(&mut self, person: &str, since: Nanos) -> usize {
        let subscription = Subscription { person: person.into(), since, ..self.history.subscriptions[0].clone() };
        self.history.subscriptions.push(subscription);
        self.stream(self.history.subscriptions.len() - 1, since)
    }

    /// One stream more of a subscription.
    pub fn stream(&mut self, subscription: usize, asked: Nanos) -> usize {
        self.history.streams.push(Stream { subscription, asked, opened: None, ended: None });
        self.history.streams.len() - 1
    }

    /// The customer's text, with the next number: invoked, and answered one later.
    pub fn text(&mut self, message: &str, invoked: Nanos) -> &mut Self {
        self.posted(message, Author::Customer, invoked, invoked + 1)
    }

    /// A person's message, with the next number.
    pub fn sent(&mut self, message: &str, person: &str, invoked: Nanos, answered: Nanos) -> &mut Self {
        self.posted(message, Author::Person(person.into()), invoked, answered)
    }

    /// A person's message that was not acknowledged, and is there nevertheless.
    pub fn slipped_in(&mut self, message: &str, person: &str, invoked: Nanos, outcome: Outcome) -> &mut Self {
        self.sent(message, person, invoked, invoked);
        self.history.sends.last_mut().expect("a send").outcome = outcome;
        self
    }

    /// A person's message that is not there.
    pub fn refused(&mut self, message: &str, person: &str, invoked: Nanos, answered: Nanos) -> &mut Self {
        self.sent(message, person, invoked, answered);
        self.history.log.pop();
        self.history.sends.last_mut().expect("a send").outcome = Outcome::Refused { answered };
        self
    }

    fn posted(&mut self, message: &str, author: Author, invoked: Nanos, answered: Nanos) -> &mut Self {
        let seq = self.history.log.len() as u64 + 1;
        let outcome = Outcome::Ok { seq, answered };
        self.history.sends.push(crewline_checkers::history::Send {
            message: message.into(),
            thread: 0,
            author,
            invoked,
            outcome,
        });
        self.history.log.push(Logged { thread: 0, seq, message: message.into(), access_revision: None });
        self
    }

    /// The newest message was permitted by a view of this revision.
    pub fn by(&mut self, revision: u64) -> &mut Self {
        self.history.log.last_mut().expect("a message").access_revision = Some(revision);
        self
    }

    /// The stream brings a message of the log.
    pub fn got(&mut self, stream: usize, message: &str, received: Nanos) -> &mut Self {
        let seq = self.history.log.iter().find(|logged| logged.message == message).map_or(0, |logged| logged.seq);
        self.got_at(stream, seq, message, received)
    }

    pub fn got_at(&mut self, stream: usize, seq: u64, message: &str, received: Nanos) -> &mut Self {
        self.history.deliveries.push(Delivery { stream, seq, message: message.into(), received });
        self
    }

    /// A revocation: from the call to its return.
    pub fn off(&mut self, switch: Switch, (invoked, returned): (Nanos, Nanos), revision: u64) -> &mut Self {
        self.turned(switch, true, (invoked, Some(returned)), Some(revision))
    }

    /// A grant: from the call to its return.
    pub fn on(&mut self, switch: Switch, (invoked, returned): (Nanos, Nanos), revision: u64) -> &mut Self {
        self.turned(switch, false, (invoked, Some(returned)), Some(revision))
    }

    pub fn turned(
        &mut self,
        switch: Switch,
        takes_away: bool,
        (invoked, returned): (Nanos, Option<Nanos>),
        revision: Option<u64>,
    ) -> &mut Self {
        let change = Change { switch, takes_away, invoked, returned, revision, confirmed: 1, waited_out: 0 };
        self.history.changes.push(change);
        self
    }

    pub fn waited_out(&mut self) -> &mut Self {
        let change = self.history.changes.last_mut().expect("a change");
        (change.confirmed, change.waited_out) = (0, 1);
        self
    }

    pub fn read(&mut self, person: &str, asked: Nanos, answered: Nanos) -> &mut Self {
        self.saw(person, &[], asked, answered)
    }

    /// An answer that showed messages.
    pub fn saw(&mut self, person: &str, messages: &[&str], asked: Nanos, answered: Nanos) -> &mut Self {
        let messages = messages.iter().map(ToString::to_string).collect();
        self.history.reads.push(Read { person: person.into(), thread: 0, asked, answered, messages });
        self
    }

    pub fn fault(&mut self, from: Nanos, to: Nanos) -> &mut Self {
        self.history.faults.push(Window { from, to });
        self
    }

    /// What a node recorded, in this order.
    pub fn node(&mut self, records: impl IntoIterator<Item = Record>) -> &mut Self {
        self.history.nodes.push(Node { name: "node".into(), records: records.into_iter().collect(), frozen: Vec::new() });
        self
    }

    pub fn frozen(&mut self, from: Nanos, to: Nanos) -> &mut Self {
        self.history.nodes.last_mut().expect("a node").frozen.push(Window { from, to });
        self
    }
}

pub fn handed(person: &str, view: u64) -> Record {
    Record { at: None, what: Recorded::Handed { person: person.into(), job: None, view } }
}

pub fn applied(revision: u64) -> Record {
    Record { at: None, what: Recorded::Applied(revision) }
}

/// The record, with its time.
pub fn at(time: Nanos, record: Record) -> Record {
    Record { at: Some(time), ..record }
}
