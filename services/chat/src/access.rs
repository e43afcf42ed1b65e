//! What this node knows of who may see what, until when it may act on it, and the only way to a decision.
//!
//! The view is a copy of the permissions service's facts, kept by `subscription`. It counts only while the lease is valid; without one
//! nothing is handed out. A change is published while the [`gate`] is closed, and counts as applied when no write that was allowed
//! before it is under way ([`pins`]): from then on the permissions service need not wait for this node.

pub mod gate;
pub mod guard;
pub mod lease;
pub mod permit;
mod pins;
pub mod subscription;
pub mod view;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use chassis::clock::{Clock, Moment};
use tokio::sync::watch;

use self::gate::Gate;
use self::guard::{Denial, Denied, Place, Subject, Wish};
use self::lease::Lease;
use self::permit::{Allowed, Permit, WRITE_WITHIN};
use self::pins::{Concerned, Pins};
use self::view::{Change, Gap, View};
use crate::error::Error;
use crate::model::{Author, ContactNumber, JobId, PersonId, PersonKind, TenantId};
use crate::mutant::Mutant;

/// The view, the lease and the guard. Clones share them.
#[derive(Clone, Debug)]
pub struct Access {
    gate: Gate,
    view: Arc<RwLock<View>>,
    /// Another number whenever the view is another one.
    published: Arc<AtomicU64>,
    lease: Arc<Lease>,
    pins: Pins,
    clock: Clock,
    changed: watch::Sender<u64>,
}

/// A yes that holds as long as neither the view nor the place is another one: what a stream remembers from one frame to the next.
#[derive(Debug, Default)]
pub struct Standing(Option<(u64, Place, u64)>);

/// What this node would say, by the facts that it knows, whether they are fresh or not.
#[derive(Debug)]
pub struct Explained {
    /// To one who reads.
    pub read: Result<(), Denial>,
    /// To one who writes.
    pub write: Result<(), Denial>,
    /// The revision of the facts.
    pub revision: u64,
    /// For how long they may still be acted on.
    pub lease_left: Duration,
}

impl Standing {
    /// The revision of the last yes.
    pub fn last(&self) -> Option<u64> {
        self.0.as_ref().map(|(_, _, revision)| *revision)
    }
}

