//! A permit: the guard has let this person write here. The stores' methods that write for people take one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::clock::Moment;
use tokio::time::Instant;

use super::Access;
use super::guard::{Denied, Place, Subject, Wish};
use super::pins::Pin;
use crate::model::{Author, TenantId};

/// A write takes no longer.
pub const WRITE_WITHIN: Duration = Duration::from_millis(1500);

/// Made by [`Access::permit`] alone.
#[derive(Debug)]
pub struct Permit {
    access: Access,
    subject: Subject,
    wish: Wish,
    author: Author,
    revision: AtomicU64,
    deadline: Moment,
    pin: Arc<Pin>,
}

/// What the guard said of a person who is about to write.
#[derive(Debug)]
pub(super) struct Allowed {
    pub author: Author,
    pub revision: u64,
    pub deadline: Moment,
    pub pin: Arc<Pin>,
}

impl Permit {
    pub(super) fn new(access: Access, subject: Subject, wish: Wish, allowed: Allowed) -> Self {
        let Allowed { author, revision, deadline, pin } = allowed;
        Self { access, subject, wish, author, revision: AtomicU64::new(revision), deadline, pin }
    }

    /// Asks the guard again, right before the commit, about the thread as it is under the lock: the write may have waited for its
    /// turn, and access may be gone by now.
    pub fn confirm(&self, place: Option<&Place>) -> Result<(), Denied> {
        self.ask(self.wish, place)
    }

    /// The same for a call that repeats an earlier one: what was written stays the answer where nothing more could be written.
    pub fn confirm_repeated(&self, place: &Place) -> Result<(), Denied> {
        self.ask(self.wish.at_first(), Some(place))
    }

    fn ask(&self, wish: Wish, place: Option<&Place>) -> Result<(), Denied> {
        self.revision.store(self.access.check(&self.subject, wish, place)?, Ordering::Relaxed);
        Ok(())
    }

    /// Where.
    pub fn tenant(&self) -> &TenantId {
        &self.subject.tenant
    }

    /// Who.
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// Who, to the guard.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The revision of the view that allowed it last: evidence that stays with what is written.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// The write must have ended by then: after the lease that allowed it, nobody waits for it any more.
    pub fn deadline(&self) -> Instant {
        self.access.clock.instant(self.deadline)
    }

    /// To be held until the write is known to have ended, and its answer has left.
    pub fn pin(&self) -> Arc<Pin> {
        Arc::clone(&self.pin)
    }
}
