//! May this person do this: a pure function of the facts, and its reason. No I/O, no clock.

use crate::model::{Level, PersonFacts, PersonKind, TenantFacts};

/// Everything that the decision looks at.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The tenant.
    pub tenant: TenantFacts,
    /// The person, if there is one.
    pub person: Option<PersonFacts>,
    /// Whether the person has an active assignment to any appointment of the job.
    pub on_job: bool,
    /// Whether the job is completed or canceled.
    pub job_ended: bool,
}

/// What has to hold, in the order in which it is judged: the first that does not is the reason of the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The tenant is open.
    TenantOpen,
    /// There is such a person.
    PersonKnown,
    /// They are active (rule R13).
    PersonActive,
    /// A technician has mobile access (rule R13).
    MobileAccess,
    /// Chat is enabled (rule R1). Without it the office reads, and nobody sends.
    ChatEnabled,
    /// Their level is enough (rules R3 to R6).
    LevelEnough,
    /// A technician is on the job (rules R16 and R20).
    OnJob,
    /// The job goes on, or the policy for ended jobs allows this to a technician (choice A4).
    JobAllows,
}

/// All conditions in order.
pub const CONDITIONS: [Condition; 8] = [
    Condition::TenantOpen,
    Condition::PersonKnown,
    Condition::PersonActive,
    Condition::MobileAccess,
    Condition::ChatEnabled,
    Condition::LevelEnough,
    Condition::OnJob,
    Condition::JobAllows,
];

/// Whether somebody with these facts may do what needs `wanted`; if not, the first condition that does not hold.
pub fn decide(facts: &Facts, wanted: Level) -> Result<(), Condition> {
    CONDITIONS.into_iter().find(|condition| !holds(*condition, facts, wanted)).map_or(Ok(()), Err)
}

/// Whether one condition holds. One that does not apply to this kind of person does.
pub fn holds(condition: Condition, facts: &Facts, wanted: Level) -> bool {
    let Some(person) = &facts.person else {
        return match condition {
            Condition::TenantOpen => !facts.tenant.closed,
            _ => false,
        };
    };
    let technician = person.kind == PersonKind::Technician;
    match condition {
        Condition::TenantOpen => !facts.tenant.closed,
        Condition::PersonKnown => true,
        Condition::PersonActive => person.active,
        Condition::MobileAccess => person.mobile_access || !technician,
        Condition::ChatEnabled => facts.tenant.chat_enabled || (!technician && wanted <= Level::View),
        Condition::LevelEnough => person.level >= wanted,
        Condition::OnJob => facts.on_job || !technician,
        Condition::JobAllows => !facts.job_ended || !technician || facts.tenant.after_job_end.ceiling() >= wanted,
    }
}

/// The most that somebody with these facts may do.
pub fn level(facts: &Facts) -> Level {
    [Level::Full, Level::View].into_iter().find(|level| decide(facts, *level).is_ok()).unwrap_or(Level::None)
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
