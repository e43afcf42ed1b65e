//! Unread counts: of the customer's texts alone, for each person, on each thread, and summed for each job.

use chat::{Audience, ListThreadsRequest};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1::PersonKind;

use crate::calls::{close, list, list_job, note, read, reopen, seen, unread};
use crate::company::{Company, JOB, try_send, try_text_from};
use crate::notifications::notify;
use crate::running::Running;

const OTHER_NUMBER: &str = "+15550100777";

/// What a person has not read of the company's thread, and up to where they have.
async fn of(company: &Company, party: &Party) -> (u32, u64) {
    let thread = seen(party, &company.thread).await;
    (thread.unread_count, thread.read_seq)
}

async fn text_times(company: &Company, times: u32) {
    for number in 0..times {
        company.text(&format!("text-{number}"), "hello").await;
    }
}

#[tokio::test]
async fn what_nobody_has_read_counts_whole_also_for_those_who_come_later() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    assert_eq!(of(&company, &company.tina).await, (0, 0));
    text_times(&company, 3).await;
    let nora = company.hire(&callers, PersonKind::Technician, "nora", (true, false)).await;
    company.heard(company.assign("1", &["nora"]).await).await;
    for party in [&company.tina, &company.vera, &company.olga, &nora] {
        assert_eq!(of(&company, party).await, (3, 0));
    }
}

#[tokio::test]
async fn what_one_person_has_read_is_unread_for_the_others() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    text_times(&company, 3).await;
    assert_eq!(read(&company.tina, &company.thread, 2).await.expect("read"), (1, 2));
    assert_eq!(read(&company.vera, &company.thread, 1).await.expect("read"), (2, 1), "to view is enough");
    assert_eq!(of(&company, &company.tina).await, (1, 2));
    assert_eq!(of(&company, &company.vera).await, (2, 1));
    for party in [&company.theo, &company.olga] {
        assert_eq!(of(&company, party).await, (3, 0));
    }
    assert_eq!(seen(&company.olga, &company.thread).await.head_seq, 3, "reading is no event");
}

#[tokio::test]
async fn what_somebody_sends_they_have_read_and_for_their_colleagues_it_is_not_unread() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    text_times(&company, 2).await;
    try_send(&company.tina, &company.thread, "1", "an answer").await.expect("sent");
    assert_eq!(of(&company, &company.tina).await, (0, 3));
    for party in [&company.theo, &company.olga] {
        assert_eq!(of(&company, party).await, (2, 0));
    }
    company.text("more", "thanks").await;
    assert_eq!(of(&company, &company.tina).await, (1, 3));
    assert_eq!(of(&company, &company.theo).await, (3, 0));

    // A retry of an earlier send reads nothing that came since.
    assert!(try_send(&company.tina, &company.thread, "1", "an answer").await.expect("a retry").duplicate);
    assert_eq!(of(&company, &company.tina).await, (1, 3));
}

#[tokio::test]
async fn notes_and_notifications_and_what_happens_to_a_thread_are_never_unread() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("1", "hello").await;
    note(&company.theo, &company.thread, "1", "a note", Audience::Crew).await.expect("noted");
    note(&company.olga, &company.thread, "1", "a note", Audience::Office).await.expect("noted");
    assert_eq!(notify(&company.carrier, "n1", JOB, "we are on our way").await.expect("told").thread_id, company.thread);
    close(&company.olga, &company.thread).await.expect("closed");
    reopen(&company.olga, &company.thread).await.expect("open");
    for party in [&company.tina, &company.vera] {
        assert_eq!(of(&company, party).await, (1, 0));
    }
    // Read up to an event that is none of the customer's.
    assert_eq!(read(&company.vera, &company.thread, 2).await.expect("read"), (0, 2));
    company.text("2", "hello").await;
    assert_eq!(of(&company, &company.vera).await, (1, 2));
}

#[tokio::test]
async fn reading_goes_only_forward_and_not_beyond_the_newest_event() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    text_times(&company, 4).await;
    assert_eq!(read(&company.tina, &company.thread, 3).await.expect("read"), (1, 3));
    for lower in [0, 1, 2, 3] {
        assert_eq!(read(&company.tina, &company.thread, lower).await.expect("nothing"), (1, 3), "{lower}");
    }
    for higher in [5, 1_000, u64::from(u32::MAX) + 1, i64::MAX.unsigned_abs(), u64::MAX] {
        assert_eq!(read(&company.tina, &company.thread, higher).await.expect("read"), (0, 4), "{higher}");
    }
    company.text("more", "hello").await;
    assert_eq!(of(&company, &company.tina).await, (1, 4), "what comes later is unread");
}

