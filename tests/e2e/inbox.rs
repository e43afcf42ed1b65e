//! The inbox: every thread that a person may see, as it is now, with badges that are live on each device.

use std::collections::BTreeMap;

use chat::{Audience, ThreadState, WatchInboxRequest};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1::PersonKind;

use crate::calls::{close, list_all, move_to, note, read, reopen, unread};
use crate::company::{CUSTOMER, Company, JOB, try_send, try_text_from};
use crate::inbox_reader::InboxReader;
use crate::refusals::outcome;
use crate::running::Running;

const OTHER_NUMBER: &str = "+15550100777";

#[tokio::test]
async fn an_inbox_begins_with_all_threads_the_one_with_the_newest_event_first() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    assert_eq!(InboxReader::open(&company.tina).await.ids(), [company.thread.as_str()]);
    let mut numbers = vec![CUSTOMER.to_owned()];
    for number in 0..150 {
        let contact = format!("+1555010{:04}", 1_000 + number);
        company.start_thread(if number % 2 == 0 { JOB } else { "" }, &contact).await;
        numbers.push(contact);
    }
    // In another order than they were started in.
    for index in [71, 4, 149, 0, 71] {
        let text = try_text_from(&company.carrier, &numbers[index], &uuid::Uuid::new_v4().to_string(), "hello").await;
        text.expect("received");
    }
    for (party, count) in [(&company.tina, 76), (&company.olga, 151)] {
        let inbox = InboxReader::open(party).await;
        assert_eq!(inbox.snapshot.len(), count);
        assert!(!inbox.snapshot_end.expect("an end").truncated);
        let listed = list_all(party).await;
        assert_eq!(inbox.snapshot, listed.iter().map(|thread| thread.thread_id.clone()).collect::<Vec<_>>());
        let threads: BTreeMap<_, _> = listed.into_iter().map(|thread| (thread.thread_id.clone(), thread)).collect();
        assert_eq!(inbox.shown.threads, threads, "the list and the inbox tell the same");
    }
    let inbox = InboxReader::open(&company.tina).await;
    let newest = &inbox.shown.threads[&inbox.snapshot[0]];
    assert_eq!((newest.last_message.as_ref().expect("a text").body.as_str(), newest.unread_count), ("hello", 2));
    assert!(newest.contact_number.ends_with(&numbers[71][8..]) && newest.contact_number != numbers[71], "masked");
}

#[tokio::test]
async fn threads_come_as_they_are_started_as_one_joins_a_job_and_as_they_are_opened_again() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let nora = company.hire(&callers, PersonKind::Technician, "nora", (true, false)).await;
    let mut inboxes = [InboxReader::open(&company.olga).await, InboxReader::open(&company.tina).await];
    let mut noras = InboxReader::open(&nora).await;
    assert_eq!(noras.ids(), [""; 0]);
    company.assign("1", &["nora"]).await;
    noras.until("she joins", |inbox| inbox.ids() == [company.thread.as_str()]).await;

    let second = company.start_thread(JOB, OTHER_NUMBER).await;
    for inbox in inboxes.iter_mut().chain([&mut noras]) {
        inbox.until("it is started", |inbox| inbox.ids().contains(&second.as_str())).await;
    }
    let lead = try_text_from(&company.carrier, "+15550100888", "1", "hello").await.expect("received").thread_id;
    inboxes[0].until("a lead", |inbox| inbox.unread(&lead) == Some(1)).await;
    move_to(&company.olga, &lead, JOB, false).await.expect("linked");
    for inbox in inboxes.iter_mut().chain([&mut noras]) {
        inbox.until("linked", |inbox| inbox.shown.threads.get(&lead).is_some_and(|thread| thread.job_id == JOB)).await;
        assert_eq!(inbox.shown.jobs, BTreeMap::from([(JOB.to_owned(), 1)]));
    }

    close(&company.olga, &second).await.expect("closed");
    for inbox in &mut inboxes {
        inbox.until("closed", |inbox| !inbox.ids().contains(&second.as_str())).await;
    }
    reopen(&company.olga, &second).await.expect("open");
    for inbox in &mut inboxes {
        inbox.until("open again", |inbox| inbox.ids().contains(&second.as_str())).await;
    }
    close(&company.olga, &second).await.expect("closed");
    assert!(try_text_from(&company.carrier, OTHER_NUMBER, "2", "hello?").await.expect("received").reopened);
    noras.until("by the customer", |inbox| inbox.unread(&second) == Some(1)).await;
    assert_eq!(noras.shown.jobs, BTreeMap::from([(JOB.to_owned(), 2)]));
}

#[tokio::test]
async fn an_entry_follows_what_happens_in_its_thread() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut tina = InboxReader::open(&company.tina).await;
    let mut olga = InboxReader::open(&company.olga).await;
    let newest = |inbox: &InboxReader| {
        inbox.shown.threads.get(&company.thread).and_then(|thread| thread.last_message.clone()).map(|message| message.body)
    };
    company.text("1", "from the customer").await;
    try_send(&company.theo, &company.thread, "1", "from theo").await.expect("sent");
    for inbox in [&mut tina, &mut olga] {
        inbox
            .until("the newest", |inbox| {
                newest(inbox).as_deref() == Some("from theo") && inbox.unread(&company.thread) == Some(1)
            })
            .await;
    }
    note(&company.olga, &company.thread, "1", "for the office", Audience::Office).await.expect("noted");
    olga.until("the note", |inbox| newest(inbox).as_deref() == Some("for the office")).await;
    company.text("2", "STOP").await;
    for inbox in [&mut tina, &mut olga] {
        let out = |inbox: &InboxReader| inbox.shown.threads[&company.thread].contact_opted_out;
        inbox.until("opted out", |inbox| out(inbox) && newest(inbox).as_deref() == Some("STOP")).await;
        assert_eq!(inbox.unread(&company.thread), Some(2));
    }
    assert!(tina.removed.is_empty() && olga.removed.is_empty());
}

