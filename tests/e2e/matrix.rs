//! The whole decision table: every call in every state of chat, permissions, assignment and thread, against an oracle of its own.

use Call::{Attachment, Close, Get, History, List, MarkRead, MarkUnread, Move, Note, Reopen, Resend, Send, Start, Stream, Type};
use State::{Closed, Missing, Open};
use chat::ListThreadsRequest;
use crewline::party::{Pair, Party};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1::PersonKind;
use uuid::Uuid;

use crate::calls;
use crate::company::{CUSTOMER, Company, JOB, try_send};
use crate::reader::Reader;
use crate::refusals::outcome;
use crate::running::Running;

const LEVELS: [(&str, (bool, bool)); 4] =
    [("none", (false, false)), ("view", (true, false)), ("full", (false, true)), ("both", (true, true))];
/// The job of the closed thread, and the one without any.
const CLOSED_JOB: &str = "1002";
const EMPTY_JOB: &str = "1003";

const NOT_CALLER: &str = "CALLER_NOT_ALLOWED";
const DISABLED: &str = "CHAT_DISABLED";
const LEVEL: &str = "CHAT_PERMISSION_REQUIRED";
const NOT_VISIBLE: &str = "THREAD_NOT_VISIBLE";
/// Of a message that is not there: the call itself was allowed.
const NO_MESSAGE: &str = "RESOURCE_NOT_FOUND";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    List,
    Get,
    History,
    Stream,
    MarkRead,
    MarkUnread,
    Attachment,
    Send,
    Note,
    Resend,
    Type,
    Start,
    Close,
    Reopen,
    Move,
}

const READS: [Call; 7] = [List, Get, History, Stream, MarkRead, MarkUnread, Attachment];
const WRITES: [Call; 4] = [Send, Note, Resend, Type];
const OFFICES: [Call; 4] = [Start, Close, Reopen, Move];

/// 0: nothing; 1: view; 2: full.
fn level((view, full): (bool, bool)) -> u8 {
    if full { 2 } else { u8::from(view) }
}

/// What a call says that nothing forbids.
fn allowed(call: Call) -> &'static str {
    match call {
        List => "1 listed",
        Attachment | Resend => NO_MESSAGE,
        _ => "OK",
    }
}

fn technician(chat: bool, level: u8, on_job: bool, state: State, call: Call) -> &'static str {
    if OFFICES.contains(&call) {
        return NOT_CALLER;
    }
    if !chat {
        return DISABLED;
    }
    if level < if READS.contains(&call) { 1 } else { 2 } {
        return LEVEL;
    }
    match (on_job && state == Open, call) {
        (true, call) => allowed(call),
        (false, List) => "0 listed",
        (false, _) => NOT_VISIBLE,
    }
}

fn office(chat: bool, level: u8, state: State, call: Call) -> &'static str {
    let reads = READS.contains(&call);
    if !chat && !reads {
        return DISABLED;
    }
    if level < if reads { 1 } else { 2 } {
        return LEVEL;
    }
    match (state, call) {
        (Missing, List) => "0 listed",
        (Missing, _) => NOT_VISIBLE,
        (Closed, Send | Note | Resend | Move) => "THREAD_CLOSED",
        (Open, Start) => "OPEN_THREAD_EXISTS",
        (_, call) => allowed(call),
    }
}

struct Place {
    state: State,
    job: &'static str,
    thread: String,
}

/// An open thread, a closed one and none, each of a job of its own.
async fn places(company: &Company) -> [Place; 3] {
    let closed = company.start_thread(CLOSED_JOB, CUSTOMER).await;
    calls::close(&company.olga, &closed).await.expect("closed");
    [
        Place { state: Open, job: JOB, thread: company.thread.clone() },
        Place { state: Closed, job: CLOSED_JOB, thread: closed },
        Place { state: Missing, job: EMPTY_JOB, thread: Uuid::new_v4().to_string() },
    ]
}

