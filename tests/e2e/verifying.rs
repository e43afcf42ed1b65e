//! `crewline verify`: finds what does not follow from the events, names it, and says what to do.

use std::process::Output;

use ::chat::store::entities::{messages, outbound, thread_events, threads};
use chat::{Audience, DeliveryStatus};
use crewline_api::chat::v1 as chat;
use futures_util::{StreamExt, stream};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IntoActiveModel};

use crate::calls;
use crate::company::{CUSTOMER, Company, try_send};
use crate::gateway::{Gateway, by_token};
use crate::running::Running;

const MANY: usize = 2_000;
const WRITERS: usize = 8;
const LOOKS: usize = 5;
const SOUND: &str = "all that is kept follows from them.";

/// What each kind of damage is, and what is said of it after the thread's name.
const DAMAGES: [(&str, &str); 31] = [
    ("UPDATE messages SET body = 'hallo' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET author_name = 'Theo' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET author_id = 'theo' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET author_kind = 'office' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET created_at = created_at + 1 WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET kind = 'note' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET audience = 'office' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET attachments = '[\"a\"]' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET inbound_count = 7 WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET delivery_status = 'delivered' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET delivery_error = 'none' WHERE seq = 1", "message 1 differs"),
    ("UPDATE messages SET delivery_attempt = 7 WHERE seq = 1", "message 1 differs"),
    ("DELETE FROM messages WHERE seq = 1", "message 1 is missing"),
    ("UPDATE threads SET head_seq = head_seq + 1", "threads.head differs"),
    ("UPDATE threads SET head_tag = head_tag + 1", "threads.head differs"),
    ("UPDATE threads SET crew_seq = crew_seq - 1", "threads.crew differs"),
    ("UPDATE threads SET crew_tag = crew_tag + 1", "threads.crew differs"),
    ("UPDATE threads SET state = 'closed'", "threads.state differs"),
    ("UPDATE threads SET open_key = NULL", "threads.open_key differs"),
    ("UPDATE threads SET closed_at = closed_at + 1", "threads.closed_at differs"),
    ("UPDATE threads SET job_id = '1003'", "threads.job_id differs"),
    ("UPDATE threads SET crew_floor_seq = 1", "threads.crew_floor_seq differs"),
    ("UPDATE threads SET crew_floor_inbound = 7", "threads.crew_floor_inbound differs"),
    ("UPDATE threads SET inbound_count = inbound_count + 1", "threads.inbound_count differs"),
    ("UPDATE threads SET last_message_seq = 1", "threads.last_message_seq differs"),
    ("UPDATE threads SET crew_last_message_seq = 1", "threads.crew_last_message_seq differs"),
    ("UPDATE outbound SET attempt = 7 WHERE seq = 1", "text out TOKEN differs"),
    ("UPDATE outbound SET waiting = TRUE WHERE seq = 1", "text out TOKEN differs"),
    ("DELETE FROM outbound WHERE seq = 1", "text out TOKEN is missing"),
    ("UPDATE thread_events SET payload = replace(payload, 'hello', 'hallo') WHERE seq = 1", "message 1 differs"),
    ("UPDATE thread_events SET crew_prev_tag = crew_prev_tag + 1 WHERE seq = 2", "event 2 names other predecessors than it has"),
];

/// Everything that is compared.
struct Rows {
    thread: threads::Model,
    events: Vec<thread_events::Model>,
    messages: Vec<messages::Model>,
    outbound: Vec<outbound::Model>,
}

impl Rows {
    async fn read(database: &DatabaseConnection) -> Self {
        Self {
            thread: threads::Entity::find().one(database).await.expect("threads").expect("a thread"),
            events: thread_events::Entity::find().all(database).await.expect("events"),
            messages: messages::Entity::find().all(database).await.expect("messages"),
            outbound: outbound::Entity::find().all(database).await.expect("texts out"),
        }
    }

    /// Puts everything back as it was.
    async fn restore(&self, database: &DatabaseConnection) {
        let thread = self.thread.clone().into_active_model().reset_all();
        threads::Entity::update(thread).exec(database).await.expect("updated");
        replace::<thread_events::Entity, _>(database, &self.events).await;
        replace::<messages::Entity, _>(database, &self.messages).await;
        replace::<outbound::Entity, _>(database, &self.outbound).await;
    }
}

async fn replace<E, A>(database: &DatabaseConnection, rows: &[E::Model])
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = E>,
{
    E::delete_many().exec(database).await.expect("deleted");
    E::insert_many(rows.iter().cloned().map(IntoActiveModel::into_active_model))
        .exec_without_returning(database)
        .await
        .expect("inserted");
}

