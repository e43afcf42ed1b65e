//! What a change does to access: whether it has to be confirmed by the nodes of the chat service before it is in force.
//!
//! Compared are the inputs of the decision, each by itself, not what comes out of them for each person and job: a level that is
//! lowered takes away also from somebody who is inactive. In doubt a change takes away; that costs a wait, and nothing else.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AfterJobEnd, JobFacts, Level, PersonFacts, TenantFacts};
use crate::store::changes::ChangedFacts;

/// What a change does to access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something is allowed that was not, and nothing the other way round.
    Grants,
    /// No input of the decision is another.
    Neutral,
    /// Somebody may lose something.
    TakesAway,
}

/// What a change does that left `after` where `before` was, in a tenant that treats the end of jobs by `policy`.
pub fn effect(before: &ChangedFacts, after: &ChangedFacts, policy: AfterJobEnd) -> Effect {
    let people = |facts: &ChangedFacts| by(&facts.people, |person| person.person.clone());
    let jobs = |facts: &ChangedFacts| by(&facts.jobs, |job| job.job.clone());
    let mut steps = pair(before.tenant, after.tenant, tenant_steps);
    for (before, after) in matched(people(before), people(after)) {
        steps.extend(pair(before, after, person_steps));
    }
    let cuts = policy.ceiling() < Level::Full;
    for (before, after) in matched(jobs(before), jobs(after)) {
        steps.extend(job_steps(before.as_ref(), after.as_ref(), cuts));
    }
    if steps.contains(&Ordering::Less) {
        Effect::TakesAway
    } else if steps.contains(&Ordering::Greater) {
        Effect::Grants
    } else {
        Effect::Neutral
    }
}

/// How the inputs of one thing have moved: `Less` allows less than before. What is new allows more, what is gone less.
fn pair<T>(before: Option<T>, after: Option<T>, steps: impl Fn(T, T) -> Vec<Ordering>) -> Vec<Ordering> {
    match (before, after) {
        (Some(before), Some(after)) => steps(before, after),
        (None, Some(_)) => vec![Ordering::Greater],
        (Some(_), None) => vec![Ordering::Less],
        (None, None) => Vec::new(),
    }
}

fn tenant_steps(before: TenantFacts, after: TenantFacts) -> Vec<Ordering> {
    let inputs = |facts: TenantFacts| (!facts.closed, facts.chat_enabled, facts.after_job_end.ceiling());
    let (before, after) = (inputs(before), inputs(after));
    vec![after.0.cmp(&before.0), after.1.cmp(&before.1), after.2.cmp(&before.2)]
}

fn person_steps(before: PersonFacts, after: PersonFacts) -> Vec<Ordering> {
    if before.kind != after.kind {
        return vec![Ordering::Less];
    }
    vec![after.active.cmp(&before.active), after.mobile_access.cmp(&before.mobile_access), after.level.cmp(&before.level)]
}

/// A job that is not there has nobody on it, and has not ended.
fn job_steps(before: Option<&JobFacts>, after: Option<&JobFacts>, cuts: bool) -> Vec<Ordering> {
    let crew = |job: Option<&JobFacts>| -> BTreeSet<_> { job.into_iter().flat_map(|job| job.technicians.clone()).collect() };
    let goes_on = |job: Option<&JobFacts>| !job.is_some_and(|job| job.ended);
    let mut steps = Vec::new();
    if !crew(before).is_subset(&crew(after)) {
        steps.push(Ordering::Less);
    }
    if !crew(after).is_subset(&crew(before)) {
        steps.push(Ordering::Greater);
    }
    if cuts {
        steps.push(goes_on(after).cmp(&goes_on(before)));
    }
    steps
}

fn by<T: Clone, K: Ord>(facts: &[T], key: impl Fn(&T) -> K) -> BTreeMap<K, T> {
    facts.iter().map(|fact| (key(fact), fact.clone())).collect()
}

/// The same thing before and after, for everything that there was or is.
fn matched<T, K: Ord + Clone>(mut before: BTreeMap<K, T>, mut after: BTreeMap<K, T>) -> Vec<(Option<T>, Option<T>)> {
    let keys: BTreeSet<K> = before.keys().chain(after.keys()).cloned().collect();
    keys.iter().map(|key| (before.remove(key), after.remove(key))).collect()
}

#[cfg(test)]
#[path = "revocation_tests.rs"]
pub(crate) mod tests;
