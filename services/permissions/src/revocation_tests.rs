//! The effect of a change against a table of cases, and against the decision itself.

use proptest::prelude::*;

use super::*;
use crate::decision::{self, Facts};
use crate::model::{JobId, PersonId, PersonKind};

pub(crate) const TENANT: TenantFacts = TenantFacts { closed: false, chat_enabled: true, after_job_end: AfterJobEnd::Keep };

pub(crate) fn person(id: &str) -> PersonFacts {
    PersonFacts {
        person: PersonId::trusted(id),
        kind: PersonKind::Technician,
        display_name: id.to_owned(),
        active: true,
        mobile_access: true,
        level: Level::View,
        phone: String::new(),
    }
}

pub(crate) fn job(technicians: &[&str]) -> JobFacts {
    let technicians = technicians.iter().map(|id| PersonId::trusted(*id)).collect();
    JobFacts { job: JobId::trusted("1001"), technicians, ended: false, under_way: false }
}

pub(crate) fn tenant(facts: TenantFacts) -> ChangedFacts {
    ChangedFacts { tenant: Some(facts), ..Default::default() }
}

pub(crate) fn people(people: &[PersonFacts]) -> ChangedFacts {
    ChangedFacts { people: people.to_vec(), ..Default::default() }
}

pub(crate) fn jobs(jobs: &[JobFacts]) -> ChangedFacts {
    ChangedFacts { jobs: jobs.to_vec(), ..Default::default() }
}

#[test]
fn each_input_that_is_lowered_takes_away_and_each_that_is_raised_grants() {
    let policy = |after_job_end| tenant(TenantFacts { after_job_end, ..TENANT });
    let leveled = |level| people(&[PersonFacts { level, ..person("tina") }]);
    let table = [
        ("closed", tenant(TENANT), tenant(TenantFacts { closed: true, ..TENANT })),
        ("chat disabled", tenant(TENANT), tenant(TenantFacts { chat_enabled: false, ..TENANT })),
        ("ended jobs are read only", policy(AfterJobEnd::Keep), policy(AfterJobEnd::ReadOnly)),
        ("ended jobs are gone", policy(AfterJobEnd::ReadOnly), policy(AfterJobEnd::None)),
        ("the tenant is gone", tenant(TENANT), ChangedFacts::default()),
        ("inactive", people(&[person("tina")]), people(&[PersonFacts { active: false, ..person("tina") }])),
        ("no mobile access", people(&[person("tina")]), people(&[PersonFacts { mobile_access: false, ..person("tina") }])),
        ("full to view", leveled(Level::Full), leveled(Level::View)),
        ("view to none", leveled(Level::View), leveled(Level::None)),
        ("the person is gone", people(&[person("tina")]), ChangedFacts::default()),
        ("off the job", jobs(&[job(&["tina", "theo"])]), jobs(&[job(&["theo"])])),
        ("the job is gone", jobs(&[job(&["tina"])]), ChangedFacts::default()),
    ];
    for (what, more, less) in table {
        assert_eq!(effect(&more, &less, AfterJobEnd::Keep), Effect::TakesAway, "{what}");
        assert_eq!(effect(&less, &more, AfterJobEnd::Keep), Effect::Grants, "not {what}");
        assert_eq!(effect(&more, &more, AfterJobEnd::Keep), Effect::Neutral, "still not {what}");
    }
}

#[test]
fn the_end_of_a_job_takes_away_where_the_policy_cuts() {
    let (on, ended) = (jobs(&[job(&["tina"])]), jobs(&[JobFacts { ended: true, ..job(&["tina"]) }]));
    for (policy, forth, back) in [
        (AfterJobEnd::Keep, Effect::Neutral, Effect::Neutral),
        (AfterJobEnd::ReadOnly, Effect::TakesAway, Effect::Grants),
        (AfterJobEnd::None, Effect::TakesAway, Effect::Grants),
    ] {
        assert_eq!((effect(&on, &ended, policy), effect(&ended, &on, policy)), (forth, back), "{policy:?}");
    }
}

#[test]
fn a_change_that_does_both_takes_away() {
    let swap = effect(&jobs(&[job(&["tina"])]), &jobs(&[job(&["theo"])]), AfterJobEnd::Keep);
    let (tina, theo) = (person("tina"), person("theo"));
    let raised = PersonFacts { level: Level::Full, ..tina.clone() };
    let lowered = PersonFacts { level: Level::None, ..theo.clone() };
    let role = effect(&people(&[tina, theo]), &people(&[raised, lowered]), AfterJobEnd::Keep);
    assert_eq!((swap, role), (Effect::TakesAway, Effect::TakesAway));
}

