//! What operators are told of a thread and of streams, and that it is written down.

use chat::StreamKind;
use crewline::party::{Pair, Party};
use crewline_api::chat::v1 as chat;
use crewline_api::errors::v1::ErrorReason;
use crewline_api::permissions::v1 as pb;
use tonic::Status;

use crate::apart::Apart;
use crate::calls::close;
use crate::company::{CUSTOMER, Company, refusal};
use crate::reader::Reader;
use crate::running::Running;
use crate::waiting::until;

pub fn operator(callers: &Pair, company: &Company) -> Party {
    callers.person("operator", "oscar", &company.tenant).expect("a token")
}

pub async fn explain(operator: &Party, thread: &str, person: &str) -> Result<chat::ExplainThreadResponse, Status> {
    let explain = chat::ExplainThreadRequest { thread_id: thread.into(), person_id: person.into(), reason: "a call".into() };
    Ok(operator.operator().explain_thread(explain).await?.into_inner())
}

async fn streams(operator: &Party, holder: &str) -> Vec<chat::OpenStream> {
    let describe = chat::DescribeStreamsRequest { holder_id: holder.into(), reason: "a call".into(), ..Default::default() };
    operator.operator().describe_streams(describe).await.expect("streams").into_inner().streams
}

async fn reads(operator: &Party) -> Vec<chat::OperatorRead> {
    operator.operator().list_operator_reads(chat::ListOperatorReadsRequest::default()).await.expect("reads").into_inner().reads
}

#[tokio::test]
async fn an_operator_is_told_why_somebody_may_see_a_thread_and_write_or_not() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let operator = operator(&callers, &company);

    for (person, read, write) in [
        ("tina", ErrorReason::Unspecified, ErrorReason::Unspecified),
        ("vera", ErrorReason::Unspecified, ErrorReason::ChatPermissionRequired),
        ("nobody", ErrorReason::PersonInactive, ErrorReason::PersonInactive),
    ] {
        let told = explain(&operator, &company.thread, person).await.expect("told");
        assert_eq!((told.read_refusal(), told.write_refusal()), (read, write), "{person}: {told:?}");
        assert_eq!(told.why.is_empty(), write == ErrorReason::Unspecified, "{person}: {told:?}");
        assert_eq!((told.job_id.as_str(), told.closed), (crate::company::JOB, false));
        let permissions = told.permissions.expect("the permissions service answers");
        let allowed = permissions.decision.expect("a decision").allowed;
        assert_eq!(allowed, read == ErrorReason::Unspecified, "{person}");
        assert!(told.lease_left.is_some_and(|left| left.seconds > 0 || left.nanos > 0), "{person}");
    }

    company.unassign("1", &["tina"]).await;
    close(&company.olga, &company.thread).await.expect("closed");
    let tina = explain(&operator, &company.thread, "tina").await.expect("told");
    assert_eq!(tina.read_refusal(), ErrorReason::ThreadNotVisible);
    assert!(tina.why.contains("job"), "{}", tina.why);
    let conditions = tina.permissions.expect("an answer").conditions;
    assert!(conditions.iter().any(|condition| condition.reason() == pb::AccessReason::NotOnJob && !condition.holds));
    let theo = explain(&operator, &company.thread, "theo").await.expect("told");
    assert_eq!((theo.read_refusal(), theo.closed), (ErrorReason::ThreadNotVisible, true));
    assert!(theo.why.contains("closed"), "{}", theo.why);
    let olga = explain(&operator, &company.thread, "olga").await.expect("told");
    assert_eq!((olga.read_refusal(), olga.write_refusal()), (ErrorReason::Unspecified, ErrorReason::ThreadClosed));
}

