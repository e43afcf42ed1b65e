//! A permit: the guard has let this person write here. The stores' methods that write for people take one.

use super::Access;
use super::guard::{Denied, Place, Subject, Wish};
use crate::model::{Author, TenantId};

/// Made by [`Access::permit`] alone.
#[derive(Debug)]
pub struct Permit {
    access: Access,
    subject: Subject,
    wish: Wish,
    author: Author,
    revision: u64,
}

impl Permit {
    pub(super) fn new(access: Access, subject: Subject, wish: Wish, author: Author, revision: u64) -> Self {
        Self { access, subject, wish, author, revision }
    }

    /// Asks the guard again, right before the commit, about the thread as it is under the lock: the write may have waited for its
    /// turn, and access may be gone by now.
    pub fn confirm(&self, place: Option<&Place>) -> Result<(), Denied> {
        self.access.check(&self.subject, self.wish, place).map(|_| ())
    }

    /// The same for a call that repeats an earlier one: what was written stays the answer where nothing more could be written.
    pub fn confirm_repeated(&self, place: &Place) -> Result<(), Denied> {
        self.access.check(&self.subject, self.wish.at_first(), Some(place)).map(|_| ())
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

    /// The revision of the view that allowed it: evidence that stays with what is written.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