/// What comes of a call.
async fn call(party: &Party, place: &Place, call: Call) -> String {
    let (thread, id) = (place.thread.as_str(), Uuid::new_v4().to_string());
    match call {
        List => match calls::list(party, ListThreadsRequest { job_id: place.job.into(), ..Default::default() }).await {
            Ok(listed) => format!("{} listed", listed.threads.len()),
            Err(status) => outcome(Err::<(), _>(status)),
        },
        Get => outcome(calls::get(party, thread).await),
        History => outcome(calls::try_messages(party, thread).await),
        Stream => match Reader::try_open_at(party, thread, chat::watch_thread_request::Position::AfterSeq(0)).await {
            Ok(mut reader) => outcome(reader.frame().await),
            Err(status) => outcome(Err::<(), _>(status)),
        },
        MarkRead => outcome(calls::read(party, thread, 1).await),
        MarkUnread => outcome(calls::unread(party, thread, 0).await),
        Attachment => outcome(calls::attachment(party, thread, &id, "photo").await),
        Send => outcome(try_send(party, thread, &id, "hello").await),
        Note => outcome(calls::note(party, thread, &id, "hello", chat::Audience::Crew).await),
        Resend => outcome(calls::resend(party, thread, &id, &id).await),
        Type => outcome(calls::set_typing(party, thread, false).await),
        Start => outcome(calls::start(party, place.job, CUSTOMER).await),
        Close => outcome(calls::close(party, thread).await),
        Reopen => outcome(calls::reopen(party, thread).await),
        Move => outcome(calls::move_to(party, thread, "1004", false).await),
    }
}

/// Puts a thread back as it was.
async fn restore(company: &Company, place: &Place) {
    match place.state {
        Open => {
            calls::reopen(&company.olga, &place.thread).await.expect("open");
            if calls::seen(&company.olga, &place.thread).await.job_id != place.job {
                calls::move_to(&company.olga, &place.thread, place.job, false).await.expect("moved back");
            }
        }
        Closed => drop(calls::close(&company.olga, &place.thread).await.expect("closed")),
        Missing => {}
    }
}

/// A technician for each way to hold the permissions and to be on the jobs: on them, never on them, removed.
async fn technicians(company: &Company, callers: &Pair) -> Vec<(Party, String, u8, bool)> {
    let mut everybody = Vec::new();
    for (held, permissions) in LEVELS {
        for presence in ["on", "never", "removed"] {
            let id = format!("{held}-{presence}");
            let party = company.hire(callers, PersonKind::Technician, &id, permissions).await;
            everybody.push((party, id, level(permissions), presence == "on"));
        }
    }
    let with = |word: &str| everybody.iter().map(|(_, id, ..)| id.as_str()).filter(|id| id.ends_with(word)).collect::<Vec<_>>();
    for job in [JOB, CLOSED_JOB, EMPTY_JOB] {
        company.assign_to(job, "1", &with("on")).await;
        company.assign_to(job, "1", &with("removed")).await;
        company.heard(company.unassign_from(job, "1", &with("removed")).await).await;
    }
    everybody
}

#[tokio::test]
async fn the_whole_matrix_holds_for_technicians() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let places = places(&company).await;
    let technicians = technicians(&company, &callers).await;
    let started = calls::list_all(&company.olga).await.len();
    for chat in [true, false] {
        company.heard(company.set_chat(chat).await).await;
        for (party, id, level, on_job) in &technicians {
            for place in &places {
                for one in READS.into_iter().chain(WRITES).chain(OFFICES) {
                    let expected = technician(chat, *level, *on_job, place.state, one);
                    assert_eq!(call(party, place, one).await, expected, "{one:?} with chat {chat} by {id}, {:?}", place.state);
                }
            }
        }
    }
    assert_eq!(calls::list_all(&company.olga).await.len(), started, "no thread has appeared");
}

#[tokio::test]
async fn the_whole_matrix_holds_for_the_office() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let places = places(&company).await;
    let mut everybody = Vec::new();
    for (held, permissions) in LEVELS {
        everybody.push((company.hire(&callers, PersonKind::Office, held, permissions).await, held, level(permissions)));
    }
    for chat in [true, false] {
        company.heard(company.set_chat(chat).await).await;
        for (party, id, level) in &everybody {
            for place in &places {
                let left_out = match place.state {
                    Open => None,
                    // Whether the office may announce a reply to a closed thread is left open.
                    Closed => Some(Type),
                    // It would no longer be missing.
                    Missing => Some(Start),
                };
                for one in READS.into_iter().chain(WRITES).chain(OFFICES).filter(|one| Some(*one) != left_out) {
                    let (expected, told) = (office(chat, *level, place.state, one), call(party, place, one).await);
                    assert_eq!(told, expected, "{one:?} with chat {chat} by {id}, {:?}", place.state);
                    if told == "OK" && OFFICES.contains(&one) {
                        restore(&company, place).await;
                    }
                }
            }
        }
    }
}
