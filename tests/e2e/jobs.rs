//! Being on a job: by any active assignment to any of its appointments, and what its end takes away.

use chat::ClosingReason;
use crewline::party::Pair;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::{AccessAfterJobEnd, AccessReason, AssignmentStatus, JobStatus, Permission};

use crate::checking::decision;
use crate::company::{Company, JOB, refusal, try_send};
use crate::refusals::outcome;
use crate::running::Running;

/// What the permissions service says of reading and replying on the job.
async fn checks(callers: &Pair, company: &Company, person: &str) -> [AccessReason; 2] {
    let enforce = callers.service("enforce", &company.tenant).expect("a token");
    [
        decision(&enforce, person, JOB, Permission::ViewCustomerChats).await,
        decision(&enforce, person, JOB, Permission::AllowFullAccessToCustomerChats).await,
    ]
}

#[tokio::test]
async fn of_two_appointments_either_keeps_a_technician_on_the_job() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.heard(company.assign("2", &["tina"]).await).await;
    let mut tina = company.watch(&company.tina).await;
    company.heard(company.unassign("1", &["tina"]).await).await;
    company.assert_reaches(&mut tina, "the second keeps her").await;
    try_send(&company.tina, &company.thread, "1", "still here").await.expect("sent");

    company.unassign("2", &["tina"]).await;
    tina.assert_ends(ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "2", "hello").await), "THREAD_NOT_VISIBLE");

    // Put back, she sees all that was said meanwhile, and her own words.
    company.text("meanwhile", "meanwhile").await;
    company.assign("3", &["tina"]).await;
    let mut tina = company.watch(&company.tina).await;
    tina.read_to(3).await;
    assert_eq!(tina.bodies, ["the second keeps her", "still here", "meanwhile"]);
}

#[tokio::test]
async fn done_and_paused_assignments_keep_a_technician_on_the_job_and_inactive_ones_do_not() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = company.watch(&company.tina).await;
    for status in [AssignmentStatus::Dispatched, AssignmentStatus::Working, AssignmentStatus::Done] {
        let new = pb::AppointmentAssignment { status: status.into(), ..Default::default() };
        company.heard(company.set_assignment("tina", new, "status").await).await;
        company.assert_reaches(&mut tina, &format!("{status:?}")).await;
    }
    let paused = pb::AppointmentAssignment { paused: true, ..Default::default() };
    company.heard(company.set_assignment("tina", paused, "paused").await).await;
    company.assert_reaches(&mut tina, "paused").await;
    try_send(&company.tina, &company.thread, "1", "done and paused").await.expect("sent");

    let inactive = pb::AppointmentAssignment { active: false, ..Default::default() };
    company.set_assignment("tina", inactive, "active").await;
    tina.assert_ends(ClosingReason::Unassigned, "THREAD_NOT_VISIBLE").await;
    let active = pb::AppointmentAssignment { active: true, ..Default::default() };
    company.set_assignment("tina", active, "active").await;
    company.watch(&company.tina).await.read_to(5).await;
}

#[tokio::test]
async fn the_policy_for_ended_jobs_decides_what_their_end_takes_away_from_technicians() {
    for ended in [JobStatus::Completed, JobStatus::Canceled] {
        let running = Running::pair().await;
        let callers = running.callers().await;
        let company = Company::open(&callers).await;
        let mut tina = company.watch(&company.tina).await;
        let mut olga = company.watch(&company.olga).await;
        let send = async |id: &str| outcome(try_send(&company.tina, &company.thread, id, "hello").await);

        // By default the end of a job changes nothing.
        company.heard(company.report_job(ended).await).await;
        company.assert_reaches(&mut tina, "kept").await;
        assert_eq!(send("1").await, "OK");
        assert_eq!(checks(&callers, &company, "tina").await, [AccessReason::Allowed, AccessReason::Allowed]);

        company.heard(company.set_policy(AccessAfterJobEnd::ReadOnly).await).await;
        company.assert_reaches(&mut tina, "read only").await;
        assert_eq!(send("2").await, "CHAT_PERMISSION_REQUIRED");
        assert_eq!(checks(&callers, &company, "tina").await, [AccessReason::Allowed, AccessReason::JobEnded]);

        company.heard(company.set_policy(AccessAfterJobEnd::None).await).await;
        tina.assert_ends(ClosingReason::AccessRevoked, "THREAD_NOT_VISIBLE").await;
        assert_eq!(send("3").await, "THREAD_NOT_VISIBLE");
        assert_eq!(checks(&callers, &company, "tina").await, [AccessReason::JobEnded, AccessReason::JobEnded]);

        // The office goes on, and a job that is taken up again is the technicians' again.
        company.assert_reaches(&mut olga, "to the office").await;
        try_send(&company.olga, &company.thread, "1", "from the office").await.expect("sent");
        company.report_job(JobStatus::InProgress).await;
        company.watch(&company.tina).await.read_to(olga.seq).await;
        assert_eq!(send("4").await, "OK");
    }
}

#[tokio::test]
async fn the_end_of_a_job_cuts_streams_where_the_policy_says_so_and_a_hold_never_does() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.heard(company.set_policy(AccessAfterJobEnd::None).await).await;
    let mut tina = company.watch(&company.tina).await;
    for status in [JobStatus::Dispatched, JobStatus::InProgress, JobStatus::Hold, JobStatus::Scheduled] {
        company.heard(company.report_job(status).await).await;
        company.assert_reaches(&mut tina, &format!("{status:?}")).await;
    }
    company.report_job(JobStatus::Completed).await;
    tina.assert_ends(ClosingReason::AccessRevoked, "THREAD_NOT_VISIBLE").await;
}

#[tokio::test]
async fn whoever_joins_a_job_that_has_ended_is_bound_by_the_policy_too() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.set_policy(AccessAfterJobEnd::ReadOnly).await;
    // Nobody is on the job while it ends.
    company.unassign("1", &["tina", "theo", "vera"]).await;
    company.report_job(JobStatus::Completed).await;
    company.heard(company.assign("1", &["tina"]).await).await;
    company.watch(&company.tina).await;
    assert_eq!(refusal(try_send(&company.tina, &company.thread, "1", "hello").await), "CHAT_PERMISSION_REQUIRED");
}

#[tokio::test]
async fn everybody_on_the_job_and_the_office_share_one_chat() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut readers =
        [company.watch(&company.tina).await, company.watch(&company.theo).await, company.watch(&company.olga).await];
    for number in 0..5 {
        try_send(&company.tina, &company.thread, &format!("a{number}"), &format!("tina {number}")).await.expect("sent");
        try_send(&company.theo, &company.thread, &format!("b{number}"), &format!("theo {number}")).await.expect("sent");
        try_send(&company.olga, &company.thread, &format!("c{number}"), &format!("olga {number}")).await.expect("sent");
        company.text(&format!("d{number}"), &format!("customer {number}")).await;
    }
    for reader in &mut readers {
        reader.read_to(20).await;
    }
    assert_eq!(readers[0].bodies, readers[1].bodies);
    assert_eq!(readers[0].bodies, readers[2].bodies);
    let messages = company.messages().await;
    let authors: Vec<(chat::AuthorKind, &str)> = messages[..4]
        .iter()
        .map(|message| message.author.as_ref().expect("an author"))
        .map(|author| (author.kind(), author.display_name.as_str()))
        .collect();
    let expected = [
        (chat::AuthorKind::Technician, "tina"),
        (chat::AuthorKind::Technician, "theo"),
        (chat::AuthorKind::Office, "olga"),
        (chat::AuthorKind::Customer, ""),
    ];
    assert_eq!(authors, expected);
}
