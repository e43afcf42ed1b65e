//! What access the restore of an older database brings back: a pure function of the facts in the database that is replaced and in the
//! restored one.
//!
//! Compared are the inputs of the decision, as in [`crate::revocation`]: somebody who is on no job is listed with the level that was taken
//! from them, for the next job would give it to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::{AfterJobEnd, JobFacts, JobId, Level, PersonFacts, PersonId, TenantFacts};
use crate::store::changes::ChangedFacts;

/// Something that had been taken away, and is there again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// The tenant is open.
    TenantOpen,
    /// Chat is enabled.
    ChatEnabled,
    /// What technicians may do on a job that has ended.
    AfterJobEnd(Level),
    /// A person is known, or of another kind.
    Known(PersonId),
    /// A person is active.
    Active(PersonId),
    /// A person may use the mobile app.
    MobileAccess(PersonId),
    /// What a person may do.
    Level(PersonId, Level),
    /// A technician is on a job.
    OnJob(PersonId, JobId),
    /// A job goes on, where its end had cut its crew off.
    GoesOn(JobId),
}

/// What is there again for a tenant if `restored` takes the place of `replaced`.
pub fn brought_back(replaced: &ChangedFacts, restored: &ChangedFacts) -> Vec<Again> {
    let mut found = Vec::new();
    if let Some(now) = restored.tenant {
        tenant(replaced.tenant, now, &mut found);
    }
    let people: BTreeMap<&PersonId, &PersonFacts> = replaced.people.iter().map(|person| (&person.person, person)).collect();
    for now in &restored.people {
        person(people.get(&now.person).copied(), now, &mut found);
    }
    let cuts = replaced.tenant.is_some_and(|tenant| tenant.after_job_end.ceiling() < Level::Full);
    let jobs: BTreeMap<&JobId, &JobFacts> = replaced.jobs.iter().map(|job| (&job.job, job)).collect();
    for now in &restored.jobs {
        job(jobs.get(&now.job).copied(), now, cuts, &mut found);
    }
    found
}

fn tenant(before: Option<TenantFacts>, now: TenantFacts, found: &mut Vec<Again>) {
    // Of what is not there at all nothing is allowed.
    let nothing = TenantFacts { closed: true, chat_enabled: false, after_job_end: AfterJobEnd::None };
    let before = before.unwrap_or(nothing);
    if !now.closed && before.closed {
        found.push(Again::TenantOpen);
    }
    if now.chat_enabled && !before.chat_enabled {
        found.push(Again::ChatEnabled);
    }
    if now.after_job_end.ceiling() > before.after_job_end.ceiling() {
        found.push(Again::AfterJobEnd(now.after_job_end.ceiling()));
    }
}

fn person(before: Option<&PersonFacts>, now: &PersonFacts, found: &mut Vec<Again>) {
    let who = || now.person.clone();
    let Some(before) = before.filter(|before| before.kind == now.kind) else {
        found.push(Again::Known(who()));
        return;
    };
    if now.active && !before.active {
        found.push(Again::Active(who()));
    }
    if now.mobile_access && !before.mobile_access {
        found.push(Again::MobileAccess(who()));
    }
    if now.level > before.level {
        found.push(Again::Level(who(), now.level));
    }
}

fn job(before: Option<&JobFacts>, now: &JobFacts, cuts: bool, found: &mut Vec<Again>) {
    let crew: BTreeSet<&PersonId> = before.into_iter().flat_map(|before| &before.technicians).collect();
    let again = now.technicians.iter().filter(|technician| !crew.contains(technician));
    found.extend(again.map(|technician| Again::OnJob(technician.clone(), now.job.clone())));
    if cuts && !now.ended && before.is_some_and(|before| before.ended) {
        found.push(Again::GoesOn(now.job.clone()));
    }
}

impl fmt::Display for Again {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let may = |level: &Level| match level {
            Level::None => "nothing",
            Level::View => "read",
            Level::Full => "read and reply",
        };
        match self {
            Self::TenantOpen => formatter.write_str("the tenant is open"),
            Self::ChatEnabled => formatter.write_str("chat is enabled"),
            Self::AfterJobEnd(level) => write!(formatter, "technicians may {} on jobs that have ended", may(level)),
            Self::Known(person) => write!(formatter, "{person} is known"),
            Self::Active(person) => write!(formatter, "{person} is active"),
            Self::MobileAccess(person) => write!(formatter, "{person} has mobile access"),
            Self::Level(person, level) => write!(formatter, "{person} may {}", may(level)),
            Self::OnJob(person, job) => write!(formatter, "{person} is on job {job}"),
            Self::GoesOn(job) => write!(formatter, "job {job} goes on"),
        }
    }
}

#[cfg(test)]
#[path = "brought_back_tests.rs"]
mod tests;
