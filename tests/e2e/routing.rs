//! Which thread a customer's text goes into: one, and never a colleague's by chance.

use chat::event::Payload;
use chat::{Audience, AuthorKind, ThreadState};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::AssignmentStatus;

use crate::calls::{bodies, close, list_all, move_to, note, reopen, seen, start, try_messages};
use crate::changes::revision_of;
use crate::closing::by;
use crate::company::{CUSTOMER, Company, JOB, refusal, try_send, try_text, try_text_from};
use crate::gateway::Gateway;
use crate::opting_out::text_to;
use crate::reader::Reader;
use crate::running::Running;

const OTHER_JOB: &str = "1002";

/// Where an assignment to the first appointment of a job is.
async fn set_status(company: &Company, job: &str, technician: &str, status: AssignmentStatus) {
    let assignment = pb::AppointmentAssignment {
        job_id: job.into(),
        appointment_id: "1".into(),
        technician_id: technician.into(),
        status: status.into(),
        ..Default::default()
    };
    let update = pb::UpdateAssignmentRequest {
        assignment: Some(assignment),
        update_mask: crate::changes::mask(&["status"]),
        ..Default::default()
    };
    let updated = company.dispatch.dispatch().update_assignment(update).await.expect("updated");
    company.heard(revision_of(updated.into_inner().receipt)).await;
}

/// Somebody's own number.
async fn set_phone(company: &Company, person: &str, phone: &str) {
    let person = pb::Person { person_id: person.into(), phone: phone.into(), ..Default::default() };
    company.heard(company.set_person(person, "phone").await).await;
}

#[tokio::test]
async fn a_text_goes_into_the_only_open_thread_whoever_wrote_last_elsewhere() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread(OTHER_JOB, CUSTOMER).await;
    try_send(&company.olga, &second, "1", "the newest from a person").await.expect("sent");
    company.heard(company.assign_to(OTHER_JOB, "1", &["tina"]).await).await;
    set_status(&company, OTHER_JOB, "tina", AssignmentStatus::Working).await;
    close(&company.olga, &second).await.expect("closed");
    assert_eq!(company.text("1", "hello").await.thread_id, company.thread);
    assert_eq!(seen(&company.olga, &second).await.state(), ThreadState::Closed);
}

#[tokio::test]
async fn of_several_open_threads_it_is_the_one_with_the_newest_text_from_a_person() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread(OTHER_JOB, CUSTOMER).await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["theo"]).await).await;
    // That somebody works there now comes after that.
    set_status(&company, OTHER_JOB, "theo", AssignmentStatus::Working).await;
    try_send(&company.olga, &company.thread, "1", "from the office").await.expect("sent");
    assert_eq!(company.text("1", "hello").await.thread_id, company.thread);
    try_send(&company.theo, &second, "1", "from a technician").await.expect("sent");
    assert_eq!(company.text("2", "hello").await.thread_id, second);
    // Notes are no texts, and neither is what the customer wrote.
    note(&company.tina, &company.thread, "2", "a note", Audience::Crew).await.expect("noted");
    assert_eq!(company.text("3", "hello").await.thread_id, second);
    try_send(&company.tina, &company.thread, "3", "an answer").await.expect("sent");
    assert_eq!(company.text("4", "hello").await.thread_id, company.thread);
}

#[tokio::test]
async fn without_a_text_from_a_person_it_is_the_one_whose_job_is_under_way() {
    for status in [AssignmentStatus::Dispatched, AssignmentStatus::Working] {
        let running = Running::pair().await;
        let company = Company::open(&running.callers().await).await;
        let second = company.start_thread(OTHER_JOB, CUSTOMER).await;
        company.heard(company.assign_to(OTHER_JOB, "1", &["theo"]).await).await;
        set_status(&company, OTHER_JOB, "theo", status).await;
        assert_eq!(company.text("1", "hello").await.thread_id, second, "{status:?}");
        set_status(&company, OTHER_JOB, "theo", AssignmentStatus::Done).await;
        set_status(&company, JOB, "tina", status).await;
        assert_eq!(company.text("2", "hello").await.thread_id, company.thread, "{status:?}");
    }
}

