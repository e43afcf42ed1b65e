//! The guard over the decision table of the domain, case by case.

use uuid::Uuid;

use super::*;
use crate::access::view::{JobFacts, PersonFacts, TenantFacts};

const LEVELS: [Level; 3] = [Level::None, Level::View, Level::Full];

struct Case {
    chat: bool,
    level: Level,
    on_job: bool,
    kind: PersonKind,
}

fn tenant(case: &Case) -> TenantView {
    let person = PersonFacts {
        kind: case.kind,
        display_name: "P".into(),
        active: true,
        mobile_access: case.kind == PersonKind::Technician,
        level: case.level,
        phone: String::new(),
    };
    let crew = if case.on_job { vec![PersonId::trusted("p")] } else { vec![PersonId::trusted("somebody-else")] };
    let mut tenant = TenantView::new(TenantFacts { closed: false, chat_enabled: case.chat, after_job_end: Level::Full }, 1);
    tenant.put_person(PersonId::trusted("p"), person);
    tenant.put_job(JobId::trusted("7"), JobFacts { technicians: crew, ended: false, under_way: false });
    tenant
}

fn subject(kind: PersonKind) -> Subject {
    Subject { tenant: TenantId::trusted("acme"), person: PersonId::trusted("p"), kind }
}

fn place(state: ThreadState) -> Place {
    Place { thread: ThreadId(Uuid::nil()), job: Some(JobId::trusted("7")), state }
}

fn cases(kind: PersonKind) -> impl Iterator<Item = Case> {
    [false, true].into_iter().flat_map(move |chat| {
        LEVELS.into_iter().flat_map(move |level| [false, true].map(|on_job| Case { chat, level, on_job, kind }))
    })
}

#[test]
fn a_technician_may_what_the_decision_table_says() {
    for case in cases(PersonKind::Technician) {
        for thread in [None, Some(ThreadState::Open), Some(ThreadState::Closed)] {
            let place = thread.map(place);
            let may = |wish| judge(Some(&tenant(&case)), &subject(case.kind), wish, place.as_ref());
            let visible = case.chat && case.on_job && thread == Some(ThreadState::Open);
            let reads = visible && case.level >= Level::View;
            let sends = visible && case.level == Level::Full;
            assert_eq!(
                may(Wish::Read).is_ok(),
                reads,
                "chat {}, {:?}, on job {}, {thread:?}",
                case.chat,
                case.level,
                case.on_job
            );
            assert_eq!(
                may(Wish::Send).is_ok(),
                sends,
                "chat {}, {:?}, on job {}, {thread:?}",
                case.chat,
                case.level,
                case.on_job
            );
        }
    }
}

#[test]
fn an_office_employee_needs_no_job_and_reads_closed_threads_and_with_chat_disabled() {
    for case in cases(PersonKind::Office) {
        for state in [ThreadState::Open, ThreadState::Closed] {
            let may = |wish| judge(Some(&tenant(&case)), &subject(case.kind), wish, Some(&place(state)));
            assert_eq!(may(Wish::Read).is_ok(), case.level >= Level::View);
            let full = case.chat && case.level == Level::Full;
            assert_eq!(may(Wish::Send).is_ok(), full && state == ThreadState::Open);
            assert_eq!(may(Wish::Start).is_ok(), full);
        }
    }
}

#[test]
fn what_a_technician_may_not_see_is_not_told_apart_from_what_does_not_exist() {
    let on_job = Case { chat: true, level: Level::Full, on_job: true, kind: PersonKind::Technician };
    let off_job = Case { on_job: false, ..on_job };
    let jobless = Place { job: None, ..place(ThreadState::Open) };
    let look = |case: &Case, place: Option<&Place>| judge(Some(&tenant(case)), &subject(case.kind), Wish::Read, place);
    let refusals = [
        look(&on_job, None),
        look(&off_job, Some(&place(ThreadState::Open))),
        look(&on_job, Some(&jobless)),
        look(&on_job, Some(&place(ThreadState::Closed))),
    ];
    for refusal in refusals {
        let refusal = chassis::refusal::Refusal::from(crate::error::Error::from(refusal.expect_err("hidden")));
        assert_eq!(refusal.reason(), ErrorReason::ThreadNotVisible);
    }
}

#[test]
fn a_refusal_names_the_first_reason_in_the_order_of_the_api() {
    let subject = subject(PersonKind::Technician);
    let mut view = tenant(&Case { chat: false, level: Level::None, on_job: false, kind: PersonKind::Technician });
    view.facts.closed = true;
    let person = |view: &mut TenantView, change: fn(&mut PersonFacts)| {
        let mut person = view.person(&PersonId::trusted("p")).expect("known").clone();
        change(&mut person);
        view.put_person(PersonId::trusted("p"), person);
    };
    person(&mut view, |person| person.active = false);
    let refused = |view: &TenantView| judge(Some(view), &subject, Wish::Send, None).expect_err("refused");

    assert_eq!(judge(None, &subject, Wish::Send, None), Err(Denial::TenantNotAllowed));
    assert_eq!(refused(&view), Denial::TenantNotAllowed);
    view.facts.closed = false;
    assert_eq!(refused(&view), Denial::PersonInactive);
    person(&mut view, |person| (person.active, person.mobile_access) = (true, false));
    assert_eq!(refused(&view), Denial::PersonInactive);
    person(&mut view, |person| person.mobile_access = true);
    assert_eq!(refused(&view), Denial::ChatDisabled);
    view.facts.chat_enabled = true;
    assert_eq!(refused(&view), Denial::LevelTooLow);
    person(&mut view, |person| person.level = Level::Full);
    assert_eq!(refused(&view), Denial::NoThread);
}

#[test]
fn a_token_of_the_wrong_kind_opens_nothing() {
    let view = tenant(&Case { chat: true, level: Level::Full, on_job: true, kind: PersonKind::Technician });
    let refused = judge(Some(&view), &subject(PersonKind::Office), Wish::Read, Some(&place(ThreadState::Open)));
    assert_eq!(refused, Err(Denial::PersonInactive));
}

#[test]
fn the_end_of_a_job_cuts_as_far_as_the_policy_says() {
    let mut view = tenant(&Case { chat: true, level: Level::Full, on_job: true, kind: PersonKind::Technician });
    let ended = JobFacts { ended: true, ..view.job(&JobId::trusted("7")).expect("known").clone() };
    view.put_job(JobId::trusted("7"), ended);
    for (policy, read, send) in [
        (Level::Full, Ok(()), Ok(())),
        (Level::View, Ok(()), Err(Denial::LevelTooLow)),
        (Level::None, Err(Denial::JobEnded), Err(Denial::JobEnded)),
    ] {
        view.facts.after_job_end = policy;
        let may = |wish| judge(Some(&view), &subject(PersonKind::Technician), wish, Some(&place(ThreadState::Open)));
        assert_eq!((may(Wish::Read), may(Wish::Send)), (read, send));
    }
}
