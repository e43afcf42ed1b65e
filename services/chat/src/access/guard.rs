//! May this person do this with this thread now: a pure function of the view, judged in the order of the API's reasons.

use chassis::identity::Identity;
use chassis::refusal::Refusal;
use crewline_api::errors::v1::ErrorReason;

use super::view::{Level, TenantView};
use crate::model::{JobId, PersonId, PersonKind, TenantId, Thread, ThreadId, ThreadState};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The tenant of the token.
    pub tenant: TenantId,
    /// The person.
    pub person: PersonId,
    /// What kind of person the token is for.
    pub kind: PersonKind,
}

/// What they want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Look for threads.
    Browse,
    /// See a thread.
    Read,
    /// Write into a thread.
    Send,
    /// Start a thread, or say what holds for a customer's number.
    Start,
    /// Close a thread, or open it again.
    Manage,
}

/// The thread, as far as the decision looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub thread: ThreadId,
    /// Its job.
    pub job: Option<JobId>,
    /// Open or closed.
    pub state: ThreadState,
}

/// The guard did not let it through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Without fresh knowledge nobody can tell.
    #[error("access is not known")]
    Unknown,
    /// No.
    #[error("no: {0:?}")]
    No(Denial),
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The tenant is unknown or closed.
    TenantNotAllowed,
    /// The person is unknown, inactive, of another kind than the token says, or without mobile access.
    PersonInactive,
    /// Chat is not enabled.
    ChatDisabled,
    /// The level is not enough.
    LevelTooLow,
    /// There is no such thread.
    NoThread,
    /// The technician is not on the job.
    NotOnJob,
    /// The job has ended, under a policy that hides it.
    JobEnded,
    /// A closed thread is hidden from technicians.
    HiddenWhenClosed,
    /// A closed thread cannot be written to.
    ThreadClosed,
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Self {
        Self::No(denial)
    }
}

impl Subject {
    /// The person whom a token is for.
    pub fn of(identity: &Identity, tenant: &str) -> Result<Self, Refusal> {
        let kind = match identity.kind.as_str() {
            "technician" => PersonKind::Technician,
            "office" => PersonKind::Office,
            _ => return Err(Refusal::new(ErrorReason::CallerNotAllowed, "this RPC is for people")),
        };
        if identity.tenants != [tenant] {
            return Err(Refusal::new(ErrorReason::TenantNotAllowed, "a person's token names one tenant"));
        }
        let unknown = || Refusal::new(ErrorReason::PersonInactive, "the person is unknown");
        let person = PersonId::parse("sub", identity.subject.as_str()).map_err(|_| unknown())?;
        Ok(Self { tenant: TenantId::parse(chassis::identity::TENANT_HEADER, tenant)?, person, kind })
    }
}

impl From<&Thread> for Place {
    fn from(thread: &Thread) -> Self {
        Self { thread: thread.id, job: thread.job.clone(), state: thread.state }
    }
}

impl Wish {
    /// Whether the office may with chat disabled: it only reads.
    fn only_reads(self) -> bool {
        matches!(self, Self::Browse | Self::Read)
    }

    /// What is judged before the thread is locked. That it is closed is told under the lock, once a retry has had its answer.
    pub fn at_first(self) -> Self {
        if self == Self::Send { Self::Manage } else { self }
    }

    fn level(self) -> Level {
        match self {
            Self::Browse | Self::Read => Level::View,
            Self::Send | Self::Start | Self::Manage => Level::Full,
        }
    }
}

/// The decision. What concerns the person comes before what concerns the thread, so that a refusal tells nothing of what exists.
pub fn judge(tenant: Option<&TenantView>, subject: &Subject, wish: Wish, place: Option<&Place>) -> Result<(), Denial> {
    let tenant = tenant.filter(|tenant| !tenant.facts.closed).ok_or(Denial::TenantNotAllowed)?;
    let technician = subject.kind == PersonKind::Technician;

    let person = tenant.person(&subject.person).filter(|person| person.kind == subject.kind && person.active);
    let person = person.filter(|person| person.mobile_access || !technician).ok_or(Denial::PersonInactive)?;

    if !tenant.facts.chat_enabled && (technician || !wish.only_reads()) {
        return Err(Denial::ChatDisabled);
    }
    if person.level < wish.level() {
        return Err(Denial::LevelTooLow);
    }
    if matches!(wish, Wish::Browse | Wish::Start) {
        return Ok(());
    }

    let place = place.ok_or(Denial::NoThread)?;
    if technician {
        let job = place.job.as_ref().and_then(|job| tenant.job(job)).ok_or(Denial::NotOnJob)?;
        if !job.technicians.contains(&subject.person) {
            return Err(Denial::NotOnJob);
        }
        if place.state == ThreadState::Closed {
            return Err(Denial::HiddenWhenClosed);
        }
        let ceiling = if job.ended { tenant.facts.after_job_end } else { Level::Full };
        if ceiling == Level::None {
            return Err(Denial::JobEnded);
        }
        if ceiling < wish.level() {
            return Err(Denial::LevelTooLow);
        }
    }
    if wish == Wish::Send && place.state == ThreadState::Closed {
        return Err(Denial::ThreadClosed);
    }
    Ok(())
}

/// Whether the technicians of a job see its open threads.
pub fn shows_job(tenant: &TenantView, job: &JobId) -> bool {
    tenant.job(job).is_some_and(|job| !job.ended || tenant.facts.after_job_end > Level::None)
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