#[tokio::test]
async fn a_text_for_two_jobs_goes_to_one_and_the_other_jobs_technician_gets_nothing() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let nick = company.hire(&callers, pb::PersonKind::Technician, "nick", (true, true)).await;
    company.heard(company.assign_to(OTHER_JOB, "1", &["nick"]).await).await;
    let second = company.start_thread(OTHER_JOB, CUSTOMER).await;
    let mut streams = [Reader::open(&company.tina, &company.thread).await, Reader::open(&nick, &second).await];
    try_send(&nick, &second, "1", "are you at home?").await.expect("sent");
    let received = company.text("1", "yes").await;
    assert_eq!((received.thread_id.as_str(), received.seq), (second.as_str(), 2));
    streams[1].read_to(2).await;
    // What came next to the other one is the first that she hears of.
    try_send(&company.olga, &company.thread, "1", "to the other job").await.expect("sent");
    streams[0].read_to(1).await;
    assert_eq!(
        (&streams[0].bodies[..], &streams[1].bodies[..]),
        (&["to the other job".to_owned()][..], &["are you at home?".to_owned(), "yes".to_owned()][..])
    );
    for party in [&company.tina, &company.olga] {
        assert_eq!(bodies(&try_messages(party, &company.thread).await.expect("seen")), ["to the other job"]);
    }
}

#[tokio::test]
async fn a_text_opens_the_latest_closed_thread_again_and_the_system_did_it() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("0", "before").await;
    let second = company.start_thread(OTHER_JOB, CUSTOMER).await;
    close(&company.olga, &second).await.expect("closed");
    close(&company.olga, &company.thread).await.expect("closed");
    let received = company.text("1", "hello again").await;
    assert_eq!((received.thread_id.as_str(), received.reopened, received.seq), (company.thread.as_str(), true, 4));
    assert_eq!(seen(&company.olga, &second).await.state(), ThreadState::Closed);

    let mut tina = company.watch(&company.tina).await;
    tina.read_to(4).await;
    let Some(Payload::ThreadReopened(told)) = &tina.events[2].payload else { panic!("{:?}", tina.events) };
    assert_eq!(by(told.actor.as_ref()), (AuthorKind::System, "", ""));
    assert_eq!(tina.bodies, ["before", "hello again"]);
    let thread = seen(&company.tina, &company.thread).await;
    assert_eq!((thread.state(), thread.unread_count), (ThreadState::Open, 2));

    let again = company.text("1", "hello again").await;
    assert!(again.duplicate);
    assert_eq!((again.thread_id, again.seq), (received.thread_id, received.seq));
    assert!(!company.text("2", "and more").await.reopened);

    // The one that was closed last, whatever it holds.
    close(&company.olga, &company.thread).await.expect("closed");
    reopen(&company.olga, &second).await.expect("open");
    close(&company.olga, &second).await.expect("closed");
    let last = company.text("3", "hello again").await;
    assert_eq!((last.thread_id, last.reopened), (second, true));
}

#[tokio::test]
async fn a_closed_thread_that_is_too_old_stays_closed_and_the_office_gets_the_text() {
    let running = Running::start("all", &[("CREWLINE_CHAT__REOPEN_WITHIN_DAYS", "0")]).await;
    let company = Company::open(&running.callers().await).await;
    close(&company.olga, &company.thread).await.expect("closed");
    let received = company.text("1", "hello again").await;
    assert!(!received.reopened && received.thread_id != company.thread);
    let thread = seen(&company.olga, &received.thread_id).await;
    assert_eq!((thread.job_id.as_str(), thread.state()), ("", ThreadState::Open));
    assert_eq!(seen(&company.olga, &company.thread).await.state(), ThreadState::Closed);
    assert_eq!(list_all(&company.tina).await, []);
    assert_eq!(company.text("2", "and more").await.thread_id, received.thread_id);
}