impl Access {
    /// Knows nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            gate: Gate::default(),
            view: Arc::default(),
            published: Arc::default(),
            lease: Arc::default(),
            pins: Pins::default(),
            clock,
            changed: watch::Sender::new(0),
        }
    }

    /// What every call has to pass through.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Wakes whenever a decision may have changed: a change was applied, or the lease began or ended.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Whether this subject may do this now; the revision that it was judged by.
    pub fn check(&self, subject: &Subject, wish: Wish, place: Option<&Place>) -> Result<u64, Denied> {
        self.judge(subject, wish, place, |_| ())
    }

    /// Whether this subject may still read here. The whole question is asked only when something has changed since the last yes.
    pub fn check_standing(&self, standing: &mut Standing, subject: &Subject, place: &Place) -> Result<u64, Denied> {
        if let Some((published, of, revision)) = &standing.0
            && *published == self.published.load(Ordering::Acquire)
            && of == place
        {
            return if self.lease.is_valid(self.clock.now()) { Ok(*revision) } else { Err(Denied::Unknown) };
        }
        standing.0 = None;
        let published = self.published.load(Ordering::Acquire);
        let revision = self.check(subject, Wish::Read, Some(place))?;
        standing.0 = Some((published, place.clone(), revision));
        Ok(revision)
    }

    /// Notes for the log that something of a thread leaves to this person, who was judged at this revision. In the gate.
    pub fn handed(&self, subject: &Subject, revision: u64) {
        tracing::trace!(target: "chat::record", tenant = subject.tenant.as_str(), person = subject.person.as_str(), view = revision, "handed");
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
        let now = self.clock.now();
        let mut allowed = None;
        let revision = self.judge(subject, wish.at_first(), place, |view| {
            let author = Author::person(subject.kind, subject.person.clone(), view.display_name(subject).to_owned());
            // Pinned under the lock of the view: a change that is published later sees the pin.
            allowed = Some((author, self.pins.pin(subject)));
        })?;
        let (author, pin) = allowed.ok_or(Denied::Unknown)?;
        let deadline = self.lease.until().min(now + WRITE_WITHIN);
        Ok(Permit::new(self.clone(), subject.clone(), wish, Allowed { author, revision, deadline, pin }))
    }

    /// What this node would say to a person who reads in this place, and who writes there.
    pub fn explain(&self, tenant: &TenantId, person: &PersonId, place: &Place) -> Explained {
        let view = self.read();
        let facts = view.tenant(tenant);
        // Of one whom nobody knows, either kind is refused for that.
        let kind = facts.and_then(|facts| facts.person(person)).map_or(PersonKind::Technician, |person| person.kind);
        let subject = Subject { tenant: tenant.clone(), person: person.clone(), kind };
        let judge = |wish| guard::judge(facts, &subject, wish, Some(place));
        let lease_left = self.lease.until().since(self.clock.now());
        Explained { read: judge(Wish::Read), write: judge(Wish::Send), revision: view.revision(), lease_left }
    }

    /// Refuses a tenant that is known, by fresh knowledge, not to be there or to be closed.
    pub fn refuse_absent(&self, tenant: &TenantId) -> Result<(), Denial> {
        let view = self.read();
        let known_absent = self.lease.is_valid(self.clock.now()) && !view.tenant_is_open(tenant);
        if known_absent { Err(Denial::TenantNotAllowed) } else { Ok(()) }
    }

    fn judge(&self, subject: &Subject, wish: Wish, place: Option<&Place>, seen: impl FnOnce(&View)) -> Result<u64, Denied> {
        let view = self.read();
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

    /// The revision up to which every change is in force on this node: nothing is handed out by older facts, and no write that they allowed
    /// goes on for those whom a change concerns.
    fn applied(&self) -> u64 {
        // With the gate closed: the answer of a write that has just ended has left.
        let _closed = self.gate.close();
        let applied = self.pins.in_force(self.read().revision());
        tracing::trace!(target: "chat::record", revision = applied, "applied");
        applied
    }

    /// Wakes when more may have been applied than before.
    fn moved(&self) -> watch::Receiver<u64> {
        self.pins.moved()
    }

    /// Forgets everything: what was known does not fit what is told.
    fn forget(&self) {
        self.lease.drop_now();
        self.replace(View::default());
    }

    /// Takes another view over: everybody is judged anew.
    pub fn replace(&self, view: View) {
        let Ok(()) = self.publish::<Infallible>(|old| {
            *old = view;
            Ok(Concerned::Everybody)
        });
    }

    /// Takes a change in: it comes after what has left, and before all that leaves from now on.
    pub fn apply(&self, change: Change) -> Result<(), Gap> {
        if Mutant::AcknowledgedBeforePublished.planted() {
            self.acknowledge_first(change);
            return Ok(());
        }
        self.publish(|view| {
            let concerned = view.concerned(&change);
            view.apply(change)?;
            Ok(concerned)
        })
    }

    /// With the fault planted: the view says that it has the change some time before it has it.
    fn acknowledge_first(&self, change: Change) {
        self.advance(change.revision);
        let access = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            access.publish(|view| {
                let concerned = view.concerned(&change);
                view.apply(change).map(|()| concerned)
            })
        });
    }

    /// Every change up to `revision` was for tenants that this node does not watch.
    fn advance(&self, revision: u64) {
        self.write().advance(revision);
        self.pins.tell();
    }

    /// Changes the view between two polls of every call. From here on nothing leaves by what was known before.
    fn publish<E>(&self, with: impl FnOnce(&mut View) -> Result<Concerned, E>) -> Result<(), E> {
        {
            let _closed = self.gate.close();
            let mut view = self.write();
            let concerned = with(&mut view)?;
            self.pins.publish(view.revision(), &concerned);
            self.published.fetch_add(1, Ordering::Release);
        }
        // Whoever acknowledges goes first: a revocation waits for that, and not for the streams, of which there may be thousands.
        self.pins.tell();
        self.wake();
        Ok(())
    }

    fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The permissions service has granted a lease for the renewal that was sent at `sent_at`.
    pub fn renew(&self, sent_at: Moment, ttl: Duration) {
        let was_valid = self.lease.is_valid(self.clock.now());
        self.lease.renew(sent_at, ttl);
        if !was_valid {
            self.wake();
        }
    }

    fn wake(&self) {
        self.changed.send_modify(|version| *version += 1);
    }
}
