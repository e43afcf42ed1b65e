//! Whatever takes access away, through whichever call: when the call has returned, it is gone. Nobody waits here for anything to get about.

use Cause::{
    AssignmentInactive, ChatDisabled, Deactivated, JobEndedNone, JobEndedReadOnly, LastAssignment, MobileAccess, OverrideRemoved,
    PermissionOff, PolicyNone, PolicyReadOnly, RoleDefault, RoleOther, TenantClosed,
};
use chat::ClosingReason;
use crewline::party::{Pair, Party};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::audit_service_client::AuditServiceClient;
use pb::{AccessAfterJobEnd, JobStatus};
use tonic::Status;

use crate::calls;
use crate::company::{Company, refusal, try_send, try_text};
use crate::inbox_reader::InboxReader;
use crate::reader::Reader;
use crate::refusals::{outcome, reason_of};
use crate::running::Running;
use crate::tokens::{Mint, with_token};

const SECRET: &str = "not for tina";
const LEVEL: &str = "CHAT_PERMISSION_REQUIRED";
const NOT_VISIBLE: &str = "THREAD_NOT_VISIBLE";
const INACTIVE: &str = "PERSON_INACTIVE";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    PermissionOff,
    OverrideRemoved,
    RoleDefault,
    RoleOther,
    Deactivated,
    MobileAccess,
    LastAssignment,
    AssignmentInactive,
    JobEndedNone,
    PolicyNone,
    ChatDisabled,
    TenantClosed,
    JobEndedReadOnly,
    PolicyReadOnly,
}

/// Of what takes all access away: what her stream says, and what her calls are answered.
const ENDS: [(Cause, ClosingReason, &str); 12] = [
    (PermissionOff, ClosingReason::AccessRevoked, LEVEL),
    (OverrideRemoved, ClosingReason::AccessRevoked, LEVEL),
    (RoleDefault, ClosingReason::AccessRevoked, LEVEL),
    (RoleOther, ClosingReason::AccessRevoked, LEVEL),
    (Deactivated, ClosingReason::PersonInactive, INACTIVE),
    (MobileAccess, ClosingReason::PersonInactive, INACTIVE),
    (LastAssignment, ClosingReason::Unassigned, NOT_VISIBLE),
    (AssignmentInactive, ClosingReason::Unassigned, NOT_VISIBLE),
    (JobEndedNone, ClosingReason::AccessRevoked, NOT_VISIBLE),
    (PolicyNone, ClosingReason::AccessRevoked, NOT_VISIBLE),
    (ChatDisabled, ClosingReason::ChatDisabled, "CHAT_DISABLED"),
    (TenantClosed, ClosingReason::ChatDisabled, "TENANT_NOT_ALLOWED"),
];

impl Cause {
    /// What has to be so before.
    async fn prepare(self, company: &Company) {
        let ready = match self {
            RoleDefault | RoleOther => {
                company.set_role("technician", true, true).await;
                company.reset("tina").await
            }
            JobEndedNone => company.set_policy(AccessAfterJobEnd::None).await,
            JobEndedReadOnly => company.set_policy(AccessAfterJobEnd::ReadOnly).await,
            PolicyNone | PolicyReadOnly => company.report_job(JobStatus::Completed).await,
            _ => return,
        };
        company.heard(ready).await;
    }

    /// Takes it away: the revision of that.
    async fn strike(self, company: &Company, callers: &Pair) -> u64 {
        let inactive = pb::AppointmentAssignment { active: false, ..Default::default() };
        match self {
            PermissionOff => company.permit("tina", false, false).await,
            OverrideRemoved => company.reset("tina").await,
            RoleDefault => company.set_role("technician", false, false).await,
            RoleOther => {
                // The role of the office holds nothing.
                let other = pb::Person { person_id: "tina".into(), role_id: "office".into(), ..Default::default() };
                company.set_person(other, "role_id").await
            }
            Deactivated => company.set_active("tina", false).await,
            MobileAccess => company.set_mobile_access("tina", false).await,
            LastAssignment => company.unassign("1", &["tina"]).await,
            AssignmentInactive => company.set_assignment("tina", inactive, "active").await,
            JobEndedNone | JobEndedReadOnly => company.report_job(JobStatus::Completed).await,
            PolicyNone => company.set_policy(AccessAfterJobEnd::None).await,
            PolicyReadOnly => company.set_policy(AccessAfterJobEnd::ReadOnly).await,
            ChatDisabled => company.set_chat(false).await,
            TenantClosed => {
                let close = pb::CloseTenantRequest { tenant_id: company.tenant.clone(), reason: "a test".into() };
                let provision = callers.service("provision", &company.tenant).expect("a token");
                let closed = provision.tenants().close_tenant(close).await.expect("closed");
                closed.into_inner().receipt.expect("a receipt").revision
            }
        }
    }
}

/// The chat service has confirmed it, and it was in force when its call returned.
async fn assert_confirmed(running: &Running, company: &Company, revision: u64, cause: Cause) {
    let change = audited(running, company, revision).await.expect("a change");
    assert!(change.in_force_time.is_some(), "{cause:?}");
    assert_eq!((change.nodes_confirmed, change.nodes_waited_out), (1, 0), "{cause:?}");
}

async fn audited(running: &Running, company: &Company, revision: u64) -> Result<pb::Change, Status> {
    let mut audit = AuditServiceClient::new(Mint::of(running).permissions);
    let found = audit.get_change(with_token(&company.admin.token, pb::GetChangeRequest { revision })).await?;
    Ok(found.into_inner().change.expect("a change"))
}