#[tokio::test]
async fn a_text_from_an_unknown_number_starts_a_thread_of_the_office_that_technicians_never_see() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let lead = "+15550100888";
    let received = try_text_from(&company.carrier, lead, "1", "do you have time?").await.expect("received");
    let thread = seen(&company.olga, &received.thread_id).await;
    assert_eq!((thread.job_id.as_str(), thread.contact_number.as_str(), thread.unread_count), ("", lead, 1));
    for party in [&company.tina, &company.vera] {
        assert_eq!(list_all(party).await.len(), 1, "their own job's alone");
        assert_eq!(refusal(crate::calls::get(party, &received.thread_id).await), "THREAD_NOT_VISIBLE");
    }
    assert_eq!(try_text_from(&company.carrier, lead, "2", "hello?").await.expect("received").thread_id, received.thread_id);
    move_to(&company.olga, &received.thread_id, "1003", false).await.expect("linked");
    assert_eq!(try_text_from(&company.carrier, lead, "3", "still here").await.expect("received").thread_id, received.thread_id);
}

#[tokio::test]
async fn a_text_from_the_tenants_own_people_never_enters_chat() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let (of_tina, of_olga) = ("+15550100001", "+15550100002");
    let open = company.start_thread("1003", of_tina).await;
    set_phone(&company, "tina", of_tina).await;
    set_phone(&company, "olga", of_olga).await;
    let threads = list_all(&company.olga).await;
    for (number, id) in [(of_tina, "1"), (of_olga, "2"), (of_tina, "1"), (of_tina, "3")] {
        let received = try_text_from(&company.carrier, number, id, "I am late").await.expect("received");
        assert!(received.staff_number && !received.reopened);
        assert_eq!((received.thread_id.as_str(), received.seq), ("", 0));
    }
    assert_eq!(list_all(&company.olga).await, threads, "nothing was stored");
    // Not even a word to stop, though a thread with the number is open from before; and none is started.
    try_text_from(&company.carrier, of_tina, "4", "STOP").await.expect("received");
    let thread = seen(&company.olga, &open).await;
    assert!(thread.head_seq == 0 && !thread.contact_opted_out);
    assert_eq!(refusal(start(&company.olga, "1004", of_olga).await), "INVALID_FIELD");

    // Another tenant's people are customers here.
    let other = Company::open(&running.callers().await).await;
    assert!(!try_text_from(&other.carrier, of_tina, "1", "hello").await.expect("received").staff_number);
}

#[tokio::test]
async fn a_text_that_was_stored_stays_one_message_when_its_number_becomes_the_staffs() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    set_phone(&company, "tina", CUSTOMER).await;
    let again = try_text(&company.carrier, "1", "hello").await.expect("settled");
    assert!(again.duplicate || again.staff_number);
    assert!(try_text(&company.carrier, "2", "hello").await.expect("settled").staff_number);
    assert_eq!(company.messages().await.len(), 1);
    set_phone(&company, "tina", "").await;
    assert!(company.text("1", "hello").await.duplicate);
    assert!(!company.text("3", "hello").await.staff_number);
    assert_eq!(company.messages().await.len(), 2);
}

#[tokio::test]
async fn answers_go_out_from_the_number_that_the_customer_texted_last() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let business = async |party: &Party| seen(party, &company.thread).await.business_number;
    assert_eq!(business(&company.olga).await, "");
    for (id, number) in [("1", "+15550109001"), ("2", "+15550109002"), ("3", "+15550109001")] {
        assert_eq!(text_to(&company.carrier, CUSTOMER, number, "hello").await.thread_id, company.thread);
        assert_eq!(business(&company.olga).await, number);
        try_send(&company.tina, &company.thread, id, "an answer").await.expect("sent");
        assert_eq!(gateway.accept_next().await.business_number, number);
    }
    let start = chat::StartThreadRequest {
        job_id: OTHER_JOB.into(),
        contact_number: CUSTOMER.into(),
        business_number: "+15550109003".into(),
    };
    let started = company.olga.threads().start_thread(start).await.expect("started").into_inner().thread.expect("a thread");
    assert_eq!(started.business_number, "+15550109003");
}
