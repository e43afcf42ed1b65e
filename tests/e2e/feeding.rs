//! The access watch: a snapshot where it is needed, then every change, of the tenants that the token names.

use std::time::{Duration, Instant};

use crewline::demo::office::create_person;
use crewline_api::permissions::v1 as pb;
use futures_util::{StreamExt, stream};
use pb::access_service_client::AccessServiceClient;
use pb::watch_access_request::Frame as Say;
use pb::watch_access_response::Frame as Told;
use pb::{AccessAfterJobEnd, ChatAccess};

use crate::company::{Company, JOB, refusal};
use crate::node::{Node, hello};
use crate::refusals::reason_of;
use crate::running::{PATIENCE, Running};
use crate::tokens::{Claims, Mint, with_token};

#[tokio::test]
async fn a_node_without_a_view_gets_a_snapshot_and_then_each_change_as_it_comes() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut node = Node::with_snapshot(&Mint::of(&running), &[&company.tenant]).await;
    let tenant = &node.facts.tenants[&company.tenant];
    assert!(tenant.own.chat_enabled && !tenant.own.closed && tenant.own.after_job_end() == ChatAccess::Full);
    let levels: Vec<(&str, ChatAccess)> = tenant.people.iter().map(|(id, person)| (id.as_str(), person.level())).collect();
    let full = ChatAccess::Full;
    assert_eq!(levels, [("olga", full), ("theo", full), ("tina", full), ("vera", ChatAccess::View)]);
    assert_eq!(tenant.jobs[JOB].technician_ids, ["theo", "tina", "vera"]);

    let revision = company.permit("tina", false, false).await;
    let change = node.change().await;
    assert_eq!((change.revision, change.people.len(), change.jobs.len()), (revision, 1, 0));
    assert_eq!((change.people[0].person_id.as_str(), change.people[0].level()), ("tina", ChatAccess::None));

    company.set_role("technician", true, true).await;
    assert_eq!(node.change().await.people.len(), 3, "everybody of the role");
    company.unassign("1", &["theo"]).await;
    assert_eq!(node.change().await.jobs[0].technician_ids, ["tina", "vera"]);
    company.report_job(pb::JobStatus::Completed).await;
    assert!(node.change().await.jobs[0].ended);
    for (policy, access) in [
        (AccessAfterJobEnd::ReadOnly, ChatAccess::View),
        (AccessAfterJobEnd::None, ChatAccess::None),
        (AccessAfterJobEnd::Keep, ChatAccess::Full),
    ] {
        company.set_policy(policy).await;
        assert_eq!(node.change().await.tenant.expect("the tenant's own").after_job_end(), access);
    }
    company.unassign("1", &["tina", "vera"]).await;
    assert_eq!(node.change().await.jobs[0].technician_ids, [""; 0]);
    let fresh = Node::with_snapshot(&Mint::of(&running), &[&company.tenant]).await;
    assert_eq!(fresh.facts, node.facts, "the changes lead to where a snapshot is");
}

#[tokio::test]
async fn a_node_that_comes_back_with_its_cursor_gets_only_what_came_since() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let mut old = Node::with_snapshot(&mint, &[&company.tenant]).await;
    let since = [company.permit("tina", false, false).await, company.set_chat(false).await];

    let mut back = Node::connect(&mint, &[&company.tenant]).await;
    back.facts = old.facts.clone();
    back.say(Say::Hello(pb::Hello { epoch: old.facts.epoch, cursor: old.facts.revision, ..hello() })).await;
    let (changes, revision) = back.renew().await;
    assert_eq!(changes.iter().map(|change| change.revision).collect::<Vec<_>>(), since);
    assert_eq!(revision, since[1]);
    old.renew().await;
    assert_eq!(back.facts, old.facts);

    let mut again = Node::connect(&mint, &[&company.tenant]).await;
    again.facts = back.facts.clone();
    again.say(Say::Hello(pb::Hello { epoch: back.facts.epoch, cursor: revision, ..hello() })).await;
    assert_eq!(again.renew().await, (vec![], revision), "nothing came since");
}

