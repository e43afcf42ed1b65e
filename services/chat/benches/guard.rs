//! What the guard costs for each frame of a stream: when nothing has changed, when everything has to be judged, and how much of that is
//! the reading of the clock.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use chassis::clock::Clock;
use chat::access::guard::{Place, Subject, Wish};
use chat::access::view::{Change, JobFacts, Level, PersonFacts, TenantFacts, TenantView, View};
use chat::access::{Access, Standing};
use chat::model::{JobId, PersonId, PersonKind, TenantId, ThreadId, ThreadState};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use uuid::Uuid;

/// People, and jobs with two technicians each.
const SIZE: usize = 1_000;
const OPEN: TenantFacts = TenantFacts { closed: false, chat_enabled: true, after_job_end: Level::Full };

fn person(number: usize) -> PersonId {
    PersonId::trusted(format!("technician-{}", number % SIZE))
}

fn job(number: usize) -> JobId {
    JobId::trusted(format!("job-{number}"))
}

fn facts() -> PersonFacts {
    PersonFacts {
        kind: PersonKind::Technician,
        display_name: "Tina".into(),
        active: true,
        mobile_access: true,
        level: Level::Full,
        phone: String::new(),
    }
}

/// A node that knows a company, and has a lease for the length of the measurement.
fn node(clock: Clock) -> Access {
    let mut tenant = TenantView::new(OPEN, 1);
    for number in 0..SIZE {
        tenant.put_person(person(number), facts());
        let technicians = vec![person(number), person(number + 1)];
        tenant.put_job(job(number), JobFacts { technicians, ended: false, under_way: false });
    }
    let access = Access::new(clock);
    access.replace(View::of_snapshot(1, 1, HashMap::from([(TenantId::trusted("acme"), tenant)])));
    access.renew(clock.now(), Duration::from_secs(3600));
    access
}

/// A change that concerns nobody whom the benchmark asks about.
fn somebody_elses(revision: u64) -> Change {
    Change {
        revision,
        prev_revision: revision - 1,
        tenant: TenantId::trusted("acme"),
        facts: None,
        people: vec![(person(900), facts())],
        jobs: Vec::new(),
    }
}

fn guard(criterion: &mut Criterion) {
    let clock = Clock::system();
    let access = node(clock);
    let subject = Subject { tenant: TenantId::trusted("acme"), person: person(7), kind: PersonKind::Technician };
    let place = Place { thread: ThreadId(Uuid::nil()), job: Some(job(7)), state: ThreadState::Open };
    let mut group = criterion.benchmark_group("guard");

    group.bench_function("the clock alone", |bencher| bencher.iter(|| black_box(clock.now())));
    group.bench_function("nothing has changed", |bencher| {
        let mut standing = Standing::default();
        bencher.iter(|| {
            let _passing = access.gate().pass();
            black_box(access.check_standing(&mut standing, &subject, &place)).expect("allowed")
        });
    });
    group.bench_function("everything is judged", |bencher| {
        bencher.iter(|| {
            let _passing = access.gate().pass();
            black_box(access.check(&subject, Wish::Read, Some(&place))).expect("allowed")
        });
    });
    group.bench_function("the first frame after a change", |bencher| {
        let mut standing = Standing::default();
        let mut revision = access.check_standing(&mut standing, &subject, &place).expect("allowed");
        bencher.iter_batched(
            || {
                revision += 1;
                access.apply(somebody_elses(revision)).expect("the next change");
            },
            |()| {
                let _passing = access.gate().pass();
                black_box(access.check_standing(&mut standing, &subject, &place)).expect("allowed")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, guard);
criterion_main!(benches);
