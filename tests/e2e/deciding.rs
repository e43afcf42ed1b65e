//! The decision table: who may see and answer which thread, and why not; the permissions service says the same.

use crewline::demo::office::{create_person, set_permissions};
use crewline::party::{Pair, Party};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::{AccessReason, Permission};
use uuid::Uuid;

use crate::checking::decision;
use crate::company::{Company, JOB, try_send};
use crate::reader::Reader;
use crate::refusals::outcome;
use crate::running::Running;

const OK: &str = "OK";
const CHAT_DISABLED: &str = "CHAT_DISABLED";
const NEEDS_PERMISSION: &str = "CHAT_PERMISSION_REQUIRED";
const NOT_VISIBLE: &str = "THREAD_NOT_VISIBLE";

/// The ways to hold the two permissions: name, view, full.
const HELD: [(&str, bool, bool); 4] =
    [("none", false, false), ("view", true, false), ("full", false, true), ("both", true, true)];
const PRESENCE: [&str; 3] = ["on", "off", "removed"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    None,
    View,
    Full,
}

fn level(view: bool, full: bool) -> Level {
    match (view, full) {
        (_, true) => Level::Full,
        (true, false) => Level::View,
        (false, false) => Level::None,
    }
}

/// What comes of reading and sending by a technician. `theirs`: the thread exists, is of a job, and they are on the job.
fn technician(chat: bool, level: Level, theirs: bool) -> [&'static str; 2] {
    match (chat, level, theirs) {
        (false, _, _) => [CHAT_DISABLED, CHAT_DISABLED],
        (true, Level::None, _) => [NEEDS_PERMISSION, NEEDS_PERMISSION],
        (true, Level::View, true) => [OK, NEEDS_PERMISSION],
        (true, Level::View, false) => [NOT_VISIBLE, NEEDS_PERMISSION],
        (true, Level::Full, true) => [OK, OK],
        (true, Level::Full, false) => [NOT_VISIBLE, NOT_VISIBLE],
    }
}

/// What comes of reading, sending and starting by somebody of the office.
fn office(chat: bool, level: Level, exists: bool) -> [&'static str; 3] {
    let read = match (level, exists) {
        (Level::None, _) => NEEDS_PERMISSION,
        (_, true) => OK,
        (_, false) => NOT_VISIBLE,
    };
    match (chat, level) {
        (false, _) => [read, CHAT_DISABLED, CHAT_DISABLED],
        (true, Level::None | Level::View) => [read, NEEDS_PERMISSION, NEEDS_PERMISSION],
        (true, Level::Full) => [read, read, OK],
    }
}

