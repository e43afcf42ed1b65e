//! Who plays, and how a step is told and checked.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crewline_api::chat::v1 as pb;
use crewline_client::thread::{Position, ThreadNews};
use crewline_client::{Subscription, Update};
use tonic::{Response, Status};

use super::Failed;
use crate::error::Error;
use crate::party::{CallError, Pair, Party, reason, until_heard};

const PATIENCE: Duration = Duration::from_secs(20);

/// Everybody who takes part, on a tenant of this play alone.
pub struct Stage {
    /// The tenant.
    pub tenant: String,
    /// Makes tenants.
    pub provision: Party,
    /// The administrator, Ada.
    pub admin: Party,
    /// The dispatch system.
    pub dispatch: Party,
    /// The SMS gateway, for the customer.
    pub carrier: Party,
    /// Olga in the office.
    pub olga: Party,
    /// Technicians with full access.
    pub tina: Party,
    /// The second one.
    pub theo: Party,
    /// A technician who may only view.
    pub vera: Party,
    steps: usize,
}

/// A stream, and whose it is.
pub struct Watching {
    who: &'static str,
    stream: Subscription<ThreadNews>,
}

impl Stage {
    /// Gives everybody a token.
    pub fn new(pair: Pair) -> Result<Self, Error> {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let tenant = format!("demo-{micros}");
        Ok(Self {
            provision: pair.service("provision", &tenant)?,
            admin: pair.person("admin", "ada", &tenant)?,
            dispatch: pair.service("dispatch", &tenant)?,
            carrier: pair.service("carrier", &tenant)?,
            olga: pair.person("office", "olga", &tenant)?,
            tina: pair.person("technician", "tina", &tenant)?,
            theo: pair.person("technician", "theo", &tenant)?,
            vera: pair.person("technician", "vera", &tenant)?,
            tenant,
            steps: 0,
        })
    }

    /// How many steps were told.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Begins a scene.
    pub fn scene(&self, title: &str) {
        println!("— {title}");
    }

    /// A step that succeeded.
    pub fn done<T, E>(&mut self, who: &str, what: &str, result: Result<Response<T>, E>) -> Result<T, Failed>
    where
        CallError: From<E>,
    {
        let answer = result.map_err(|status| Failed::Call(format!("{who} {what}"), status.into()))?.into_inner();
        self.tell(who, what);
        Ok(answer)
    }

    /// A step that had to be refused, for this reason.
    pub fn refused<T: Debug>(
        &mut self,
        who: &str,
        what: &str,
        expected: &str,
        result: Result<Response<T>, Status>,
    ) -> Result<(), Failed> {
        let seen = match result {
            Ok(answer) => format!("{:?}", answer.into_inner()),
            Err(status) => reason(&status),
        };
        self.same(who, &format!("{what}: refused with {expected}"), &expected.to_owned(), &seen)
    }

    /// A step that had to see `expected`.
    pub fn same<T: PartialEq + Debug>(&mut self, who: &str, what: &str, expected: &T, seen: &T) -> Result<(), Failed> {
        if expected != seen {
            let step = format!("{who} {what}");
            return Err(Failed::Unexpected { step, expected: format!("{expected:?}"), seen: format!("{seen:?}") });
        }
        self.tell(who, what);
        Ok(())
    }

    fn tell(&mut self, who: &str, what: &str) {
        self.steps += 1;
        println!("  {who:<16} {what}");
    }

    /// `who` opens the stream of a thread, and has caught up.
    pub async fn watch(&mut self, who: &'static str, party: &Party, thread: &str) -> Result<Watching, Failed> {
        let opened = until_heard(async || {
            let mut stream = party.watch_thread(thread, Position::AfterSeq(0));
            loop {
                match stream.next().await {
                    Some(Update::News(ThreadNews::CaughtUp(_))) => return Ok(Response::new(stream)),
                    Some(Update::Ended(parting)) => return Err(parting.status),
                    _ => {}
                }
            }
        });
        let stream = self.done(who, "opens the thread's stream", opened.await)?;
        Ok(Watching { who, stream })
    }

    /// The stream brings a message with this body.
    pub async fn sees(&mut self, watching: &mut Watching, body: &str) -> Result<(), Failed> {
        let seen = match watching.next().await? {
            Update::News(ThreadNews::Events(batch)) => batch.events.into_iter().map(body_of).collect(),
            other => vec![format!("{other:?}")],
        };
        self.same(watching.who, &format!("sees on the stream: {body}"), &vec![body.to_owned()], &seen)
    }

    /// The stream says why it ends, with this reason, and does not come back.
    pub async fn ends(&mut self, mut watching: Watching, closing: pb::ClosingReason, expected: &str) -> Result<(), Failed> {
        let end = match watching.next().await? {
            Update::Ended(parting) => parting,
            other => return Err(watching.unexpected(&format!("{closing:?}"), &format!("{other:?}"))),
        };
        let hears = format!("hears on the stream that it ends: {}", closing.as_str_name());
        self.same(watching.who, &hears, &Some(closing), &end.closing)?;
        self.same(watching.who, &format!("has no stream any more: {expected}"), &expected.to_owned(), &reason(&end.status))
    }
}

fn body_of(event: pb::Event) -> String {
    let Some(pb::event::Payload::MessagePosted(message)) = event.payload else { return String::new() };
    message.body
}

impl Watching {
    /// What is next, but for signs of life.
    async fn next(&mut self) -> Result<Update<ThreadNews>, Failed> {
        loop {
            match tokio::time::timeout(PATIENCE, self.stream.next()).await {
                Ok(Some(Update::News(ThreadNews::Progress(_)))) => {}
                Ok(Some(update)) => return Ok(update),
                other => return Err(self.unexpected("an update", &format!("{other:?}"))),
            }
        }
    }

    fn unexpected(&self, expected: &str, seen: &str) -> Failed {
        Failed::Unexpected { step: format!("the stream of {}", self.who), expected: expected.to_owned(), seen: seen.to_owned() }
    }
}
