//! The replicated facts: who is active at which level, and who is on which job.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::guard::Subject;
use super::pins::Concerned;
use crate::model::{JobId, PersonId, PersonKind, TenantId};
use crate::mutant::Mutant;

/// What a person may do with customer chats. Each level includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    None,
    /// Read.
    View,
    /// Read and reply.
    Full,
}

/// The facts of all tenants that this node watches, at one revision.
#[derive(Debug, Default)]
pub struct View {
    epoch: u64,
    revision: u64,
    tenants: HashMap<TenantId, TenantView>,
}

/// The facts of one tenant.
#[derive(Clone, Debug)]
pub struct TenantView {
    /// Its own.
    pub facts: TenantFacts,
    /// The revision of its newest change.
    pub revision: u64,
    /// Everybody.
    people: HashMap<PersonId, PersonFacts>,
    /// Every job that somebody is on.
    jobs: HashMap<JobId, JobFacts>,
    /// The same jobs, by who is on them.
    jobs_of: HashMap<PersonId, BTreeSet<JobId>>,
    /// How many people have each number.
    phones: HashMap<String, usize>,
}

/// The tenant's own facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantFacts {
    /// No call for it is accepted any more.
    pub closed: bool,
    /// Chat is enabled.
    pub chat_enabled: bool,
    /// The most that a technician may do on a job that has ended.
    pub after_job_end: Level,
}

/// The facts of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonFacts {
    /// Technician or office employee.
    pub kind: PersonKind,
    /// Their name.
    pub display_name: String,
    /// Not deactivated.
    pub active: bool,
    /// May use the mobile app.
    pub mobile_access: bool,
    /// What they may do.
    pub level: Level,
    /// Their own number, or empty.
    pub phone: String,
}

/// The facts of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    /// Who is on it.
    pub technicians: Vec<PersonId>,
    /// Completed or canceled.
    pub ended: bool,
    /// One of them is dispatched or working there now.
    pub under_way: bool,
}

/// What one transaction of the permissions service changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its revision.
    pub revision: u64,
    /// Of the tenant's change before it.
    pub prev_revision: u64,
    /// Where.
    pub tenant: TenantId,
    /// The tenant's own facts.
    pub facts: Option<TenantFacts>,
    /// People's.
    pub people: Vec<(PersonId, PersonFacts)>,
    /// Jobs'.
    pub jobs: Vec<(JobId, JobFacts)>,
}

/// A change does not fit: one before it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a change is missing")]
pub struct Gap;

impl View {
    /// The facts of a snapshot.
    pub fn of_snapshot(epoch: u64, revision: u64, tenants: HashMap<TenantId, TenantView>) -> Self {
        Self { epoch, revision, tenants }
    }

    /// The epoch of the database that the facts come from.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Everything up to this revision is in.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The facts of a tenant.
    pub fn tenant(&self, tenant: &TenantId) -> Option<&TenantView> {
        self.tenants.get(tenant)
    }

    /// Whether there is such a tenant, and open.
    pub fn tenant_is_open(&self, tenant: &TenantId) -> bool {
        self.tenant(tenant).is_some_and(|tenant| !tenant.facts.closed)
    }

    /// The name of a person who was judged.
    pub fn display_name(&self, subject: &Subject) -> &str {
        self.tenant(&subject.tenant).and_then(|tenant| tenant.person(&subject.person)).map_or("", |person| &person.display_name)
    }

    /// Whom a change may take something from, before it is taken in.
    pub(super) fn concerned(&self, change: &Change) -> Concerned {
        if change.facts.is_some() {
            return Concerned::Tenant(change.tenant.clone());
        }
        let tenant = self.tenant(&change.tenant);
        let crews = change.jobs.iter().filter_map(|(job, _)| tenant?.job(job)).flat_map(|before| &before.technicians);
        let people: HashSet<PersonId> = change.people.iter().map(|(person, _)| person).chain(crews).cloned().collect();
        Concerned::People(change.tenant.clone(), people)
    }

    /// Takes a change in, whole.
    pub fn apply(&mut self, change: Change) -> Result<(), Gap> {
        if change.revision <= self.revision && !Mutant::AcknowledgedBeforePublished.planted() {
            return Err(Gap);
        }
        match self.tenants.get_mut(&change.tenant) {
            Some(tenant) if tenant.revision == change.prev_revision => tenant.take(&change),
            // A snapshot is read while changes go on: this one was in it already.
            Some(tenant) if tenant.revision >= change.revision => {}
            None if change.prev_revision == 0 => {
                let facts = change.facts.ok_or(Gap)?;
                let mut tenant = TenantView::new(facts, 0);
                tenant.take(&change);
                self.tenants.insert(change.tenant.clone(), tenant);
            }
            Some(_) | None => return Err(Gap),
        }
        self.revision = change.revision;
        Ok(())
    }

    /// Every change up to `revision` was for tenants that this node does not watch.
    pub fn advance(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }
}

impl TenantView {
    /// A tenant without people and jobs.
    pub fn new(facts: TenantFacts, revision: u64) -> Self {
        let (people, jobs, jobs_of, phones) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Self { facts, revision, people, jobs, jobs_of, phones }
    }

    /// A person.
    pub fn person(&self, person: &PersonId) -> Option<&PersonFacts> {
        self.people.get(person)
    }

    /// A job that somebody is on.
    pub fn job(&self, job: &JobId) -> Option<&JobFacts> {
        self.jobs.get(job)
    }

    /// The jobs that a technician is on, by id.
    pub fn jobs_of(&self, person: &PersonId) -> impl Iterator<Item = &JobId> {
        self.jobs_of.get(person).into_iter().flatten()
    }

