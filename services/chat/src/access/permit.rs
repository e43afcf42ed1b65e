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
    place: Option<Place>,
    revision: u64,
}

impl Permit {
    pub(super) fn new(access: Access, subject: Subject, wish: Wish, author: Author, place: Option<Place>, revision: u64) -> Self {
        Self { access, subject, wish, author, place, revision }
    }

    /// Asks the guard again, right before the commit: the write may have waited for its turn, and access may be gone by now.
    pub fn confirm(&self) -> Result<(), Denied> {
        self.access.check(&self.subject, self.wish, self.place.as_ref()).map(|_| ())
    }

    /// Where.
    pub fn tenant(&self) -> &TenantId {
        &self.subject.tenant
    }

    /// Who.
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// The thread as it was when the guard looked at it; none for a permit to start one.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The revision of the view that allowed it: evidence that stays with what is written.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
