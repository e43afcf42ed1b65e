//! What this node knows of who may see what, how fresh it is, and the only way to a decision.
//!
//! The view is a copy of the permissions service's facts, kept by `subscription`. It counts only while it is fresh: while the
//! last renewal that was answered was sent at most [`lease::FRESH_FOR`] ago. Without it nothing is handed out.

pub mod guard;
pub mod lease;
pub mod permit;
pub mod subscription;
pub mod view;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use chassis::clock::Clock;
use tokio::sync::watch;

use self::guard::{Denial, Denied, Place, Subject, Wish};
use self::lease::Lease;
use self::permit::Permit;
use self::view::{Change, Gap, View};
use crate::error::Error;
use crate::model::{Author, ContactNumber, JobId, PersonKind, TenantId};

/// The view, the lease and the guard. Clones share them.
#[derive(Clone, Debug)]
pub struct Access {
    view: Arc<RwLock<View>>,
    lease: Arc<Lease>,
    clock: Clock,
    changed: watch::Sender<u64>,
}

impl Access {
    /// Knows nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self { view: Arc::default(), lease: Arc::default(), clock, changed: watch::Sender::new(0) }
    }

    /// Wakes whenever a decision may have changed: a change was applied, or the view became fresh or stale.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whether this subject may do this now; the revision that it was judged by.
    pub fn check(&self, subject: &Subject, wish: Wish, place: Option<&Place>) -> Result<u64, Denied> {
        self.judge(subject, wish, place, |_| ())
    }

    /// Whether this subject may see each of these threads now: judged together, at the one revision that comes with it. What
    /// concerns the person refuses all.
    pub fn check_each<'a>(
        &self,
        subject: &Subject,
        places: impl Iterator<Item = &'a Place>,
    ) -> Result<(u64, Vec<Result<(), Denial>>), Denied> {
        let mut judged = Vec::new();
        let revision = self.judge(subject, Wish::Browse, None, |view| {
            let tenant = view.tenant(&subject.tenant);
            judged = places.map(|place| guard::judge(tenant, subject, Wish::Read, Some(place))).collect();
        })?;
        Ok((revision, judged))
    }

    /// The jobs whose open threads this subject may see now; `None` means that no job is needed.
    pub fn visible_jobs(&self, subject: &Subject) -> Result<Option<Vec<JobId>>, Denied> {
        let mut visible = None;
        self.judge(subject, Wish::Browse, None, |view| {
            if subject.kind == PersonKind::Technician
                && let Some(tenant) = view.tenant(&subject.tenant)
            {
                let jobs = tenant.jobs_of(&subject.person).filter(|job| guard::shows_job(tenant, job));
                visible = Some(jobs.cloned().collect());
            }
        })?;
        Ok(visible)
    }

    /// Whether the tenant is there and open, by fresh knowledge.
    pub fn check_tenant(&self, tenant: &TenantId) -> Result<(), Denied> {
        let view = self.read();
        if !self.lease.is_valid(self.clock.now()) {
            return Err(Denied::Unknown);
        }
        if view.tenant_is_open(tenant) { Ok(()) } else { Err(Denial::TenantNotAllowed.into()) }
    }

    /// Whether one of the tenant's own people has this number, as far as is known: a customer's text must not wait for fresh knowledge.
    pub fn is_staff(&self, tenant: &TenantId, number: &ContactNumber) -> bool {
        self.read().tenant(tenant).is_some_and(|tenant| tenant.is_staff(number.as_str()))
    }

    /// Whether a technician is dispatched to this job or works on it, as far as is known.
    pub fn is_under_way(&self, tenant: &TenantId, job: &JobId) -> bool {
        self.read().tenant(tenant).and_then(|tenant| tenant.job(job)).is_some_and(|job| job.under_way)
    }

    /// The same as [`Access::check`], with the person's name.
    pub fn identify(&self, subject: &Subject, wish: Wish, place: Option<&Place>) -> Result<(u64, String), Error> {
        let mut name = String::new();
        let revision = self.judge(subject, wish, place, |view| name = view.display_name(subject).to_owned())?;
        Ok((revision, name))
    }

    /// The permit to write into `place`, if the subject may; the write itself asks again, under the lock.
    pub fn permit(&self, subject: &Subject, wish: Wish, place: Option<&Place>) -> Result<Permit, Error> {
        let (revision, name) = self.identify(subject, wish.at_first(), place)?;
        let author = Author::person(subject.kind, subject.person.clone(), name);
        Ok(Permit::new(self.clone(), subject.clone(), wish, author, revision))
    }

    /// Refuses a tenant that is known, by fresh knowledge, not to be there or to be closed.
    pub fn refuse_absent(&self, tenant: &TenantId) -> Result<(), Denial> {
        let view = self.read();
        let known_absent = self.lease.is_valid(self.clock.now()) && !view.tenant_is_open(tenant);
        if known_absent { Err(Denial::TenantNotAllowed) } else { Ok(()) }
    }

    fn judge(&self, subject: &Subject, wish: Wish, place: Option<&Place>, seen: impl FnOnce(&View)) -> Result<u64, Denied> {
        let view = self.read();
        // Under the lock that a change needs: what is judged here is judged before or after a change, never half way.
        if !self.lease.is_valid(self.clock.now()) {
            return Err(Denied::Unknown);
        }
        guard::judge(view.tenant(&subject.tenant), subject, wish, place)?;
        seen(&view);
        Ok(view.revision())
    }

    fn read(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place in the feed that the view has reached: epoch and revision.
    pub fn cursor(&self) -> (u64, u64) {
        let view = self.read();
        (view.epoch(), view.revision())
    }

    fn replace(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        self.wake();
    }

    fn apply(&self, change: Change) -> Result<(), Gap> {
        self.view.write().unwrap_or_else(PoisonError::into_inner).apply(change)?;
        self.wake();
        Ok(())
    }

    fn advance(&self, revision: u64) {
        self.view.write().unwrap_or_else(PoisonError::into_inner).advance(revision);
    }

    fn wake(&self) {
        self.changed.send_modify(|version| *version += 1);
    }
}