    /// Whether one of the tenant's own people has this number.
    pub fn is_staff(&self, number: &str) -> bool {
        self.phones.contains_key(number)
    }

    /// Takes the facts of a person in.
    pub fn put_person(&mut self, person: PersonId, facts: PersonFacts) {
        if !facts.phone.is_empty() {
            *self.phones.entry(facts.phone.clone()).or_default() += 1;
        }
        let Some(before) = self.people.insert(person, facts) else { return };
        if let Some(count) = self.phones.get_mut(&before.phone) {
            *count -= 1;
            if *count == 0 {
                self.phones.remove(&before.phone);
            }
        }
    }

    /// Takes the facts of a job in; one that everybody has left is forgotten.
    pub fn put_job(&mut self, job: JobId, facts: JobFacts) {
        for technician in self.jobs.remove(&job).into_iter().flat_map(|before| before.technicians) {
            if let Some(jobs) = self.jobs_of.get_mut(&technician) {
                jobs.remove(&job);
                if jobs.is_empty() {
                    self.jobs_of.remove(&technician);
                }
            }
        }
        for technician in &facts.technicians {
            self.jobs_of.entry(technician.clone()).or_default().insert(job.clone());
        }
        if !facts.technicians.is_empty() {
            self.jobs.insert(job, facts);
        }
    }

    fn take(&mut self, change: &Change) {
        self.revision = change.revision;
        self.facts = change.facts.unwrap_or(self.facts);
        for (person, facts) in &change.people {
            self.put_person(person.clone(), facts.clone());
        }
        for (job, facts) in &change.jobs {
            self.put_job(job.clone(), facts.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(revision: u64, prev_revision: u64, chat_enabled: Option<bool>) -> Change {
        Change {
            revision,
            prev_revision,
            tenant: TenantId::trusted("acme"),
            facts: chat_enabled.map(|chat_enabled| TenantFacts { closed: false, chat_enabled, after_job_end: Level::Full }),
            people: Vec::new(),
            jobs: Vec::new(),
        }
    }

    #[test]
    fn changes_of_a_tenant_apply_in_their_chain() {
        let mut view = View::default();
        view.apply(change(3, 0, Some(false))).expect("the first");
        view.apply(change(7, 3, Some(true))).expect("the next");
        assert_eq!(view.revision(), 7);
        assert!(view.tenant(&TenantId::trusted("acme")).expect("known").facts.chat_enabled);
    }

    #[test]
    fn a_missing_or_repeated_change_is_a_gap_and_changes_nothing() {
        let mut view = View::default();
        view.apply(change(3, 0, Some(false))).expect("the first");
        for wrong in [change(9, 7, Some(true)), change(3, 0, Some(true)), change(2, 0, Some(true))] {
            assert_eq!(view.apply(wrong), Err(Gap));
        }
        assert_eq!(view.revision(), 3);
        assert!(!view.tenant(&TenantId::trusted("acme")).expect("known").facts.chat_enabled);
    }

    #[test]
    fn a_change_that_the_snapshot_had_in_it_is_skipped() {
        let facts = TenantFacts { closed: false, chat_enabled: true, after_job_end: Level::Full };
        let newer = TenantView::new(facts, 7);
        let mut view = View::of_snapshot(1, 5, HashMap::from([(TenantId::trusted("acme"), newer)]));
        view.apply(change(6, 4, Some(false))).expect("skipped");
        view.apply(change(7, 6, Some(true))).expect("skipped");
        assert!(view.tenant(&TenantId::trusted("acme")).expect("known").facts.chat_enabled);
        view.apply(change(9, 7, Some(false))).expect("the next");
        assert_eq!(view.revision(), 9);
    }

    #[test]
    fn a_job_that_everybody_has_left_is_forgotten() {
        let mut view = View::default();
        let (job, tina) = (JobId::trusted("7"), PersonId::trusted("tina"));
        let crew = |technicians| JobFacts { technicians, ended: false, under_way: false };
        let mut first = change(1, 0, Some(true));
        first.jobs = vec![(job.clone(), crew(vec![tina.clone()]))];
        view.apply(first).expect("the first");
        assert_eq!(view.tenant(&TenantId::trusted("acme")).expect("known").jobs_of(&tina).collect::<Vec<_>>(), [&job]);
        let mut second = change(2, 1, None);
        second.jobs = vec![(job.clone(), crew(vec![]))];
        view.apply(second).expect("the second");
        let tenant = view.tenant(&TenantId::trusted("acme")).expect("known");
        assert!(tenant.job(&job).is_none() && tenant.jobs_of(&tina).next().is_none());
    }

    #[test]
    fn a_number_is_a_staff_number_while_somebody_has_it() {
        let mut tenant = TenantView::new(TenantFacts { closed: false, chat_enabled: true, after_job_end: Level::Full }, 0);
        let with = |phone: &str| PersonFacts {
            kind: PersonKind::Office,
            display_name: String::new(),
            active: true,
            mobile_access: false,
            level: Level::None,
            phone: phone.into(),
        };
        tenant.put_person(PersonId::trusted("olga"), with("+15550100"));
        tenant.put_person(PersonId::trusted("otto"), with("+15550100"));
        tenant.put_person(PersonId::trusted("otto"), with(""));
        assert!(tenant.is_staff("+15550100") && !tenant.is_staff(""));
        tenant.put_person(PersonId::trusted("olga"), with("+15550101"));
        assert!(!tenant.is_staff("+15550100") && tenant.is_staff("+15550101"));
    }
}