#[tokio::test]
async fn reading_on_one_device_clears_the_badge_of_the_persons_others_and_of_nobody_else() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let second = company.start_thread(JOB, OTHER_NUMBER).await;
    let mut phone = InboxReader::open(&company.tina).await;
    let mut tablet = InboxReader::open(&company.tina).await;
    let mut theo = InboxReader::open(&company.theo).await;
    company.text("1", "hello").await;
    try_text_from(&company.carrier, OTHER_NUMBER, "2", "hello").await.expect("received");
    for inbox in [&mut phone, &mut tablet, &mut theo] {
        inbox.until("both", |inbox| inbox.shown.jobs.get(JOB) == Some(&2)).await;
    }
    // A colleague reads, then she herself, then she writes: each is seen on both of her devices.
    read(&company.theo, &company.thread, 1).await.expect("read");
    theo.until_unread(&company.thread, 0).await;
    read(&company.tina, &second, 1).await.expect("read");
    for inbox in [&mut phone, &mut tablet] {
        inbox.until_unread(&second, 0).await;
        assert_eq!((inbox.unread(&company.thread), inbox.shown.jobs[JOB]), (Some(1), 1), "what theo read is unread");
    }
    unread(&company.tina, &second, 0).await.expect("marked");
    for inbox in [&mut phone, &mut tablet] {
        inbox.until_unread(&second, 1).await;
        assert_eq!(inbox.shown.jobs[JOB], 2);
    }
    try_send(&company.tina, &company.thread, "1", "an answer").await.expect("sent");
    for inbox in [&mut phone, &mut tablet] {
        inbox.until_unread(&company.thread, 0).await;
        assert_eq!(inbox.shown.jobs[JOB], 1);
    }
    company.text("3", "thanks").await;
    theo.until_unread(&company.thread, 1).await;
    assert_eq!(theo.unread(&second), Some(1), "hers was her own");
}

#[tokio::test]
async fn the_offices_inbox_is_of_what_it_was_asked_for() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    company.text("0", "before").await;
    let closed = company.start_thread("1002", CUSTOMER).await;
    close(&company.olga, &closed).await.expect("closed");
    let lead = company.start_thread("", OTHER_NUMBER).await;
    let watch = async |filter: WatchInboxRequest| InboxReader::filtered(&company.olga, filter).await;
    let default = WatchInboxRequest::default;
    let job = watch(WatchInboxRequest { job_id: JOB.into(), ..default() }).await;
    assert_eq!(job.ids(), [company.thread.as_str()]);
    let of_number = watch(WatchInboxRequest { contact_number: OTHER_NUMBER.into(), ..default() }).await;
    assert_eq!(of_number.ids(), [lead.as_str()]);
    let mut shut = watch(WatchInboxRequest { state: ThreadState::Closed.into(), ..default() }).await;
    assert_eq!(shut.ids(), [closed.as_str()]);
    let mut open = watch(WatchInboxRequest { state: ThreadState::Open.into(), ..default() }).await;
    assert_eq!(open.ids().len(), 2);
    let mut unread_only = watch(WatchInboxRequest { unread_only: true, ..default() }).await;
    assert_eq!(unread_only.ids(), [company.thread.as_str()]);

    try_text_from(&company.carrier, OTHER_NUMBER, "1", "hello").await.expect("received");
    unread_only.until("the lead", |inbox| inbox.unread(&lead) == Some(1)).await;
    reopen(&company.olga, &closed).await.expect("open");
    assert_eq!(shut.until_removed(&closed).await, chat::RemovedReason::NotInFilter);
    open.until("all three", |inbox| inbox.ids().len() == 3).await;
    close(&company.olga, &lead).await.expect("closed");
    shut.until("the lead", |inbox| inbox.ids() == [lead.as_str()]).await;
    assert_eq!(open.until_removed(&lead).await, chat::RemovedReason::NotInFilter);

    // A technician sees none that is closed, whatever they ask for.
    let closed_ones = WatchInboxRequest { state: ThreadState::Closed.into(), ..default() };
    close(&company.olga, &company.thread).await.expect("closed");
    assert_eq!(InboxReader::filtered(&company.tina, closed_ones).await.ids(), [""; 0]);
}

#[tokio::test]
async fn a_malformed_filter_is_refused() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let default = WatchInboxRequest::default;
    for bad in [
        WatchInboxRequest { job_id: "a job".into(), ..default() },
        WatchInboxRequest { contact_number: "5550100123".into(), ..default() },
        WatchInboxRequest { state: 99, ..default() },
    ] {
        assert_eq!(outcome(InboxReader::try_open(&company.olga, bad.clone()).await.map(|_| ())), "INVALID_FIELD", "{bad:?}");
    }
}