#[tokio::test]
async fn what_came_since_the_cursor_is_told_without_being_asked_for() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let old = Node::with_snapshot(&mint, &[&company.tenant]).await;
    let since = company.permit("tina", false, false).await;
    let mut back = Node::connect(&mint, &[&company.tenant]).await;
    back.facts = old.facts.clone();
    back.say(Say::Hello(pb::Hello { epoch: old.facts.epoch, cursor: old.facts.revision, ..hello() })).await;
    assert_eq!(back.change().await.revision, since);
}

#[tokio::test]
async fn a_cursor_that_this_database_cannot_serve_is_answered_with_a_snapshot() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let facts = Node::with_snapshot(&mint, &[&company.tenant]).await.facts;
    let (epoch, cursor) = (facts.epoch, facts.revision);
    for (epoch, cursor) in [(epoch + 1, cursor), (0, cursor), (0, 0), (epoch, cursor + 1), (epoch, u64::MAX)] {
        let mut node = Node::connect(&mint, &[&company.tenant]).await;
        node.say(Say::Hello(pb::Hello { epoch, cursor, ..hello() })).await;
        node.take_snapshot().await;
        assert_eq!(node.facts, facts, "epoch {epoch}, cursor {cursor}");
    }
}

#[tokio::test]
async fn large_snapshots_and_tails_come_whole() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let mut node = Node::with_snapshot(&mint, &[&company.tenant]).await;
    let (epoch, cursor) = (node.facts.epoch, node.facts.revision);
    stream::iter(0..620)
        .for_each_concurrent(4, |number| {
            let (admin, id) = (&company.admin, format!("p{number}"));
            async move {
                create_person(admin, &id, "Pat", pb::PersonKind::Technician).await.expect("a person");
            }
        })
        .await;
    let mut back = Node::connect(&mint, &[&company.tenant]).await;
    back.facts = node.facts.clone();
    back.say(Say::Hello(pb::Hello { epoch, cursor, ..hello() })).await;
    assert_eq!(back.renew().await.0.len(), 620);
    node.renew().await;
    let fresh = Node::with_snapshot(&mint, &[&company.tenant]).await;
    assert_eq!(fresh.facts.tenants[&company.tenant].people.len(), 624);
    assert!(fresh.facts == node.facts && fresh.facts == back.facts, "all three know the same");
}

#[tokio::test]
async fn tenants_outside_the_token_or_the_hello_are_not_shown() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (ours, theirs) = (Company::open(&callers).await, Company::open(&callers).await);
    let mint = Mint::of(&running);
    let mut node = Node::with_snapshot(&mint, &[&ours.tenant]).await;
    assert_eq!(node.facts.tenants.keys().collect::<Vec<_>>(), [&ours.tenant]);
    let passed = theirs.set_chat(false).await;
    let Some(Told::Checkpoint(checkpoint)) = node.frame().await.expect("alive") else { panic!("no checkpoint") };
    assert_eq!(checkpoint.revision, passed);
    node.facts.revision = passed;
    let revision = ours.set_chat(false).await;
    assert_eq!(node.change().await.revision, revision);

    let named = async |token: &[&str], asked: &[&str]| {
        let mut node = Node::connect(&mint, token).await;
        let tenant_ids = asked.iter().map(ToString::to_string).collect();
        node.say(Say::Hello(pb::Hello { tenant_ids, ..hello() })).await;
        node.take_snapshot().await;
        node.facts.tenants.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(named(&[&ours.tenant], &[&theirs.tenant]).await, [""; 0], "a hello cannot name what the token does not");
    assert_eq!(named(&["*"], &[&theirs.tenant]).await, [theirs.tenant.as_str()]);
    assert_eq!(named(&[&ours.tenant, &theirs.tenant], &[]).await.len(), 2);

    // A tenant that is made later comes as a change, to whom the token shows it.
    let mut all = Node::with_snapshot(&mint, &["*"]).await;
    let newcomer = Company::open(&callers).await;
    let first = all.change().await;
    assert_eq!((first.tenant_id.as_str(), first.prev_revision), (newcomer.tenant.as_str(), 0));
    assert!(first.tenant.is_some());
    assert_eq!(node.renew().await.0, [], "and to nobody else");
}

