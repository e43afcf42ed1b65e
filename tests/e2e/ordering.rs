//! Revisions: each change is seen at the one that it returned, and a node is told of each once, in order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crewline::demo::office::{create_person, set_permissions};
use crewline::party::{Pair, Party, until_heard};
use crewline_api::permissions::v1 as pb;
use futures_util::future::join_all;
use pb::{AccessReason, Permission};

use crate::changes::{VIEW, WHY, mask, revision_of};
use crate::checking::judged;
use crate::company::Company;
use crate::node::Node;
use crate::running::Running;
use crate::tokens::Mint;

const WRITERS: usize = 6;
const CHANGES: usize = 32;
const NODES: usize = 50;

/// Puts a technician on a job of their own, or takes them off. On a busy machine a change may have to be asked for twice.
async fn set_crew(company: &Company, number: usize, on: bool, idempotency_key: String) -> u64 {
    let (job_id, appointment_id, technician_ids) = (format!("job-{number}"), "1".to_owned(), vec![format!("w{number}")]);
    let reason = WHY.to_owned();
    let dispatch = &company.dispatch;
    let receipt = if on {
        let assign = pb::AssignTechniciansRequest { job_id, appointment_id, technician_ids, reason, idempotency_key };
        let assigned = until_heard(async || dispatch.dispatch().assign_technicians(assign.clone()).await).await;
        assigned.expect("assigned").into_inner().receipt
    } else {
        let unassign = pb::UnassignTechniciansRequest { job_id, appointment_id, technician_ids, reason, idempotency_key };
        let unassigned = until_heard(async || dispatch.dispatch().unassign_technicians(unassign.clone()).await).await;
        unassigned.expect("unassigned").into_inner().receipt
    };
    revision_of(receipt)
}

async fn set_view(company: &Company, person: &str, view_customer_chats: bool, idempotency_key: String) -> u64 {
    let update = pb::UpdatePermissionsRequest {
        person_id: person.into(),
        view_customer_chats,
        update_mask: mask(&[VIEW]),
        reason: WHY.into(),
        idempotency_key,
        ..Default::default()
    };
    let updated = until_heard(async || company.admin.directory().update_permissions(update.clone()).await).await;
    revision_of(updated.expect("updated").into_inner().receipt)
}

/// Changes what one technician may do again and again, and checks each time that it is so at the revision that was returned.
async fn write(company: &Company, enforce: &Party, number: usize, newest: &AtomicU64) -> Vec<u64> {
    let (person, job) = (format!("w{number}"), format!("job-{number}"));
    let (mut on_job, mut view, mut made) = (false, false, Vec::new());
    for turn in 0..CHANGES {
        let key = format!("{person}-{turn}");
        let revision = if turn % 2 == 0 {
            on_job = !on_job;
            set_crew(company, number, on_job, key).await
        } else {
            view = !view;
            set_view(company, &person, view, key).await
        };
        newest.fetch_max(revision, Ordering::SeqCst);
        made.push(revision);
        let expected = match (view, on_job) {
            (false, _) => AccessReason::LevelTooLow,
            (true, false) => AccessReason::NotOnJob,
            (true, true) => AccessReason::Allowed,
        };
        let (reason, at) = judged(enforce, &person, &job, Permission::ViewCustomerChats).await;
        assert!(reason == expected && at >= revision, "{person} at {at}: {reason:?}; {expected:?} since {revision}");
    }
    made
}

/// A company with the technicians that the writers change.
async fn company_of_writers(callers: &Pair) -> (Company, Party) {
    let company = Company::open(callers).await;
    for number in 0..WRITERS {
        create_person(&company.admin, &format!("w{number}"), "W", pb::PersonKind::Technician).await.expect("a person");
    }
    let enforce = callers.service("enforce", &company.tenant).expect("a token");
    (company, enforce)
}

#[tokio::test]
async fn each_of_many_concurrent_changes_comes_once_in_order_and_before_the_answer_of_any_later_renewal() {
    let running = Running::pair().await;
    let (company, enforce) = company_of_writers(&running.callers().await).await;
    let mint = Mint::of(&running);
    let mut node = Node::with_snapshot(&mint, &[&company.tenant]).await;

    let (newest, finished) = (AtomicU64::new(0), AtomicBool::new(false));
    let writing = async {
        let made = join_all((0..WRITERS).map(|number| write(&company, &enforce, number, &newest))).await;
        finished.store(true, Ordering::SeqCst);
        let mut made: Vec<u64> = made.into_iter().flatten().collect();
        made.sort_unstable();
        made
    };
    let reading = async {
        let (mut told, mut renewals) = (Vec::new(), 0);
        loop {
            let (last, done_before) = (finished.load(Ordering::SeqCst), newest.load(Ordering::SeqCst));
            // The node itself checks that each change follows the one before it of the tenant.
            let (changes, revision) = node.renew().await;
            assert!(revision >= done_before, "renewed at {revision}, after a change of {done_before} was done");
            told.extend(changes.iter().map(|change| change.revision));
            renewals += 1;
            if last {
                return (told, renewals, node);
            }
        }
    };
    let (made, (told, renewals, node)) = tokio::join!(writing, reading);
    println!("{} changes, {renewals} renewals meanwhile", told.len());
    assert_eq!(made.len(), WRITERS * CHANGES);
    assert_eq!(told, made, "each change once, in the order of revisions, and nothing else");
    let fresh = Node::with_snapshot(&mint, &[&company.tenant]).await;
    assert_eq!(fresh.facts, node.facts, "the changes lead to where a snapshot is");
}

#[tokio::test]
async fn a_snapshot_that_is_read_while_changes_go_on_leads_to_the_same_facts() {
    let running = Running::pair().await;
    let (company, enforce) = company_of_writers(&running.callers().await).await;
    let mint = Mint::of(&running);
    let (newest, finished) = (AtomicU64::new(0), AtomicBool::new(false));
    let writing = async {
        join_all((0..WRITERS).map(|number| write(&company, &enforce, number, &newest))).await;
        finished.store(true, Ordering::SeqCst);
    };
    let joining = async {
        let mut nodes = Vec::new();
        while !finished.load(Ordering::SeqCst) && nodes.len() < NODES {
            nodes.push(Node::with_snapshot(&mint, &[&company.tenant]).await);
        }
        nodes
    };
    let ((), mut nodes) = tokio::join!(writing, joining);
    println!("{} nodes joined meanwhile", nodes.len());
    let fresh = Node::with_snapshot(&mint, &[&company.tenant]).await;
    for node in &mut nodes {
        node.renew().await;
        assert_eq!(node.facts, fresh.facts);
    }
}

#[tokio::test]
async fn changes_of_one_moment_wait_for_each_other_and_each_has_a_revision_of_its_own() {
    let running = Running::pair().await;
    let (company, _) = company_of_writers(&running.callers().await).await;
    let mut revisions = BTreeSet::new();
    for round in 0..CHANGES {
        let changes = (0..WRITERS).map(|number| {
            let (admin, began) = (&company.admin, Instant::now());
            async move { (set_permissions(admin, &format!("w{number}"), round % 2 == 0, false).await, began.elapsed()) }
        });
        for (changed, took) in join_all(changes).await {
            match changed {
                Ok(changed) => {
                    let revision = revision_of(changed.into_inner().receipt);
                    assert!(revisions.insert(revision), "{revision} twice");
                }
                // On a busy machine one may have waited in vain; who is refused sooner met another change in its way.
                Err(status) => assert!(took > Duration::from_secs(1), "after {took:?}: {status:?}"),
            }
        }
    }
    assert!(revisions.len() >= CHANGES, "{}", revisions.len());
}