/// One thread with something of each kind.
async fn converse(company: &Company) -> String {
    let mut gateway = Gateway::open(&company.carrier).await;
    try_send(&company.tina, &company.thread, "1", "hello").await.expect("sent");
    let sent = gateway.accept_next().await;
    gateway.report(by_token(&sent.token), DeliveryStatus::Sent).await.expect("taken");
    company.text("first", "good morning").await;
    calls::note(&company.olga, &company.thread, "2", "a difficult one", Audience::Office).await.expect("noted");
    calls::close(&company.olga, &company.thread).await.expect("closed");
    calls::reopen(&company.olga, &company.thread).await.expect("opened");
    calls::move_to(&company.olga, &company.thread, "1002", true).await.expect("moved");
    let failed = try_send(&company.olga, &company.thread, "3", "on our way").await.expect("sent").message.expect("a message");
    gateway.reject_next("a landline").await;
    calls::resend(&company.olga, &company.thread, &failed.message_id, "4").await.expect("ordered");
    calls::note(&company.olga, &company.thread, "5", "a landline", Audience::Office).await.expect("noted");
    sent.token
}

fn assert_sound(verified: &Output, threads: u64) {
    let told = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{told}{}", String::from_utf8_lossy(&verified.stderr));
    assert!(told.starts_with(&format!("{threads} threads with ")) && told.trim_end().ends_with(SOUND), "{told}");
}

fn findings(verified: &Output) -> Vec<String> {
    let (told, advice) = (String::from_utf8_lossy(&verified.stdout), String::from_utf8_lossy(&verified.stderr));
    assert_eq!(verified.status.code(), Some(1), "{told}{advice}");
    assert!(advice.contains("keep a copy") && advice.contains("restore the last backup that verifies"), "{advice}");
    assert!(!told.contains(SOUND) && !told.contains(CUSTOMER) && !told.contains("hello"), "{told}");
    told.lines().map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_good_database_is_found_so_while_it_is_used_after_a_kill_and_when_it_has_ended() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    converse(&company).await;
    company.start_thread("1003", "+15550100777").await;
    assert_sound(&running.verify().await, 2);

    // So many that looking at them takes a while, in which others come.
    let write = async |number: usize| drop(company.text(&number.to_string(), "good morning").await);
    stream::iter(0..MANY).for_each_concurrent(WRITERS, write).await;
    let writers = stream::iter(MANY..).for_each_concurrent(WRITERS, write);
    let looks = async {
        for _ in 0..LOOKS {
            assert_sound(&running.verify().await, 2);
        }
    };
    tokio::select! {
        () = writers => unreachable!("they do not end"),
        () = looks => {}
    }
    running.kill();
    assert_sound(&running.verify().await, 2);
    running.restart().await;
    assert!(running.terminate().await.success());
    assert_sound(&running.verify().await, 2);
}

#[tokio::test]
async fn each_damage_is_found_and_named_and_what_to_do_is_told() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let token = converse(&company).await;
    running.kill();
    let database = running.chat_database().await;
    let rows = Rows::read(&database).await;
    assert_sound(&running.verify().await, 1);
    for (damage, finding) in DAMAGES {
        let done = database.execute_unprepared(damage).await.unwrap_or_else(|error| panic!("{damage}: {error}"));
        assert_eq!(done.rows_affected(), 1, "{damage}");
        let expected = format!("tenant {}, thread {}: {}", company.tenant, company.thread, finding.replace("TOKEN", &token));
        assert_eq!(findings(&running.verify().await), [expected], "{damage}");
        rows.restore(&database).await;
    }
    assert_sound(&running.verify().await, 1);
}

#[tokio::test]
async fn what_is_in_no_event_any_more_is_found_with_all_that_it_takes_along() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let token = converse(&company).await;
    running.kill();
    let database = running.chat_database().await;
    let rows = Rows::read(&database).await;
    for (damage, expected) in [
        (
            "DELETE FROM thread_events WHERE seq = 1",
            vec![
                "event 2 follows 0".to_owned(),
                "message 1 is in no event".to_owned(),
                format!("text out {token} is in no event"),
            ],
        ),
        ("DELETE FROM thread_events WHERE seq = 4", vec!["event 5 follows 3".to_owned(), "message 4 is in no event".to_owned()]),
    ] {
        let done = database.execute_unprepared(damage).await.unwrap_or_else(|error| panic!("{damage}: {error}"));
        assert_eq!(done.rows_affected(), 1, "{damage}");
        let found = findings(&running.verify().await);
        for finding in expected {
            let finding = format!("tenant {}, thread {}: {finding}", company.tenant, company.thread);
            assert!(found.contains(&finding), "{damage}: {found:?} has no {finding}");
        }
        rows.restore(&database).await;
    }
}

#[tokio::test]
async fn where_there_is_no_database_it_says_how_to_name_one() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let verify = crate::running::command(folder.path()).arg("verify").output().expect("the binary");
    assert_eq!(verify.status.code(), Some(1));
    let advice = String::from_utf8_lossy(&verify.stderr);
    assert!(advice.contains("--data-dir") && advice.contains("chat.database_url"), "{advice}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is made");
}
