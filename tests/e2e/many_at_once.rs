//! Many revocations at the same moment: each is visible at its own revision, and is told once, in order.

use std::collections::BTreeSet;

use crewline::demo::office::create_person;
use crewline::party::until_heard;
use crewline_api::permissions::v1 as pb;
use futures_util::future::join_all;
use pb::{AccessReason, Permission, PersonKind};

use crate::auditing::audit_log;
use crate::calls;
use crate::changes::{FULL, VIEW, WHY, mask, revision_of};
use crate::checking::judged;
use crate::company::{Company, JOB, refusal};
use crate::node::Node;
use crate::running::Running;
use crate::tokens::Mint;

const MANY: usize = 50;

/// Takes somebody's access away. A database that was too busy for it is asked again; the key keeps that one change.
async fn revoke(company: &Company, name: &str) -> u64 {
    let update = pb::UpdatePermissionsRequest {
        person_id: name.into(),
        update_mask: mask(&[VIEW, FULL]),
        reason: WHY.into(),
        idempotency_key: name.into(),
        ..Default::default()
    };
    let revoked = until_heard(async || company.admin.directory().update_permissions(update.clone()).await).await;
    revision_of(revoked.expect("revoked").into_inner().receipt)
}

#[tokio::test]
async fn of_fifty_revocations_at_once_each_is_visible_at_its_own_revision_and_told_once_in_order() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let enforce = callers.service("enforce", &company.tenant).expect("a token");
    company.set_role("technician", true, true).await;
    let names: Vec<String> = (0..MANY).map(|number| format!("tech-{number}")).collect();
    for name in &names {
        create_person(&company.admin, name, name, PersonKind::Technician).await.expect("a person");
    }
    company.heard(company.assign("2", &names.iter().map(String::as_str).collect::<Vec<_>>()).await).await;
    let mut node = Node::with_snapshot(&Mint::of(&running), &[&company.tenant]).await;

    let revocations = names.iter().map(async |name| {
        let party = callers.person("technician", name, &company.tenant).expect("a token");
        calls::get(&party, &company.thread).await.expect("seen before");
        let revision = revoke(&company, name).await;
        // At once, and by whoever is asked.
        assert_eq!(refusal(calls::get(&party, &company.thread).await), "CHAT_PERMISSION_REQUIRED", "{name}");
        let (reason, at) = judged(&enforce, name, JOB, Permission::ViewCustomerChats).await;
        assert_eq!(reason, AccessReason::LevelTooLow, "{name}");
        assert!(at >= revision, "judged at {at}, revoked at {revision}");
        (revision, name)
    });
    let revoked: BTreeSet<(u64, &String)> = join_all(revocations).await.into_iter().collect();

    // The node checks that each is higher than the one before, and follows it.
    let mut told = Vec::new();
    for _ in 0..MANY {
        let change = node.change().await;
        assert_eq!((change.people.len(), change.people[0].level()), (1, pb::ChatAccess::None));
        told.push((change.revision, change.people[0].person_id.clone()));
    }
    assert_eq!(told.iter().map(|(revision, name)| (*revision, name)).collect::<Vec<_>>(), Vec::from_iter(revoked));
    assert_eq!(node.renew().await.0, [], "and no other");
    let audited = audit_log(&running, &company, "").await;
    assert!(audited.iter().all(|change| change.in_force_time.is_some()), "all are in force");
    let (oldest, _) = told[0];
    let times: Vec<_> =
        audited.iter().rev().filter(|change| change.revision >= oldest).map(|change| change.in_force_time).collect();
    assert_eq!(times.len(), MANY);
    assert!(times.is_sorted_by_key(|time| time.map(|time| (time.seconds, time.nanos))), "they came into force in order");
}
