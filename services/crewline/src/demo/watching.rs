//! The stream of a thread, as somebody has it on a screen.

use std::collections::VecDeque;
use std::time::Duration;

use crewline_api::chat::v1 as pb;
use crewline_client::thread::{Position, ThreadNews};
use crewline_client::{Subscription, Update};
use pb::event::Payload;
use tonic::Response;

use super::Failed;
use super::stage::Stage;
use crate::party::{Party, reason, until_heard};

/// How long a step waits.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A stream, and whose it is.
pub struct Watching {
    who: &'static str,
    stream: Subscription<ThreadNews>,
    unseen: VecDeque<Payload>,
}

impl Stage {
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
        Ok(Watching { who, stream, unseen: VecDeque::new() })
    }

    /// The next message on the stream has this body.
    pub async fn sees(&mut self, watching: &mut Watching, body: &str) -> Result<(), Failed> {
        let seen = loop {
            match watching.next().await? {
                Payload::MessagePosted(message) => break message.body,
                Payload::DeliveryUpdated(_) | Payload::OptOutChanged(_) => {}
                other => break format!("{other:?}"),
            }
        };
        self.same(watching.who, &format!("sees on the stream: {body}"), &body.to_owned(), &seen)
    }

    /// The stream brings, maybe after reports of other texts, how far this one has come.
    pub async fn comes_so_far(
        &mut self,
        watching: &mut Watching,
        message: &str,
        expected: pb::DeliveryStatus,
    ) -> Result<(), Failed> {
        let seen = loop {
            match watching.next().await? {
                Payload::DeliveryUpdated(update) if update.message_id != message => {}
                Payload::DeliveryUpdated(update) if update.status() < expected => {}
                Payload::DeliveryUpdated(update) => break format!("{:?}", update.status()),
                other => break format!("{other:?}"),
            }
        };
        let what = format!("sees how far the text has come: {}", expected.as_str_name());
        self.same(watching.who, &what, &format!("{expected:?}"), &seen)
    }

    /// The next event on the stream that is no delivery report is `expected`.
    pub async fn hears(
        &mut self,
        watching: &mut Watching,
        what: &str,
        expected: impl Fn(&Payload) -> bool,
    ) -> Result<(), Failed> {
        let seen = loop {
            match watching.next().await? {
                Payload::DeliveryUpdated(_) => {}
                other => break other,
            }
        };
        if !expected(&seen) {
            return Err(watching.unexpected(what, &format!("{seen:?}")));
        }
        self.same(watching.who, &format!("sees on the stream: {what}"), &true, &true)
    }

    /// The stream says why it ends, with this reason, and does not come back.
    pub async fn ends(&mut self, mut watching: Watching, closing: pb::ClosingReason, expected: &str) -> Result<(), Failed> {
        let end = loop {
            match watching.update().await? {
                Update::Ended(parting) => break parting,
                Update::News(ThreadNews::Progress(_) | ThreadNews::Presence(_)) => {}
                Update::News(ThreadNews::Events(batch)) if batch.events.iter().all(is_delivery_report) => {}
                other => return Err(watching.unexpected(closing.as_str_name(), &format!("{other:?}"))),
            }
        };
        let hears = format!("hears on the stream that it ends: {}", closing.as_str_name());
        self.same(watching.who, &hears, &Some(closing), &end.closing)?;
        self.same(watching.who, &format!("has no stream any more: {expected}"), &expected.to_owned(), &reason(&end.status))
    }
}

fn is_delivery_report(event: &pb::Event) -> bool {
    matches!(event.payload, Some(Payload::DeliveryUpdated(_)))
}

impl Watching {
    async fn next(&mut self) -> Result<Payload, Failed> {
        loop {
            if let Some(payload) = self.unseen.pop_front() {
                return Ok(payload);
            }
            match self.update().await? {
                Update::News(ThreadNews::Events(batch)) => {
                    self.unseen.extend(batch.events.into_iter().filter_map(|event| event.payload));
                }
                Update::News(ThreadNews::Progress(_) | ThreadNews::Presence(_)) => {}
                other => return Err(self.unexpected("an event", &format!("{other:?}"))),
            }
        }
    }

    async fn update(&mut self) -> Result<Update<ThreadNews>, Failed> {
        match tokio::time::timeout(PATIENCE, self.stream.next()).await {
            Ok(Some(update)) => Ok(update),
            other => Err(self.unexpected("an update", &format!("{other:?}"))),
        }
    }

    fn unexpected(&self, expected: &str, seen: &str) -> Failed {
        Failed::Unexpected { step: format!("the stream of {}", self.who), expected: expected.to_owned(), seen: seen.to_owned() }
    }
}