#[tokio::test]
async fn an_operator_is_told_that_a_node_knows_nothing_and_that_its_streams_hold() {
    let apart = Apart::start().await;
    let callers = apart.callers().await;
    let company = Company::open(&callers).await;
    let operator = operator(&callers, &company);
    let _tina = Reader::open(&company.tina, &company.thread).await;
    apart.wire.cut();
    let told = until("the lease has run out", async || {
        let told = explain(&operator, &company.thread, "tina").await.expect("told");
        (told.lease_left == Some(prost_types::Duration::default())).then_some(told)
    });
    let told = told.await;
    assert!(told.permissions.is_none() && !told.permissions_unavailable.is_empty(), "{told:?}");
    assert!(told.why.contains("does not know"), "{}", told.why);
    let holding = until("the stream holds", async || streams(&operator, "tina").await.into_iter().find(|stream| stream.holding));
    assert_eq!(holding.await.thread_id, company.thread);
    apart.wire.mend();
    until("it goes on", async || streams(&operator, "tina").await.iter().any(|stream| !stream.holding).then_some(())).await;
}

#[tokio::test]
async fn an_operator_sees_the_open_streams_of_the_tenant_and_where_they_stand() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let operator = operator(&callers, &company);
    company.text("1", "hello").await;
    let mut tina = Reader::open(&company.tina, &company.thread).await;
    tina.read_to(1).await;
    let inbox = company.olga.threads().watch_inbox(chat::WatchInboxRequest::default()).await.expect("an inbox");

    let thread = until("tina's stream has caught up", async || {
        streams(&operator, "tina").await.into_iter().find(|stream| stream.at_seq == 1 && stream.head_seq == 1)
    });
    let thread = thread.await;
    assert_eq!((thread.kind(), thread.holder_id.as_str()), (StreamKind::Thread, "tina"));
    assert_eq!(thread.thread_id, company.thread);
    assert!(thread.frames >= 2 && thread.open_time.is_some(), "{thread:?}");
    let kinds: Vec<_> = streams(&operator, "").await.iter().map(|stream| (stream.kind(), stream.holder_id.clone())).collect();
    assert_eq!(kinds, [(StreamKind::Thread, "tina".to_owned()), (StreamKind::Inbox, "olga".to_owned())]);

    drop((tina, inbox));
    until("they are gone", async || streams(&operator, "").await.is_empty().then_some(())).await;
    let elsewhere = Company::open(&callers).await;
    let _reader = Reader::open(&elsewhere.tina, &elsewhere.thread).await;
    assert_eq!(streams(&operator, "").await, [], "another tenant's");
}

#[tokio::test]
async fn what_an_operator_looks_at_is_written_down_with_the_reason_and_without_one_nothing_is_told() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let operator = operator(&callers, &company);
    company.text("1", "the gate code").await;
    let silent = chat::ExplainThreadRequest { thread_id: company.thread.clone(), person_id: "tina".into(), reason: " ".into() };
    assert_eq!(refusal(operator.operator().explain_thread(silent).await), "INVALID_FIELD");
    assert_eq!(reads(&operator).await, []);

    let told = explain(&operator, &company.thread, "tina").await.expect("told");
    streams(&operator, "tina").await;
    let unknown = explain(&operator, &company.carrier.token[..0], "tina").await;
    assert_eq!(refusal(unknown), "INVALID_FIELD");
    let reads = reads(&operator).await;
    let written: Vec<_> = reads.iter().map(|read| (read.rpc.as_str(), read.about.clone(), read.reason.as_str())).collect();
    let thread = format!("thread {} person tina", company.thread);
    assert_eq!(written, [("DescribeStreams", "streams of tina".to_owned(), "a call"), ("ExplainThread", thread, "a call"),]);
    assert!(reads.iter().all(|read| read.operator_id == "oscar" && read.read_time.is_some()));
    let answers = format!("{told:?}{reads:?}{:?}", streams(&operator, "").await);
    assert!(!answers.contains("gate code") && !answers.contains(CUSTOMER), "{answers}");
}

#[tokio::test]
async fn a_thread_of_another_tenant_does_not_exist_for_an_operator_of_this_one() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let (company, elsewhere) = (Company::open(&callers).await, Company::open(&callers).await);
    let operator = operator(&callers, &company);
    let foreign = explain(&operator, &elsewhere.thread, "tina").await;
    let missing = explain(&operator, &uuid::Uuid::now_v7().to_string(), "tina").await;
    let told =
        |result: Result<_, Status>| result.map(|_: chat::ExplainThreadResponse| ()).map_err(|status| format!("{status:?}"));
    assert_eq!(told(foreign), told(missing));
}