#[tokio::test]
async fn a_thread_can_be_marked_as_unread_until_it_is_read_again() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    text_times(&company, 4).await;
    try_send(&company.theo, &company.thread, "1", "not the customer's").await.expect("sent");
    assert_eq!(read(&company.tina, &company.thread, 5).await.expect("read"), (0, 5));
    assert_eq!(unread(&company.tina, &company.thread, 3).await.expect("marked"), (2, 2));
    assert_eq!(of(&company, &company.tina).await, (2, 2));
    assert_eq!(of(&company, &company.vera).await, (4, 0), "it is hers alone");
    company.text("more", "hello").await;
    assert_eq!(of(&company, &company.tina).await, (3, 2));

    // A lower number ends it, and changes nothing else.
    assert_eq!(read(&company.tina, &company.thread, 1).await.expect("read"), (1, 5));
    assert_eq!(read(&company.tina, &company.thread, 6).await.expect("read"), (0, 6));

    // 0 is the customer's newest text, whatever was said since.
    try_send(&company.theo, &company.thread, "2", "not the customer's").await.expect("sent");
    assert_eq!(unread(&company.tina, &company.thread, 0).await.expect("marked"), (1, 5));
    // From an event on after which the customer wrote nothing.
    assert_eq!(unread(&company.tina, &company.thread, 7).await.expect("marked").0, 0);
    // A message of one's own ends it too.
    assert_eq!(unread(&company.tina, &company.thread, 1).await.expect("marked"), (5, 0));
    try_send(&company.tina, &company.thread, "1", "an answer").await.expect("sent");
    assert_eq!(of(&company, &company.tina).await, (0, 8));
}

#[tokio::test]
async fn a_thread_without_a_text_of_the_customer_has_nothing_to_mark_as_unread() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assert_eq!(unread(&company.tina, &company.thread, 0).await.expect("nothing").0, 0);
    try_send(&company.theo, &company.thread, "1", "hello").await.expect("sent");
    for from in [0, 1] {
        assert_eq!(unread(&company.tina, &company.thread, from).await.expect("nothing").0, 0, "{from}");
    }
    company.text("1", "hello").await;
    assert_eq!(of(&company, &company.tina).await.0, 1);
}

#[tokio::test]
async fn the_count_of_a_job_is_the_sum_of_its_open_threads() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread(JOB, OTHER_NUMBER).await;
    text_times(&company, 2).await;
    for id in ["a", "b", "c"] {
        assert_eq!(try_text_from(&company.carrier, OTHER_NUMBER, id, "hello").await.expect("received").thread_id, second);
    }
    let of_job = async |party: &Party| list_job(party, JOB).await.job_unread_count;
    assert_eq!(of_job(&company.tina).await, 5);
    read(&company.tina, &second, 2).await.expect("read");
    assert_eq!((of_job(&company.tina).await, of_job(&company.theo).await), (3, 5));

    // Of all of them, on each page and under each filter; and of a list that is of no job it is not told.
    let page = ListThreadsRequest { job_id: JOB.into(), page_size: 1, ..Default::default() };
    let first = list(&company.tina, page.clone()).await.expect("a page");
    assert_eq!((first.threads.len(), first.job_unread_count), (1, 3));
    let next = ListThreadsRequest { page_token: first.next_page_token, ..page };
    assert_eq!(list(&company.tina, next).await.expect("a page").job_unread_count, 3);
    assert_eq!(list(&company.tina, ListThreadsRequest::default()).await.expect("listed").job_unread_count, 0);

    // Closed, a thread counts for nobody; its own count is kept.
    close(&company.olga, &second).await.expect("closed");
    let office = list_job(&company.olga, JOB).await;
    assert_eq!((office.threads.len(), office.job_unread_count), (2, 2));
    assert_eq!(of_job(&company.tina).await, 2);
    reopen(&company.olga, &second).await.expect("open");
    assert_eq!((of_job(&company.tina).await, of_job(&company.olga).await), (3, 5));
}

#[tokio::test]
async fn a_list_can_be_of_what_is_unread_alone() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.start_thread(JOB, OTHER_NUMBER).await;
    text_times(&company, 1).await;
    let filter = ListThreadsRequest { unread_only: true, ..Default::default() };
    let listed = async |party: &Party| -> Vec<String> {
        let threads = crate::calls::try_list_all(party, filter.clone()).await.expect("listed");
        threads.into_iter().map(|thread| thread.thread_id).collect()
    };
    for party in [&company.tina, &company.olga] {
        assert_eq!(listed(party).await, std::slice::from_ref(&company.thread));
    }
    read(&company.tina, &company.thread, 1).await.expect("read");
    assert_eq!((listed(&company.tina).await.len(), listed(&company.olga).await.len()), (0, 1));
    unread(&company.tina, &company.thread, 0).await.expect("marked");
    assert_eq!(listed(&company.tina).await, std::slice::from_ref(&company.thread));
}