#[tokio::test]
async fn a_node_that_breaks_the_protocol_is_refused() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let renewal = |applied| Say::Renew(pb::Renew { n: 1, applied });
    let long = "x".repeat(65);
    let first_frames = [
        Say::Hello(pb::Hello { node_id: String::new(), ..hello() }),
        Say::Hello(pb::Hello { node_id: "a node".into(), ..hello() }),
        Say::Hello(pb::Hello { incarnation: String::new(), ..hello() }),
        Say::Hello(pb::Hello { incarnation: long, ..hello() }),
        Say::Hello(pb::Hello { tenant_ids: vec![company.tenant.clone(); 1_001], ..hello() }),
        renewal(0),
    ];
    for frame in first_frames {
        let mut node = Node::connect(&mint, &[&company.tenant]).await;
        node.say(frame.clone()).await;
        assert_eq!(reason_of(&node.end().await), "INVALID_FIELD", "{frame:?}");
    }
    let mut silent = Node::connect(&mint, &[&company.tenant]).await;
    silent.say_nothing().await;
    assert_eq!(reason_of(&silent.end().await), "INVALID_FIELD", "a frame that says nothing");

    let mut twice = Node::with_snapshot(&mint, &[&company.tenant]).await;
    twice.say(Say::Hello(hello())).await;
    assert_eq!(reason_of(&twice.end().await), "INVALID_FIELD", "hello twice");
    let mut ahead = Node::with_snapshot(&mint, &[&company.tenant]).await;
    ahead.say(renewal(ahead.facts.revision + 1)).await;
    assert_eq!(reason_of(&ahead.end().await), "INVALID_FIELD", "applied what was not sent");
}

#[tokio::test]
async fn a_watch_ends_with_its_token_and_with_the_process() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    let tenants = [company.tenant.as_str()];
    let claims = Claims { expires_in: 2, ..Claims::service(&["enforce"], &tenants) };
    let mut short = Node::with_claims(&mint, claims).await;
    short.say(Say::Hello(hello())).await;
    short.take_snapshot().await;
    assert_eq!(reason_of(&short.end().await), "TOKEN_EXPIRED");

    let mut node = Node::with_snapshot(&mint, &tenants).await;
    assert!(running.terminate().await.success());
    assert_eq!(reason_of(&node.end().await), "DRAINING");
}

#[tokio::test]
async fn a_node_whose_token_names_other_tenants_than_before_begins_with_a_snapshot() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (first, second) = (Company::open(&callers).await, Company::open(&callers).await);
    let mint = Mint::of(&running);
    let both = Node::with_snapshot(&mint, &[&first.tenant, &second.tenant]).await;
    let mut fewer = Node::connect(&mint, &[&first.tenant]).await;
    let hello = pb::Hello { epoch: both.facts.epoch, cursor: both.facts.revision, ..hello() };
    fewer.say(Say::Hello(hello)).await;
    fewer.take_snapshot().await;
    assert_eq!(fewer.facts.tenants.keys().collect::<Vec<_>>(), [&first.tenant], "nothing stale of the other is left");
}

#[tokio::test]
async fn a_hundred_watches_are_served_and_one_more_is_refused_until_one_is_closed() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mint = Mint::of(&running);
    // The chat service holds one.
    let mut nodes = Vec::new();
    for _ in 0..99 {
        nodes.push(Node::connect(&mint, &[&company.tenant]).await);
    }
    let token = mint.token(Claims::service(&["enforce"], &[&company.tenant]));
    let one_more = async || {
        let mut access = AccessServiceClient::new(mint.permissions.clone());
        access.watch_access(with_token(&token, tokio_stream::pending())).await
    };
    assert_eq!(refusal(one_more().await.map(|_| ())), "TOO_MANY_STREAMS");
    nodes.pop();
    let began = Instant::now();
    while one_more().await.is_err() {
        assert!(began.elapsed() < PATIENCE, "a closed watch makes no room");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
