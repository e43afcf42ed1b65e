//! Changes that undo each other, made at the same moment: what holds at the end is what the higher revision says, everywhere.

use chat::ClosingReason;
use chat::watch_thread_response::Frame;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::{AccessReason, Permission};
use tokio::join;

use crate::calls;
use crate::changes::mask;
use crate::checking::judged;
use crate::company::{Company, JOB, refusal};
use crate::permissions_alone::{Alone, LONG_LEASE};
use crate::reader::Reader;
use crate::refusals::reason_of;
use crate::running::Running;

const ROUNDS: usize = 20;

/// What an open stream of Tina's says of the round: it has ended, or brings this text and what follows.
async fn follow(mut stream: Reader, company: &Company, text: &str) -> bool {
    loop {
        match stream.frame().await {
            Ok(Some(Frame::Closing(closing))) => {
                assert_eq!(closing.reason(), ClosingReason::AccessRevoked);
                assert_eq!(reason_of(&stream.frame().await.expect_err("a status")), "CHAT_PERMISSION_REQUIRED");
                assert!(!stream.bodies.iter().any(|body| body == text), "cut, and told all the same");
                return false;
            }
            Ok(Some(_)) if stream.bodies.iter().any(|body| body == text) => return true,
            Ok(Some(_)) => {}
            other => panic!("{other:?} in {}", company.tenant),
        }
    }
}

#[tokio::test]
async fn of_a_revocation_and_a_grant_at_the_same_moment_the_later_holds_on_checks_answers_and_streams() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let enforce = callers.service("enforce", &company.tenant).expect("a token");
    let mut outcomes = [0, 0];
    for round in 0..ROUNDS {
        // A round that begins with a stream; the last may have left her without.
        company.heard(company.permit("tina", true, true).await).await;
        let stream = company.watch(&company.tina).await;
        let (revoked, granted) = if round % 2 == 0 {
            join!(company.permit("tina", false, false), company.permit("tina", true, true))
        } else {
            let (granted, revoked) = join!(company.permit("tina", true, true), company.permit("tina", false, false));
            (revoked, granted)
        };
        assert_ne!(revoked, granted, "at least one of them is a change");
        let (reason, at) = judged(&enforce, "tina", JOB, Permission::ViewCustomerChats).await;
        assert!(at >= revoked.max(granted));
        let text = format!("text-{round}");
        if granted > revoked {
            assert_eq!(reason, AccessReason::Allowed);
            company.heard(granted).await;
            calls::get(&company.tina, &company.thread).await.expect("seen");
            company.text(&text, &text).await;
            if !follow(stream, &company, &text).await {
                // The revocation had come to the stream before the grant did.
                let mut again = company.watch(&company.tina).await;
                again.read_to(calls::seen(&company.olga, &company.thread).await.head_seq).await;
                assert_eq!(again.bodies.last(), Some(&text));
            }
        } else {
            assert_eq!(reason, AccessReason::LevelTooLow);
            company.text(&text, &text).await;
            assert_eq!(refusal(calls::get(&company.tina, &company.thread).await), "CHAT_PERMISSION_REQUIRED");
            assert!(!follow(stream, &company, &text).await, "the stream is cut");
        }
        outcomes[usize::from(granted > revoked)] += 1;
    }
    println!("revoked at the end, granted at the end: {outcomes:?}");
}

#[tokio::test]
async fn a_grant_does_not_release_the_revocation_before_it() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let before = node.facts.revision;
    let granting = async {
        let revoked = node.change().await.revision;
        let granted = alone.permit("tina", true).await.expect("a grant waits for nothing");
        assert_eq!((granted.revision, node.change().await.revision), (revoked + 1, revoked + 1));
        for _ in 0..5 {
            node.renew_holding_back(before).await;
            assert!(!alone.is_in_force(revoked).await, "the nodes have not confirmed that she had lost it");
            assert!(alone.is_in_force(granted.revision).await);
        }
        node.acknowledge(granted.revision).await;
        revoked
    };
    let (receipt, revoked) = join!(alone.revoke_anew(), granting);
    let receipt = receipt.expect("revoked");
    assert_eq!((receipt.revision, receipt.nodes_confirmed, receipt.nodes_waited_out), (revoked, 1, 0));
}

#[tokio::test]
async fn of_two_etags_at_the_same_moment_one_wins_and_what_it_takes_away_is_waited_for() {
    let alone = Alone::with_lease_of(LONG_LEASE).await;
    let mut node = alone.node().await;
    let admin = &alone.company.admin;
    let get = pb::GetPersonRequest { person_id: "tina".into() };
    let etag = admin.directory().get_person(get).await.expect("a person").into_inner().person.expect("a person").etag;
    let update = async |active: bool, mobile_access: bool, path: &str| {
        let person = pb::Person { person_id: "tina".into(), active, mobile_access, etag: etag.clone(), ..Default::default() };
        let update = pb::UpdatePersonRequest {
            person: Some(person),
            update_mask: mask(&[path]),
            reason: "a test".into(),
            ..Default::default()
        };
        admin.directory().update_person(update).await.map(|updated| updated.into_inner().receipt.expect("a receipt"))
    };
    let confirming = async {
        let revision = node.change().await.revision;
        assert!(!alone.is_in_force(revision).await);
        assert_eq!(node.renew().await.0, [], "one change");
        revision
    };
    let (one, other, revision) = join!(update(false, true, "active"), update(true, false, "mobile_access"), confirming);
    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    let won = won.expect("one of them");
    assert_eq!((won.revision, won.nodes_confirmed), (revision, 1));
    assert_eq!(refusal(lost), "ETAG_MISMATCH");
}