#[test]
fn what_decides_nothing_is_neutral() {
    let renamed = PersonFacts { display_name: "Tina".into(), phone: "+15550100123".into(), ..person("tina") };
    assert_eq!(effect(&people(&[person("tina")]), &people(&[renamed]), AfterJobEnd::None), Effect::Neutral);
    let under_way = JobFacts { under_way: true, ..job(&["tina"]) };
    assert_eq!(effect(&jobs(&[job(&["tina"])]), &jobs(&[under_way]), AfterJobEnd::None), Effect::Neutral);
    assert_eq!(effect(&ChangedFacts::default(), &ChangedFacts::default(), AfterJobEnd::None), Effect::Neutral);
}

#[test]
fn somebody_of_another_kind_may_have_lost_something() {
    let office = PersonFacts { kind: PersonKind::Office, ..person("tina") };
    assert_eq!(effect(&people(&[person("tina")]), &people(&[office]), AfterJobEnd::Keep), Effect::TakesAway);
}

pub(crate) const PEOPLE: [&str; 3] = ["tina", "theo", "olga"];

fn some_tenant() -> impl Strategy<Value = TenantFacts> {
    let policies = prop_oneof![Just(AfterJobEnd::Keep), Just(AfterJobEnd::ReadOnly), Just(AfterJobEnd::None)];
    (prop::bool::weighted(0.1), prop::bool::weighted(0.9), policies)
        .prop_map(|(closed, chat_enabled, after_job_end)| TenantFacts { closed, chat_enabled, after_job_end })
}

fn some_person(id: &'static str) -> impl Strategy<Value = Option<PersonFacts>> {
    let levels = prop_oneof![Just(Level::None), Just(Level::View), Just(Level::Full)];
    let kinds = prop_oneof![4 => Just(PersonKind::Technician), 1 => Just(PersonKind::Office)];
    let facts = (kinds, prop::bool::weighted(0.9), prop::bool::weighted(0.9), levels)
        .prop_map(move |(kind, active, mobile_access, level)| PersonFacts { kind, active, mobile_access, level, ..person(id) });
    prop::option::weighted(0.9, facts)
}

fn some_job() -> impl Strategy<Value = JobFacts> {
    (prop::sample::subsequence(PEOPLE.to_vec(), 0..=3), any::<bool>())
        .prop_map(|(technicians, ended)| JobFacts { ended, ..job(&technicians) })
}

pub(crate) fn world() -> impl Strategy<Value = ChangedFacts> {
    (some_tenant(), PEOPLE.map(some_person), prop::option::weighted(0.9, some_job())).prop_map(|(tenant, people, job)| {
        ChangedFacts { tenant: Some(tenant), people: people.into_iter().flatten().collect(), jobs: job.into_iter().collect() }
    })
}

/// What a person may do on the one job.
pub(crate) fn level(world: &ChangedFacts, person: &str) -> Level {
    let job = world.jobs.first();
    decision::level(&Facts {
        tenant: world.tenant.unwrap_or(TENANT),
        person: world.people.iter().find(|known| known.person.as_str() == person).cloned(),
        on_job: job.is_some_and(|job| job.technicians.iter().any(|on| on.as_str() == person)),
        job_ended: job.is_some_and(|job| job.ended),
    })
}

/// The second world, or the first with some parts of the second: real changes touch one thing.
pub(crate) fn mixed(first: &ChangedFacts, second: ChangedFacts, (tenant, people, jobs): (bool, bool, bool)) -> ChangedFacts {
    ChangedFacts {
        tenant: if tenant { second.tenant } else { first.tenant },
        people: if people { second.people } else { first.people.clone() },
        jobs: if jobs { second.jobs } else { first.jobs.clone() },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn whoever_loses_something_loses_it_by_a_change_that_takes_away(
        before in world(), other in world(), parts in any::<(bool, bool, bool)>(),
    ) {
        let after = mixed(&before, other, parts);
        let policy = before.tenant.map_or(AfterJobEnd::None, |tenant| tenant.after_job_end);
        let lost = PEOPLE.iter().any(|person| level(&after, person) < level(&before, person));
        let found = effect(&before, &after, policy);
        prop_assert!(!lost || found == Effect::TakesAway, "{found:?}");
        let won = PEOPLE.iter().any(|person| level(&after, person) > level(&before, person));
        prop_assert!(!won || found != Effect::Neutral, "{found:?}");
    }
}
