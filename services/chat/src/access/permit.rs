//! A permit: the guard has let this person write here. The stores' methods that write for people take one.

use super::guard::Place;
use crate::model::{Author, TenantId};

/// Made by [`super::Access::permit`] alone.
#[derive(Debug)]
pub struct Permit {
    tenant: TenantId,
    author: Author,
    place: Option<Place>,
    revision: u64,
}

impl Permit {
    pub(super) fn new(tenant: TenantId, author: Author, place: Option<Place>, revision: u64) -> Self {
        Self { tenant, author, place, revision }
    }

    /// Where.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
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