/// The threads to try: the job's, one of the office alone, and one that is not there.
async fn threads(company: &Company) -> [(&'static str, String); 3] {
    let of_the_office = company.start_thread("", "+15550100777").await;
    [("the job's", company.thread.clone()), ("the office's", of_the_office), ("none", Uuid::new_v4().to_string())]
}

/// What comes of reading, in each of the three ways, which must agree, and of sending.
async fn read_and_send(party: &Party, thread: &str) -> [String; 2] {
    let get = chat::GetThreadRequest { thread_id: thread.to_owned() };
    let read = outcome(party.threads().get_thread(get).await);
    let list = chat::ListMessagesRequest { thread_id: thread.to_owned(), ..Default::default() };
    assert_eq!(outcome(party.threads().list_messages(list).await), read, "ListMessages, as GetThread");
    let position = chat::watch_thread_request::Position::AfterSeq(0);
    let watched = match Reader::try_open_at(party, thread, position).await {
        Ok(mut reader) => outcome(reader.frame().await),
        Err(status) => outcome(Err::<(), _>(status)),
    };
    assert_eq!(watched, read, "WatchThread, as GetThread");
    [read, outcome(try_send(party, thread, &Uuid::new_v4().to_string(), "hello").await)]
}

async fn start(party: &Party, contact: &str) -> String {
    let start = chat::StartThreadRequest { job_id: JOB.into(), contact_number: contact.into(), ..Default::default() };
    outcome(party.threads().start_thread(start).await)
}

/// What the permissions service says of reading and replying, in the words of the chat service.
async fn checks(enforce: &Party, person: &str, job: &str) -> [&'static str; 2] {
    let in_words = |reason| match reason {
        AccessReason::Allowed => OK,
        AccessReason::ChatDisabled => CHAT_DISABLED,
        AccessReason::LevelTooLow => NEEDS_PERMISSION,
        AccessReason::NotOnJob => NOT_VISIBLE,
        other => panic!("{other:?}"),
    };
    [
        in_words(decision(enforce, person, job, Permission::ViewCustomerChats).await),
        in_words(decision(enforce, person, job, Permission::AllowFullAccessToCustomerChats).await),
    ]
}

async fn add(company: &Company, id: &str, kind: pb::PersonKind, (view, full): (bool, bool)) {
    create_person(&company.admin, id, id, kind).await.expect("a person");
    set_permissions(&company.admin, id, view, full).await.expect("permissions");
}

/// A technician for each way to hold the permissions and to be on the job.
async fn technicians(company: &Company, callers: &Pair) -> Vec<(Party, String, Level, bool)> {
    let mut everybody = Vec::new();
    let mut on: Vec<String> = Vec::new();
    for (held, view, full) in HELD {
        for presence in PRESENCE {
            let id = format!("{held}-{presence}");
            add(company, &id, pb::PersonKind::Technician, (view, full)).await;
            let party = callers.person("technician", &id, &company.tenant).expect("a token");
            everybody.push((party, id.clone(), level(view, full), presence == "on"));
            if presence != "off" {
                on.push(id);
            }
        }
    }
    let on: Vec<&str> = on.iter().map(String::as_str).collect();
    company.assign("1", &on).await;
    let removed: Vec<&str> = on.iter().copied().filter(|id| id.ends_with("removed")).collect();
    company.unassign("1", &removed).await;
    everybody
}

#[tokio::test]
async fn the_decision_table_holds_for_technicians() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let enforce = callers.service("enforce", &company.tenant).expect("a token");
    let technicians = technicians(&company, &callers).await;
    let threads = threads(&company).await;
    for chat in [false, true] {
        company.heard(company.set_chat(chat).await).await;
        for (party, id, level, on_job) in &technicians {
            for (name, thread) in &threads {
                let theirs = *on_job && *name == "the job's";
                let expected = technician(chat, *level, theirs);
                assert_eq!(read_and_send(party, thread).await, expected, "chat {chat}, {id}, thread {name}");
            }
            assert_eq!(start(party, "+15550100555").await, "CALLER_NOT_ALLOWED", "technicians cannot initiate");
            let expected = technician(chat, *level, *on_job);
            assert_eq!(checks(&enforce, id, JOB).await, expected, "chat {chat}, {id}, checked");
        }
    }
    let open = company.start_thread(JOB, "+15550100555").await;
    assert!(!open.is_empty(), "no thread had appeared for the number");
}

#[tokio::test]
async fn the_decision_table_holds_for_the_office() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let enforce = callers.service("enforce", &company.tenant).expect("a token");
    let mut everybody = Vec::new();
    for (held, view, full) in HELD {
        add(&company, held, pb::PersonKind::Office, (view, full)).await;
        let party = callers.person("office", held, &company.tenant).expect("a token");
        everybody.push((party, held, level(view, full)));
    }
    let threads = threads(&company).await;
    for chat in [true, false] {
        company.heard(company.set_chat(chat).await).await;
        for (index, (party, id, level)) in everybody.iter().enumerate() {
            for (name, thread) in &threads {
                let [read, send, _] = office(chat, *level, *name != "none");
                assert_eq!(read_and_send(party, thread).await, [read, send], "chat {chat}, {id}, thread {name}");
            }
            let [read, send, start_expected] = office(chat, *level, true);
            assert_eq!(start(party, &format!("+1555010060{index}")).await, start_expected, "chat {chat}, {id} starts");
            for job in [JOB, ""] {
                assert_eq!(checks(&enforce, id, job).await, [read, send], "chat {chat}, {id}, checked");
            }
        }
    }
}
