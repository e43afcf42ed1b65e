//! What goes from an inbox, and what ends it.

use chat::watch_inbox_response::Frame;
use chat::{ClosingReason, RemovedReason, WatchInboxRequest};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::{AccessAfterJobEnd, JobStatus, PersonKind};

use crate::calls::{close, move_to, read, unread};
use crate::company::{Company, JOB};
use crate::inbox_reader::InboxReader;
use crate::refusals::outcome;
use crate::running::Running;

/// What comes of opening an inbox: how many entries, or the reason of the refusal.
async fn opened(party: &Party) -> String {
    let opened = InboxReader::try_open(party, WatchInboxRequest::default()).await;
    let entries = opened.as_ref().map_or(0, |inbox| inbox.snapshot.len());
    let outcome = outcome(opened.map(|_| ()));
    if outcome == "OK" { format!("{entries} entries") } else { outcome }
}

#[tokio::test]
async fn an_inbox_is_refused_to_the_person_and_is_empty_for_who_sees_no_thread() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let mut everybody = Vec::new();
    for (held, permissions) in
        [("none", (false, false)), ("view", (true, false)), ("full", (false, true)), ("both", (true, true))]
    {
        for presence in ["on", "never", "removed"] {
            let id = format!("{held}-{presence}");
            let party = company.hire(&callers, PersonKind::Technician, &id, permissions).await;
            if presence != "never" {
                company.assign("1", &[&id]).await;
            }
            if presence == "removed" {
                company.heard(company.unassign("1", &[&id]).await).await;
            }
            let expected = match (held, presence) {
                ("none", _) => "CHAT_PERMISSION_REQUIRED",
                (_, "on") => "1 entries",
                _ => "0 entries",
            };
            everybody.push((party, id, expected));
        }
    }
    let office = company.hire(&callers, PersonKind::Office, "otto", (true, false)).await;
    let nobody = company.hire(&callers, PersonKind::Office, "nobody", (false, false)).await;
    for (party, id, expected) in &everybody {
        assert_eq!(opened(party).await, *expected, "{id}");
    }
    close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(opened(&everybody[3].0).await, "0 entries", "closed");
    company.heard(company.set_chat(false).await).await;
    for (party, id, _) in &everybody {
        assert_eq!(opened(party).await, "CHAT_DISABLED", "{id}");
    }
    assert_eq!(opened(&office).await, "0 entries", "the office reads on");
    assert_eq!(opened(&nobody).await, "CHAT_PERMISSION_REQUIRED");
    company.heard(company.set_active("both-on", false).await).await;
    assert_eq!(opened(&everybody[9].0).await, "PERSON_INACTIVE");
}

#[tokio::test]
async fn a_thread_goes_with_the_reason_for_which_the_technician_no_longer_sees_it() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let second = company.start_thread(JOB, "+15550100777").await;
    let mut tina = InboxReader::open(&company.tina).await;
    assert_eq!(tina.shown.jobs[JOB], 1);

    close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(tina.until_removed(&company.thread).await, RemovedReason::ThreadClosed);
    assert_eq!(tina.shown.jobs[JOB], 0, "what is left of the job");
    crate::calls::reopen(&company.olga, &company.thread).await.expect("open");
    tina.until_unread(&company.thread, 1).await;
    move_to(&company.olga, &company.thread, "1002", false).await.expect("moved");
    assert_eq!(tina.until_removed(&company.thread).await, RemovedReason::ThreadMoved);
    move_to(&company.olga, &second, "", false).await.expect("moved");
    assert_eq!(tina.until_removed(&second).await, RemovedReason::ThreadMoved);
    move_to(&company.olga, &second, JOB, false).await.expect("moved back");
    tina.until_unread(&second, 0).await;

    company.unassign("1", &["tina"]).await;
    assert_eq!(tina.until_removed(&second).await, RemovedReason::Unassigned);
    company.heard(company.assign("1", &["tina"]).await).await;
    tina.until_unread(&second, 0).await;
    company.set_policy(AccessAfterJobEnd::None).await;
    company.report_job(JobStatus::Completed).await;
    assert_eq!(tina.until_removed(&second).await, RemovedReason::JobEnded);
    company.report_job(JobStatus::InProgress).await;
    tina.until_unread(&second, 0).await;
}

#[tokio::test]
async fn a_thread_goes_when_it_no_longer_fits_what_was_asked_for() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    let filter = WatchInboxRequest { unread_only: true, ..Default::default() };
    let mut tina = InboxReader::filtered(&company.tina, filter).await;
    let of_job = WatchInboxRequest { job_id: JOB.into(), ..Default::default() };
    let mut olga = InboxReader::filtered(&company.olga, of_job).await;
    read(&company.tina, &company.thread, 1).await.expect("read");
    assert_eq!(tina.until_removed(&company.thread).await, RemovedReason::NotInFilter);
    unread(&company.tina, &company.thread, 0).await.expect("marked");
    tina.until_unread(&company.thread, 1).await;
    move_to(&company.olga, &company.thread, "1002", false).await.expect("moved");
    assert_eq!(olga.until_removed(&company.thread).await, RemovedReason::NotInFilter);
}

#[tokio::test]
async fn whoever_loses_access_as_a_person_loses_the_inbox() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let otto = company.hire(&callers, PersonKind::Office, "otto", (true, false)).await;
    let mut ottos = InboxReader::open(&otto).await;

    let mut tina = InboxReader::open(&company.tina).await;
    company.heard(company.permit("tina", true, false).await).await;
    company.text("1", "still read").await;
    tina.until_unread(&company.thread, 1).await;
    company.permit("tina", false, false).await;
    assert_eq!(tina.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
    company.heard(company.permit("tina", true, true).await).await;
    for (active, mobile) in [(false, true), (true, false)] {
        let mut tina = InboxReader::open(&company.tina).await;
        company.set_active("tina", active).await;
        company.set_mobile_access("tina", mobile).await;
        assert_eq!(tina.end().await, (ClosingReason::PersonInactive, "PERSON_INACTIVE".to_owned()));
        company.set_active("tina", true).await;
        company.heard(company.set_mobile_access("tina", true).await).await;
    }
    let mut tina = InboxReader::open(&company.tina).await;
    company.heard(company.set_chat(false).await).await;
    assert_eq!(tina.end().await, (ClosingReason::ChatDisabled, "CHAT_DISABLED".to_owned()));

    // The office goes on reading without chat, and ends with its own permission.
    company.text("2", "to the office").await;
    ottos.until_unread(&company.thread, 2).await;
    company.permit("otto", false, false).await;
    assert_eq!(ottos.end().await, (ClosingReason::AccessRevoked, "CHAT_PERMISSION_REQUIRED".to_owned()));
}

#[tokio::test]
async fn an_inbox_follows_an_assignment_on_and_off_again_and_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = InboxReader::open(&company.tina).await;
    for round in 0..10 {
        company.unassign("1", &["tina"]).await;
        assert_eq!(tina.until_removed(&company.thread).await, RemovedReason::Unassigned, "{round}");
        company.text(&round.to_string(), "meanwhile").await;
        company.assign("1", &["tina"]).await;
        tina.until_unread(&company.thread, round + 1).await;
    }
    let frame = InboxReader::open(&company.tina).await.frame_within(std::time::Duration::from_millis(100)).await;
    assert!(matches!(frame, None | Some(Ok(Some(Frame::Progress(_))))), "{frame:?}");
}
