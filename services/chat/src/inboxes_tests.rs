//! The mailboxes: whom an update wakes, and that each thread keeps its turn.

use uuid::Uuid;

use super::*;
use crate::model::{Thread, ThreadKey};

fn subject(person: &str, kind: PersonKind) -> Subject {
    Subject { tenant: TenantId::trusted("acme"), person: PersonId::trusted(person), kind }
}

fn thread(number: u128) -> ThreadId {
    ThreadId(Uuid::from_u128(number))
}

fn news(number: u128, job: &str, left: Option<&str>) -> News {
    let thread = Thread { job: Some(JobId::trusted(job)), ..Thread::untouched(thread(number)) };
    let key = ThreadKey { tenant: TenantId::trusted("acme"), thread: thread.id };
    News { key, thread, left: left.map(JobId::trusted), events: Vec::new(), to_send: false }
}

fn technician(inboxes: &Inboxes, person: &str, jobs: &[&str]) -> Slot {
    let slot = inboxes.register(&subject(person, PersonKind::Technician), Filter::default());
    slot.set_jobs(&jobs.iter().map(|job| JobId::trusted(*job)).collect());
    slot
}

fn taken(slot: &Slot) -> Vec<u128> {
    match slot.take(100) {
        ToRead::Threads(threads) => threads.into_iter().map(|thread| thread.0.as_u128()).collect(),
        ToRead::Everything => panic!("everything"),
    }
}

#[test]
fn an_update_reaches_the_office_and_the_technicians_of_the_job_alone() {
    let inboxes = Inboxes::default();
    let olga = inboxes.register(&subject("olga", PersonKind::Office), Filter::default());
    let only = |job: &str| Filter { job: Some(JobId::trusted(job)), ..Filter::default() };
    let narrow = inboxes.register(&subject("otto", PersonKind::Office), only("b"));
    let (tina, theo) = (technician(&inboxes, "tina", &["a"]), technician(&inboxes, "theo", &["b"]));
    inboxes.touch(&[news(1, "a", None)]);
    assert_eq!((taken(&olga), taken(&tina), taken(&theo), taken(&narrow)), (vec![1], vec![1], vec![], vec![]));
    inboxes.touch(&[news(2, "b", Some("a"))]);
    assert_eq!((taken(&olga), taken(&tina), taken(&theo), taken(&narrow)), (vec![2], vec![2], vec![2], vec![2]));
    theo.set_jobs(&HashSet::new());
    inboxes.touch(&[news(3, "b", None)]);
    assert_eq!(taken(&theo), []);
}

#[test]
fn what_a_person_reads_reaches_their_own_devices_alone() {
    let inboxes = Inboxes::default();
    let (phone, tablet) = (technician(&inboxes, "tina", &["a"]), technician(&inboxes, "tina", &["a"]));
    let theo = technician(&inboxes, "theo", &["a"]);
    inboxes.touch_own(&subject("tina", PersonKind::Technician), thread(1));
    assert_eq!((taken(&phone), taken(&tablet), taken(&theo)), (vec![1], vec![1], vec![]));
}

#[test]
fn a_busy_thread_does_not_take_the_turn_of_the_others() {
    let inboxes = Inboxes::default();
    let tina = technician(&inboxes, "tina", &["a"]);
    for number in [1, 1, 2, 1, 3, 1] {
        inboxes.touch(&[news(number, "a", None)]);
    }
    assert_eq!(tina.take(1), ToRead::Threads(vec![thread(1)]));
    inboxes.touch(&[news(1, "a", None)]);
    assert_eq!(taken(&tina), [2, 3, 1]);
}

#[test]
fn more_than_a_mailbox_remembers_means_everything() {
    let inboxes = Inboxes::default();
    let tina = technician(&inboxes, "tina", &["a"]);
    (0..=4_096).for_each(|number| inboxes.touch(&[news(number, "a", None)]));
    assert_eq!(tina.take(64), ToRead::Everything);
    assert_eq!(taken(&tina), []);
}

#[test]
fn an_inbox_that_closed_leaves_nothing_behind() {
    let inboxes = Inboxes::default();
    drop(technician(&inboxes, "tina", &["a"]));
    assert!(lock(&inboxes.tenants).is_empty());
}