/// The customer texts after the call has returned, where texts are still accepted.
async fn text_after(company: &Company, cause: Cause) {
    let received = try_text(&company.carrier, "after", SECRET).await;
    if cause == TenantClosed {
        assert_eq!(refusal(received), "TENANT_NOT_ALLOWED");
    } else {
        received.expect("received");
    }
}

/// What all her calls that read are answered; a list where nothing is visible is empty.
async fn assert_reads_nothing(tina: &Party, thread: &str, status: &str, cause: Cause) {
    assert_eq!(refusal(calls::get(tina, thread).await), status, "{cause:?}: GetThread");
    assert_eq!(refusal(calls::try_messages(tina, thread).await), status, "{cause:?}: ListMessages");
    assert_eq!(refusal(calls::read(tina, thread, 1).await), status, "{cause:?}: MarkRead");
    match calls::list(tina, chat::ListThreadsRequest::default()).await {
        Ok(listed) => assert!(status == NOT_VISIBLE && listed.threads.is_empty(), "{cause:?}: ListThreads"),
        Err(refused) => assert_eq!(reason_of(&refused), status, "{cause:?}: ListThreads"),
    }
    let opened = Reader::try_open_at(tina, thread, chat::watch_thread_request::Position::AfterSeq(0)).await;
    let first = match opened {
        Ok(mut stream) => outcome(stream.frame().await),
        Err(refused) => reason_of(&refused),
    };
    assert_eq!(first, status, "{cause:?}: WatchThread");
}

/// Reads her inbox to where it has noticed.
async fn assert_inbox_never_shows(mut inbox: InboxReader, thread: &str, cause: Cause) {
    loop {
        let frame = inbox.frame().await;
        let shown = inbox.shown.threads.values().filter_map(|thread| thread.last_message.as_ref());
        assert!(shown.into_iter().all(|message| message.body != SECRET), "{cause:?}: the inbox shows it");
        match frame {
            Ok(Some(_)) if inbox.removed.iter().any(|(id, _)| id == thread) => return,
            Ok(Some(_)) => {}
            Ok(None) => panic!("{cause:?}: the inbox ended without a status"),
            Err(_) => return,
        }
    }
}

#[tokio::test]
async fn after_any_call_that_takes_all_access_away_nothing_is_read_sent_or_streamed_any_more() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    for (cause, closing, status) in ENDS {
        let company = Company::open(&callers).await;
        cause.prepare(&company).await;
        let mut stream = company.watch(&company.tina).await;
        company.assert_reaches(&mut stream, "before").await;
        let inbox = InboxReader::open(&company.tina).await;

        let revision = cause.strike(&company, &callers).await;
        text_after(&company, cause).await;
        assert_eq!(refusal(try_send(&company.tina, &company.thread, "after", "hello").await), status, "{cause:?}: SendMessage");
        assert_reads_nothing(&company.tina, &company.thread, status, cause).await;
        let end = stream.end().await;
        assert_eq!((end.0, end.1.as_str()), (closing, status), "{cause:?}");
        assert_eq!(stream.bodies, ["before"], "{cause:?}: what came after the call had returned");
        assert_inbox_never_shows(inbox, &company.thread, cause).await;
        if cause != TenantClosed {
            let bodies = company.messages().await;
            assert_eq!(calls::bodies(&bodies), ["before", SECRET], "{cause:?}: nothing of hers was committed");
        }
        assert_confirmed(&running, &company, revision, cause).await;
    }
}

#[tokio::test]
async fn after_any_call_that_leaves_technicians_to_read_nothing_of_theirs_is_committed_and_their_streams_go_on() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    for cause in [JobEndedReadOnly, PolicyReadOnly] {
        let company = Company::open(&callers).await;
        cause.prepare(&company).await;
        let mut stream = company.watch(&company.tina).await;
        try_send(&company.tina, &company.thread, "before", "before").await.expect("sent");
        let revision = cause.strike(&company, &callers).await;
        for id in ["after", "again"] {
            assert_eq!(refusal(try_send(&company.tina, &company.thread, id, "hello").await), LEVEL, "{cause:?}");
        }
        company.assert_reaches(&mut stream, "still read").await;
        assert_eq!(stream.bodies, ["before", "still read"]);
        assert_confirmed(&running, &company, revision, cause).await;
    }
}

#[tokio::test]
async fn what_takes_nothing_away_is_confirmed_by_nobody_and_in_force_at_once() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    company.permit("tina", false, false).await;
    company.set_chat(false).await;
    company.set_active("theo", false).await;
    company.unassign("1", &["theo"]).await;
    company.set_policy(AccessAfterJobEnd::None).await;
    company.report_job(JobStatus::Completed).await;
    let grants = [
        company.permit("tina", true, true).await,
        company.set_chat(true).await,
        company.set_active("theo", true).await,
        company.assign("1", &["theo"]).await,
        company.report_job(JobStatus::InProgress).await,
        company.set_policy(AccessAfterJobEnd::Keep).await,
        company.set_role("technician", true, true).await,
        company
            .set_person(
                pb::Person { person_id: "tina".into(), display_name: "Tina".into(), ..Default::default() },
                "display_name",
            )
            .await,
    ];
    for revision in grants {
        let change = audited(&running, &company, revision).await.expect("a change");
        assert_eq!(change.in_force_time, change.commit_time, "{}", change.kind);
        assert_eq!((change.nodes_confirmed, change.nodes_waited_out), (0, 0), "{}", change.kind);
    }
}
