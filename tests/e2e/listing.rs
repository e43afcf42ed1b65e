//! Lists of threads: what the caller may see, the newest first, narrowed and in pages.

use chat::{ListThreadsRequest, ThreadState};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;

use crate::calls::{close, list, list_all, seen, try_list_all};
use crate::company::{CUSTOMER, Company, JOB, refusal, try_text_from};
use crate::running::Running;

const OTHER_NUMBER: &str = "+15550100777";

async fn ids(party: &Party, filter: ListThreadsRequest) -> Vec<String> {
    let threads = try_list_all(party, filter).await.expect("listed");
    threads.into_iter().map(|thread| thread.thread_id).collect()
}

#[tokio::test]
async fn a_list_is_of_what_the_caller_may_see_the_one_with_the_newest_event_first() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread(JOB, OTHER_NUMBER).await;
    let elsewhere = company.start_thread("1002", CUSTOMER).await;
    let default = ListThreadsRequest::default;
    assert_eq!(ids(&company.tina, default()).await, [second.clone(), company.thread.clone()], "as they were started");
    let unassigned = [elsewhere.clone(), second.clone(), company.thread.clone()];
    assert_eq!(ids(&company.olga, default()).await, unassigned);
    company.text("1", "which job?").await;
    crate::company::try_send(&company.olga, &company.thread, "1", "this one").await.expect("sent");
    assert_eq!(ids(&company.tina, default()).await, [company.thread.clone(), second]);
    for thread in list_all(&company.tina).await {
        assert_eq!(thread, seen(&company.tina, &thread.thread_id).await, "the list and the thread tell the same");
    }
    for job in ["1002", "9999"] {
        assert_eq!(ids(&company.tina, ListThreadsRequest { job_id: job.into(), ..default() }).await, [""; 0], "{job}");
    }
}

#[tokio::test]
async fn what_is_set_narrows_the_list() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread(JOB, OTHER_NUMBER).await;
    let lead = try_text_from(&company.carrier, "+15550100888", "1", "hello").await.expect("received").thread_id;
    close(&company.olga, &second).await.expect("closed");
    let default = ListThreadsRequest::default;
    let of_number = |contact: &str| ListThreadsRequest { contact_number: contact.into(), ..default() };
    assert_eq!(ids(&company.olga, of_number("+15550100888")).await, [lead.as_str()]);
    assert_eq!(ids(&company.olga, of_number("+15550100999")).await, [""; 0]);
    assert_eq!(ids(&company.tina, of_number(CUSTOMER)).await, [company.thread.as_str()]);
    let of_job = |state: ThreadState| ListThreadsRequest { job_id: JOB.into(), state: state.into(), ..default() };
    assert_eq!(ids(&company.olga, of_job(ThreadState::Open)).await, [company.thread.as_str()]);
    assert_eq!(ids(&company.olga, of_job(ThreadState::Closed)).await, [second.as_str()]);
    assert_eq!(ids(&company.olga, of_job(ThreadState::Unspecified)).await, [second.as_str(), company.thread.as_str()]);
    assert_eq!(ids(&company.olga, ListThreadsRequest { unread_only: true, ..default() }).await, [lead]);
    for bad in [of_number("5550100123"), ListThreadsRequest { job_id: "a job".into(), ..default() }] {
        assert_eq!(refusal(list(&company.olga, bad.clone()).await), "INVALID_FIELD", "{bad:?}");
    }
}

#[tokio::test]
async fn threads_come_in_pages_that_fit_only_their_filter() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    for number in 0..124 {
        company.start_thread(if number % 2 == 0 { JOB } else { "1002" }, &format!("+1555010{:04}", 1_000 + number)).await;
    }
    let page =
        |page_size, page_token: &str| ListThreadsRequest { page_size, page_token: page_token.into(), ..Default::default() };
    for (asked, most) in [(0, 50), (1, 1), (200, 200), (i32::MAX, 200)] {
        assert!(list(&company.olga, page(asked, "")).await.expect("a page").threads.len() <= most, "{asked}");
    }
    assert_eq!(refusal(list(&company.olga, page(-1, "")).await), "INVALID_FIELD");
    for (party, count) in [(&company.olga, 125), (&company.tina, 63)] {
        for size in [7, 50, 200] {
            let mut listed = ids(party, page(size, "")).await;
            assert_eq!(listed.len(), count, "{size}");
            listed.sort();
            listed.dedup();
            assert_eq!(listed.len(), count, "none twice");
        }
    }
    let token = list(&company.olga, page(5, "")).await.expect("a page").next_page_token;
    let other = ListThreadsRequest { job_id: JOB.into(), ..page(5, &token) };
    assert_eq!(refusal(list(&company.olga, other).await), "PAGE_TOKEN_INVALID");
    assert_eq!(refusal(list(&company.olga, page(5, "damaged")).await), "PAGE_TOKEN_INVALID");
}
