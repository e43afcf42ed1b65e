//! What a restore brings back against a table of cases, against the decision itself, and against what took it away.

use proptest::prelude::*;

use super::*;
use crate::revocation::tests::{PEOPLE, TENANT, job, jobs, level, mixed, people, person, tenant, world};
use crate::revocation::{Effect, effect};

fn lines(replaced: &ChangedFacts, restored: &ChangedFacts) -> Vec<String> {
    brought_back(replaced, restored).iter().map(ToString::to_string).collect()
}

#[test]
fn each_input_that_was_lowered_since_the_backup_is_listed_and_none_that_was_raised() {
    let policy = |after_job_end| tenant(TenantFacts { after_job_end, ..TENANT });
    let leveled = |level| people(&[PersonFacts { level, ..person("tina") }]);
    let office = PersonFacts { kind: crate::model::PersonKind::Office, ..person("tina") };
    let table: [(ChangedFacts, ChangedFacts, &[&str]); 12] = [
        (tenant(TENANT), tenant(TenantFacts { closed: true, ..TENANT }), &["the tenant is open"]),
        (tenant(TENANT), tenant(TenantFacts { chat_enabled: false, ..TENANT }), &["chat is enabled"]),
        (policy(AfterJobEnd::Keep), policy(AfterJobEnd::ReadOnly), &["technicians may read and reply on jobs that have ended"]),
        (policy(AfterJobEnd::ReadOnly), policy(AfterJobEnd::None), &["technicians may read on jobs that have ended"]),
        (people(&[person("tina")]), people(&[PersonFacts { active: false, ..person("tina") }]), &["tina is active"]),
        (
            people(&[person("tina")]),
            people(&[PersonFacts { mobile_access: false, ..person("tina") }]),
            &["tina has mobile access"],
        ),
        (leveled(Level::Full), leveled(Level::View), &["tina may read and reply"]),
        (leveled(Level::View), leveled(Level::None), &["tina may read"]),
        (people(&[person("tina")]), ChangedFacts::default(), &["tina is known"]),
        (people(&[person("tina")]), people(&[office]), &["tina is known"]),
        (jobs(&[job(&["theo", "tina"])]), jobs(&[job(&["theo"])]), &["tina is on job 1001"]),
        (jobs(&[job(&["theo", "tina"])]), ChangedFacts::default(), &["theo is on job 1001", "tina is on job 1001"]),
    ];
    for (more, less, expected) in table {
        assert_eq!(lines(&less, &more), expected);
        assert_eq!(lines(&more, &more), [""; 0], "not taken away: {expected:?}");
        if !expected.contains(&"tina is known") {
            assert_eq!(lines(&more, &less), [""; 0], "given since: {expected:?}");
        }
    }
}

#[test]
fn a_job_that_goes_on_again_is_listed_where_its_end_had_cut() {
    let ended = |after_job_end| ChangedFacts {
        tenant: Some(TenantFacts { after_job_end, ..TENANT }),
        jobs: vec![JobFacts { ended: true, ..job(&["tina"]) }],
        ..Default::default()
    };
    let on = |after_job_end| ChangedFacts { jobs: vec![job(&["tina"])], ..ended(after_job_end) };
    for policy in [AfterJobEnd::ReadOnly, AfterJobEnd::None] {
        assert_eq!(lines(&ended(policy), &on(policy)), ["job 1001 goes on"]);
    }
    assert_eq!(lines(&ended(AfterJobEnd::Keep), &on(AfterJobEnd::Keep)), [""; 0]);
}

#[test]
fn everything_of_one_person_is_listed_one_by_one() {
    let before = PersonFacts { active: false, mobile_access: false, level: Level::None, ..person("tina") };
    let listed = lines(&people(&[before]), &people(&[person("theo"), person("tina")]));
    assert_eq!(listed, ["theo is known", "tina is active", "tina has mobile access", "tina may read"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn whoever_may_more_after_the_restore_is_in_the_list_and_what_is_in_it_had_been_taken_away(
        restored in world(), other in world(), parts in any::<(bool, bool, bool)>(),
    ) {
        let replaced = mixed(&restored, other, parts);
        let found = brought_back(&replaced, &restored);
        let more = PEOPLE.iter().any(|person| level(&restored, person) > level(&replaced, person));
        prop_assert!(!more || !found.is_empty());
        let policy = replaced.tenant.map_or(AfterJobEnd::None, |tenant| tenant.after_job_end);
        prop_assert!(found.is_empty() || effect(&restored, &replaced, policy) == Effect::TakesAway, "{found:?}");
    }
}
