//! The simulated phone, as a process of its own and beside the demo tenant.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crewline::demo_tenant::{CUSTOMER as DEMO_CUSTOMER, TENANT};
use crewline::party::{Party, until_heard};
use crewline_api::chat::v1 as chat;
use tempfile::TempDir;

use crate::company::{CUSTOMER, Company, try_send};
use crate::running::{PATIENCE, Running, command};

/// A `crewline phone`, killed when it is dropped.
struct Phone {
    child: Child,
    folder: TempDir,
}

impl Phone {
    fn start(running: &Running, arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let said = File::create(folder.path().join("said")).expect("a file");
        let mut phone = command(running.data_dir());
        phone.arg("phone").args(arguments).stdin(Stdio::piped()).stdout(said.try_clone().expect("a file")).stderr(said);
        Self { child: phone.spawn().expect("the binary"), folder }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).expect("what it said")
    }

    async fn until_said(&self, words: &str) {
        let began = Instant::now();
        while !self.said().contains(words) {
            assert!(began.elapsed() < PATIENCE, "it does not say: {words}\n{}", self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended_before = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The history, once it is as it has to be.
async fn history_when(party: &Party, thread: &str, is_so: impl Fn(&[chat::Message]) -> bool) -> Vec<chat::Message> {
    let list = chat::ListMessagesRequest { thread_id: thread.to_owned(), ..Default::default() };
    let began = Instant::now();
    loop {
        let messages = party.threads().list_messages(list.clone()).await.expect("the history").into_inner().messages;
        if is_so(&messages) {
            return messages;
        }
        assert!(began.elapsed() < PATIENCE, "{messages:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn bodies(messages: &[chat::Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}

#[tokio::test]
async fn the_phone_shows_what_is_sent_says_that_it_was_delivered_and_answers() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let phone = Phone::start(&running, &["--tenant", &company.tenant, "--answer", "All right."]);
    try_send(&company.tina, &company.thread, "m1", "In ten minutes.").await.expect("sent");
    phone.until_said("In ten minutes.").await;
    let messages = history_when(&company.tina, &company.thread, |messages| messages.len() == 2).await;
    assert_eq!(bodies(&messages), ["In ten minutes.", "All right."]);
    assert_eq!(messages[0].delivery_status(), chat::DeliveryStatus::Delivered);
}

#[tokio::test]
async fn what_is_typed_at_the_phone_is_texted_by_the_customer() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut phone = Phone::start(&running, &["--tenant", &company.tenant, "--number", CUSTOMER]);
    let mut keys = phone.child.stdin.take().expect("its standard input");
    writeln!(keys, "When will you be here?\n\nHello?").expect("typed");
    drop(keys);
    let messages = history_when(&company.tina, &company.thread, |messages| messages.len() == 2).await;
    assert_eq!(bodies(&messages), ["When will you be here?", "Hello?"]);
    try_send(&company.tina, &company.thread, "m1", "In ten minutes.").await.expect("sent");
    phone.until_said("In ten minutes.").await;
}

#[tokio::test]
async fn a_landline_gets_no_text() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let thread = company.start_thread("1001", "+15550100199").await;
    let phone = Phone::start(&running, &["--tenant", &company.tenant, "--answer", "All right."]);
    try_send(&company.tina, &thread, "m1", "In ten minutes.").await.expect("sent");
    phone.until_said("landline").await;
    let undelivered = |messages: &[chat::Message]| messages[0].delivery_status() == chat::DeliveryStatus::Undelivered;
    let messages = history_when(&company.tina, &thread, undelivered).await;
    assert_eq!((messages.len(), messages[0].delivery_error.is_empty()), (1, false));
}

#[tokio::test]
async fn the_phone_goes_on_when_the_services_were_away() {
    let mut running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let phone = Phone::start(&running, &["--tenant", &company.tenant]);
    try_send(&company.tina, &company.thread, "m1", "before").await.expect("sent");
    phone.until_said("before").await;
    running.kill();
    phone.until_said("trying again").await;
    running.restart().await;
    until_heard(async || try_send(&company.tina, &company.thread, "m2", "after").await).await.expect("sent");
    phone.until_said("after").await;
    assert_eq!(phone.said().matches("before").count(), 1, "{}", phone.said());
}

#[tokio::test]
async fn a_phone_for_a_tenant_that_is_not_there_says_what_to_do() {
    let running = Running::pair().await;
    let mut phone = Phone::start(&running, &["--tenant", "nobody"]);
    phone.until_said("--tenant").await;
    assert!(!phone.child.wait().expect("ended").success());
    assert!(phone.said().contains("TENANT_NOT_ALLOWED") && phone.said().contains("crewline serve"), "{}", phone.said());
}

#[tokio::test]
async fn the_demo_tenant_has_a_phone_that_answers_the_first_text_of_a_thread_once() {
    let mut running = Running::start("all", &[("CREWLINE_DEMO_TENANT", "true")]).await;
    running.until_logged("Watch the thread as the technician").await;
    let tina = running.callers().await.person("technician", "tina", TENANT).expect("a token");
    let list = chat::ListThreadsRequest::default();
    let threads = tina.threads().list_threads(list).await.expect("threads").into_inner().threads;
    let thread = &threads.first().expect("the thread").thread_id;
    try_send(&tina, thread, "m1", "In ten minutes.").await.expect("sent");
    history_when(&tina, thread, |messages| messages.len() == 2).await;
    running.until_logged(&format!("phone {DEMO_CUSTOMER} <- In ten minutes.")).await;
    running.kill();
    running.restart().await;

    let delivered = |messages: &[chat::Message]| {
        messages.last().is_some_and(|last| last.delivery_status() == chat::DeliveryStatus::Delivered)
    };
    until_heard(async || try_send(&tina, thread, "m2", "Now.").await).await.expect("sent");
    let messages = history_when(&tina, thread, delivered).await;
    assert_eq!(bodies(&messages), ["In ten minutes.", "simulated phone: got it", "Now."]);
}
