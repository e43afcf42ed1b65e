//! The decision against the decision table of the domain: over the full matrix, and against an oracle that shares no code.

use proptest::prelude::*;

use super::*;
use crate::model::{AfterJobEnd, Overrides, Permissions, PersonId};

fn technician(chat_enabled: bool, on_job: bool, level: Level) -> Facts {
    Facts {
        tenant: TenantFacts { closed: false, chat_enabled, after_job_end: AfterJobEnd::Keep },
        person: Some(PersonFacts {
            person: PersonId::trusted("tina"),
            kind: PersonKind::Technician,
            display_name: "Tina".into(),
            active: true,
            mobile_access: true,
            level,
            phone: String::new(),
        }),
        on_job,
        job_ended: false,
    }
}

fn may(facts: &Facts) -> (bool, bool) {
    (decide(facts, Level::View).is_ok(), decide(facts, Level::Full).is_ok())
}

#[test]
fn a_technician_may_what_the_decision_table_says() {
    // chat enabled, on the job, level: may read, may send. An open thread; what a closed one hides is the chat service's.
    let table = [
        (false, false, Level::None, (false, false)),
        (false, false, Level::View, (false, false)),
        (false, false, Level::Full, (false, false)),
        (false, true, Level::None, (false, false)),
        (false, true, Level::View, (false, false)),
        (false, true, Level::Full, (false, false)),
        (true, false, Level::None, (false, false)),
        (true, false, Level::View, (false, false)),
        (true, false, Level::Full, (false, false)),
        (true, true, Level::None, (false, false)),
        (true, true, Level::View, (true, false)),
        (true, true, Level::Full, (true, true)),
    ];
    for (chat_enabled, on_job, level, expected) in table {
        assert_eq!(may(&technician(chat_enabled, on_job, level)), expected, "chat {chat_enabled}, on job {on_job}, {level:?}");
    }
}

#[test]
fn an_office_employee_needs_no_job_and_reads_with_chat_disabled() {
    for (chat_enabled, level, expected) in [
        (true, Level::None, (false, false)),
        (true, Level::View, (true, false)),
        (true, Level::Full, (true, true)),
        (false, Level::None, (false, false)),
        (false, Level::View, (true, false)),
        (false, Level::Full, (true, false)),
    ] {
        let mut facts = technician(chat_enabled, false, level);
        let person = facts.person.as_mut().expect("a person");
        person.kind = PersonKind::Office;
        person.mobile_access = false;
        facts.job_ended = true;
        facts.tenant.after_job_end = AfterJobEnd::None;
        assert_eq!(may(&facts), expected, "chat {chat_enabled}, {level:?}");
    }
}

#[test]
fn the_end_of_a_job_cuts_as_far_as_the_policy_says() {
    for (policy, expected) in
        [(AfterJobEnd::Keep, (true, true)), (AfterJobEnd::ReadOnly, (true, false)), (AfterJobEnd::None, (false, false))]
    {
        let mut facts = technician(true, true, Level::Full);
        facts.tenant.after_job_end = policy;
        assert_eq!(may(&facts), (true, true), "a job that goes on, {policy:?}");
        facts.job_ended = true;
        assert_eq!(may(&facts), expected, "{policy:?}");
    }
}

#[test]
fn a_refusal_names_the_first_condition_that_does_not_hold() {
    let mut facts = technician(false, false, Level::None);
    facts.tenant.closed = true;
    facts.job_ended = true;
    facts.tenant.after_job_end = AfterJobEnd::None;
    let person = facts.person.as_mut().expect("a person");
    (person.active, person.mobile_access) = (false, false);
    let expect = |facts: &Facts, condition| assert_eq!(decide(facts, Level::View), Err(condition));

    expect(&facts, Condition::TenantOpen);
    facts.tenant.closed = false;
    let person = facts.person.take();
    expect(&facts, Condition::PersonKnown);
    facts.person = person;
    expect(&facts, Condition::PersonActive);
    facts.person.as_mut().expect("a person").active = true;
    expect(&facts, Condition::MobileAccess);
    facts.person.as_mut().expect("a person").mobile_access = true;
    expect(&facts, Condition::ChatEnabled);
    facts.tenant.chat_enabled = true;
    expect(&facts, Condition::LevelEnough);
    facts.person.as_mut().expect("a person").level = Level::View;
    expect(&facts, Condition::OnJob);
    facts.on_job = true;
    expect(&facts, Condition::JobAllows);
    facts.job_ended = false;
    assert_eq!(decide(&facts, Level::View), Ok(()));
}

#[test]
fn either_permission_opens_the_feature_and_full_access_includes_viewing() {
    for (view, full, level) in
        [(false, false, Level::None), (true, false, Level::View), (false, true, Level::Full), (true, true, Level::Full)]
    {
        assert_eq!(Permissions { view, full }.level(), level);
    }
}

#[test]
fn an_override_wins_over_the_role_and_without_one_the_role_decides() {
    for role in [false, true] {
        let defaults = Permissions { view: role, full: role };
        assert_eq!(defaults.under(Overrides::default()), defaults);
        for own in [false, true] {
            let overrides = Overrides { view: Some(own), full: None };
            assert_eq!(defaults.under(overrides), Permissions { view: own, full: role });
        }
    }
}

/// The decision table in other words: a list of what forbids.
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
fn oracle(
    closed: bool,
    known: bool,
    active: bool,
    mobile: bool,
    is_technician: bool,
    chat: bool,
    level: u8,
    on_job: bool,
    ended: bool,
    policy: u8,
    wants_send: bool,
) -> bool {
    let mut forbidden = closed || !known || !active;
    forbidden |= if wants_send { level < 2 || !chat } else { level < 1 };
    if is_technician {
        forbidden |= !mobile || !chat || !on_job;
        forbidden |= ended && policy == 2;
        forbidden |= ended && policy == 1 && wants_send;
    }
    !forbidden
}

proptest! {
    #[test]
    fn the_decision_agrees_with_the_oracle(
        flags in any::<[bool; 9]>(),
        level in 0_u8..3,
        policy in 0_u8..3,
    ) {
        let [closed, known, active, mobile, is_technician, chat, on_job, ended, wants_send] = flags;
        let person = PersonFacts {
            person: PersonId::trusted("p"),
            kind: if is_technician { PersonKind::Technician } else { PersonKind::Office },
            display_name: String::new(),
            active,
            mobile_access: mobile,
            level: [Level::None, Level::View, Level::Full][usize::from(level)], phone: String::new() };
        let after_job_end = [AfterJobEnd::Keep, AfterJobEnd::ReadOnly, AfterJobEnd::None][usize::from(policy)];
        let facts = Facts {
            tenant: TenantFacts { closed, chat_enabled: chat, after_job_end },
            person: known.then_some(person),
            on_job,
            job_ended: ended,
        };
        let wanted = if wants_send { Level::Full } else { Level::View };
        let expected = oracle(closed, known, active, mobile, is_technician, chat, level, on_job, ended, policy, wants_send);
        prop_assert_eq!(decide(&facts, wanted).is_ok(), expected);
    }
}
