//! Many at once: of one key one thread is open, and of one text one message is made, however they meet.

use std::collections::BTreeSet;

use chat::ThreadState;
use crewline_api::chat::v1 as chat;
use futures_util::future::join_all;

use crate::calls::{close, list_all, move_to, read, reopen, seen, start, try_messages, unread};
use crate::company::{CUSTOMER, Company, JOB, try_send, try_text_from};
use crate::gateway::Gateway;
use crate::refusals::outcome;
use crate::running::Running;

const NUMBER: &str = "+15550100777";

/// How many calls were let through; the others were refused for this reason.
fn successes(outcomes: &[String], refusal: &str) -> usize {
    assert!(outcomes.iter().all(|outcome| outcome == "OK" || outcome == refusal), "{outcomes:?}");
    outcomes.iter().filter(|outcome| *outcome == "OK").count()
}

#[tokio::test]
async fn of_many_who_start_open_or_move_threads_of_one_key_one_does() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let exists = "OPEN_THREAD_EXISTS";
    let starts = join_all((0..20).map(|_| async { outcome(start(&company.olga, JOB, NUMBER).await) })).await;
    assert_eq!(successes(&starts, exists), 1);

    // Several closed ones of one key.
    let mut threads = Vec::new();
    for job in 2_000..2_008 {
        threads.push(company.start_thread(&job.to_string(), NUMBER).await);
    }
    let moves =
        join_all(threads.iter().map(|thread| async { outcome(move_to(&company.olga, thread, "3000", false).await) })).await;
    assert_eq!(successes(&moves, exists), 1);
    for thread in &threads {
        if seen(&company.olga, thread).await.job_id != "3000" {
            continue;
        }
        close(&company.olga, thread).await.expect("closed");
    }
    for thread in &threads {
        if seen(&company.olga, thread).await.job_id != "3000" {
            move_to(&company.olga, thread, "3000", false).await.expect("moved");
            close(&company.olga, thread).await.expect("closed");
        }
    }
    let reopens = join_all(threads.iter().map(|thread| async { outcome(reopen(&company.olga, thread).await) })).await;
    assert_eq!(successes(&reopens, exists), 1);
}

#[tokio::test]
async fn many_texts_of_an_unknown_number_start_one_thread() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let ids: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    let received = join_all(ids.iter().map(|id| try_text_from(&company.carrier, NUMBER, id, "hello"))).await;
    let threads: BTreeSet<String> = received.into_iter().map(|received| received.expect("received").thread_id).collect();
    assert_eq!(threads.len(), 1);
    assert_eq!(list_all(&company.olga).await.len(), 2);
    let thread = threads.first().expect("one");
    let seqs: Vec<u64> = try_messages(&company.olga, thread).await.expect("seen").iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn texts_that_meet_closing_and_opening_are_all_kept_and_counted() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let texts = async {
        for number in 0..40 {
            try_text_from(&company.carrier, CUSTOMER, &number.to_string(), &number.to_string()).await.expect("received");
        }
    };
    let flips = async {
        for _ in 0..20 {
            close(&company.olga, &company.thread).await.expect("closed");
            tokio::task::yield_now().await;
            reopen(&company.olga, &company.thread).await.expect("open");
        }
    };
    let reads = async {
        for number in 0..20 {
            read(&company.olga, &company.thread, number).await.expect("read");
            unread(&company.olga, &company.thread, number).await.expect("marked");
        }
    };
    tokio::join!(texts, flips, reads);
    assert_eq!(company.messages().await.len(), 40, "all in the one thread");
    let thread = seen(&company.theo, &company.thread).await;
    assert_eq!((thread.state(), thread.unread_count), (ThreadState::Open, 40));
    assert_eq!(read(&company.olga, &company.thread, u64::MAX).await.expect("read").0, 0);
}

#[tokio::test]
async fn two_gateways_share_the_texts_and_none_goes_to_both() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateways = [Gateway::open(&company.carrier).await, Gateway::open(&company.carrier).await];
    let mut threads = vec![company.thread.clone()];
    for number in 0..9 {
        threads.push(company.start_thread(JOB, &format!("+1555010020{number}")).await);
    }
    let sends = threads.iter().flat_map(|thread| (0..4).map(move |number| (thread, number.to_string())));
    let sends: Vec<(&String, String)> = sends.collect();
    for sent in join_all(sends.iter().map(|(thread, id)| try_send(&company.olga, thread, id, id))).await {
        sent.expect("sent");
    }
    let [first, second] = &mut gateways;
    let mut taken: Vec<chat::OutboundText> = Vec::new();
    while taken.len() < 40 {
        let text = tokio::select! { text = first.next() => text, text = second.next() => text };
        assert_eq!(text.hand_outs, 1);
        first.accept(&text).await;
        taken.push(text);
    }
    let tokens: BTreeSet<&str> = taken.iter().map(|text| text.token.as_str()).collect();
    assert_eq!(tokens.len(), 40);
    for thread in &threads {
        let bodies: Vec<&str> = taken.iter().filter(|text| text.thread_id == *thread).map(|text| text.body.as_str()).collect();
        let written = try_messages(&company.olga, thread).await.expect("seen");
        assert_eq!(bodies, crate::calls::bodies(&written), "in order");
    }
}

#[tokio::test]
async fn who_sends_and_reads_a_thread_at_once_for_the_first_time_does_both() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut threads = Vec::new();
    for number in 0..40 {
        threads.push(company.start_thread(JOB, &format!("+1555030{number:04}")).await);
    }
    let both = threads.iter().map(async |thread| {
        let (sent, read) = tokio::join!(try_send(&company.tina, thread, "1", "hello"), read(&company.tina, thread, 1));
        sent.expect("sent");
        read.expect("read");
    });
    join_all(both).await;
}
