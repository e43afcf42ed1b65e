//! A hundred calls at once with one key do once what one of them says, and all of them hear of it.

use std::collections::BTreeSet;

use chat::{ReceiveMessageResponse, ThreadState};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use futures_util::future::join_all;
use tonic::Status;
use tonic_types::StatusExt;

use crate::calls::{list_all, resend, start};
use crate::company::{Company, JOB, try_send, try_text};
use crate::gateway::Gateway;
use crate::refusals::reason_of;
use crate::running::Running;

const TIMES: usize = 100;
const CONNECTIONS: usize = 4;
const OTHER_NUMBER: &str = "+15550100777";

/// Makes the same call a hundred times, at once and on several connections.
async fn at_once<T>(parties: &[Party], call: impl AsyncFn(&Party) -> Result<T, Status>) -> Vec<Result<T, Status>> {
    join_all(parties.iter().cycle().take(TIMES).map(|party| call(party))).await
}

async fn on_connections(running: &Running, company: &Company, kind: &str, id: &str) -> Vec<Party> {
    let mut parties = Vec::new();
    for _ in 0..CONNECTIONS {
        let callers = running.callers().await;
        let party =
            if kind == "service" { callers.service(id, &company.tenant) } else { callers.person(kind, id, &company.tenant) };
        parties.push(party.expect("a token"));
    }
    parties
}

/// What all answered, but for who was first.
fn one_answer<T: PartialEq + std::fmt::Debug>(answers: Vec<Result<(T, bool), Status>>) -> T {
    let answers: Vec<(T, bool)> = answers.into_iter().map(|answer| answer.expect("settled")).collect();
    assert_eq!(answers.iter().filter(|(_, duplicate)| *duplicate).count(), TIMES - 1);
    let mut answers = answers.into_iter().map(|(answer, _)| answer);
    let first = answers.next().expect("an answer");
    answers.for_each(|answer| assert_eq!(answer, first));
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_sends_and_orders_to_send_again_are_one_message_and_one_text_each() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut gateway = Gateway::open(&company.carrier).await;
    let tinas = on_connections(&running, &company, "technician", "tina").await;
    let sends = at_once(&tinas, async |tina| {
        let sent = try_send(tina, &company.thread, "id", "hello").await?;
        // It may be on its way to the customer already when it is told again.
        Ok((sent.message.map(|message| (message.message_id, message.seq, message.body)), sent.duplicate))
    });
    let (message, ..) = one_answer(sends.await).expect("a message");
    assert_eq!(company.messages().await.len(), 1);
    let text = gateway.reject_next("no").await;
    assert_eq!((&text.message_id, text.hand_outs), (&message, 1));

    let orders = at_once(&tinas, async |tina| {
        let ordered = resend(tina, &company.thread, &message, "again").await?;
        Ok((ordered.message.map(|message| (message.message_id, message.delivery_attempt)), ordered.duplicate))
    });
    assert_eq!(one_answer(orders.await), Some((message.clone(), 2)));
    let again = gateway.accept_next().await;
    assert_ne!(again.token, text.token);
    assert_eq!((&again.message_id, again.hand_outs), (&message, 1));

    try_send(&company.tina, &company.thread, "next", "the next").await.expect("sent");
    assert_eq!(gateway.next().await.body, "the next", "nothing goes out in between");
    assert_eq!(company.messages().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_handed_in_a_hundred_times_is_one_message() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let carriers = on_connections(&running, &company, "service", "carrier").await;
    let received = at_once(&carriers, async |carrier| {
        let received = try_text(carrier, "id", "hello").await?;
        Ok((ReceiveMessageResponse { duplicate: false, ..received.clone() }, received.duplicate))
    });
    let answer = one_answer(received.await);
    assert_eq!((&answer.thread_id, answer.seq), (&company.thread, 1));
    assert_eq!(company.messages().await.len(), 1);

    // Where it starts a thread, it starts one.
    let strangers = at_once(&carriers, async |carrier| {
        let received = crate::company::try_text_from(carrier, OTHER_NUMBER, "first", "who are you?").await?;
        Ok((ReceiveMessageResponse { duplicate: false, ..received.clone() }, received.duplicate))
    });
    let answer = one_answer(strangers.await);
    let threads = list_all(&company.olga).await;
    let theirs: Vec<_> = threads.iter().filter(|thread| thread.contact_number == OTHER_NUMBER).collect();
    assert_eq!(theirs.iter().map(|thread| (&thread.thread_id, thread.head_seq)).collect::<Vec<_>>(), [(&answer.thread_id, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_is_started_a_hundred_times_at_once_is_one_and_the_others_are_told_which() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let olgas = on_connections(&running, &company, "office", "olga").await;
    let started = at_once(&olgas, async |olga| start(olga, JOB, OTHER_NUMBER).await).await;
    let (made, refused): (Vec<_>, Vec<_>) = started.into_iter().partition(Result::is_ok);
    let [Ok(made)] = made.as_slice() else { panic!("{made:?}") };
    let thread = made.thread.clone().expect("a thread").thread_id;
    let told: BTreeSet<String> = refused
        .into_iter()
        .map(|refused| {
            let status = refused.expect_err("refused");
            assert_eq!(reason_of(&status), "OPEN_THREAD_EXISTS");
            status.get_details_error_info().expect("a reason").metadata["thread_id"].clone()
        })
        .collect();
    assert_eq!(told, BTreeSet::from([thread.clone()]));
    let threads = list_all(&company.olga).await;
    let theirs: Vec<_> = threads.iter().filter(|thread| thread.contact_number == OTHER_NUMBER).collect();
    assert!(matches!(theirs.as_slice(), [only] if only.thread_id == thread && only.state() == ThreadState::Open), "{theirs:?}");
}
