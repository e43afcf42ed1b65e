//! A company in full swing: what its people, its customers and the gateway can do, drawn by dice.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chat::acknowledge_outbound_request::Result as Outcome;
use chat::{Accepted, Audience, DeliveryStatus, OutboundText, Rejected, TryLater};
use crewline::party::{Pair, Party};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::{AccessAfterJobEnd, JobStatus, PersonKind};
use tonic::Status;
use uuid::Uuid;

use crate::calls;
use crate::company::{CUSTOMER, Company, JOB, try_send};
use crate::dice::Dice;
use crate::gateway::{Gateway, by_provider_id, by_token, provider_id};
use crate::opting_out::text_to;
use crate::records::Records;
use crate::refusals::outcome;
use crate::running::{PATIENCE, Running};
use crate::waiting::when_known;

pub const JOBS: [&str; 3] = [JOB, "1002", "1003"];
const CONTACTS: [&str; 3] = [CUSTOMER, "+15550100777", "+15550100888"];
const BUSINESSES: [&str; 2] = ["+15550109001", "+15550109002"];
/// Those whose permissions and assignments change; Olga sees everything, always.
pub const CREW: [&str; 4] = ["tina", "theo", "vera", "otto"];
const WORDS: [&str; 8] = ["hello", "yes", "STOP", "start", "please stop by at 5", "", "on my way", "thanks"];
const MOST_THREADS: usize = 14;

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub enum Act {
    Text { contact: usize, business: usize, word: usize },
    Send { who: usize, thread: usize, id: usize },
    Note { who: usize, thread: usize, office: bool },
    Read { who: usize, thread: usize, seq: u64 },
    Unread { who: usize, thread: usize, seq: u64 },
    Start { job: usize, contact: usize },
    Close { thread: usize },
    Reopen { thread: usize },
    Move { thread: usize, job: usize, floor: bool },
    Assign { who: usize, job: usize, on: bool },
    Permit { who: usize, view: bool, full: bool },
    Active { who: usize, active: bool },
    Chat { on: bool },
    Policy { policy: AccessAfterJobEnd },
    Job { job: usize, status: JobStatus },
    Resend { who: usize, thread: usize, message: usize },
    OptOut { contact: usize, business: usize, out: bool },
    Notify { contact: usize, job: usize },
    Report { text: usize, status: DeliveryStatus, by_id: bool },
    Acknowledge { outcome: usize },
}

impl Act {
    pub fn draw(dice: &mut Dice) -> Self {
        let (who, thread, job, contact) = (dice.roll(5), dice.roll(64), dice.roll(JOBS.len() + 1), dice.roll(CONTACTS.len()));
        let (business, seq) = (dice.roll(BUSINESSES.len() + 1), dice.roll(30) as u64);
        match dice.roll(100) {
            0..14 => Self::Text { contact, business, word: dice.roll(WORDS.len()) },
            14..30 => Self::Send { who, thread, id: dice.roll(400) },
            30..35 => Self::Note { who, thread, office: dice.once_in(2) },
            35..43 => Self::Read { who, thread, seq },
            43..47 => Self::Unread { who, thread, seq: if dice.once_in(3) { 0 } else { seq } },
            47..50 => Self::Start { job, contact },
            50..53 => Self::Close { thread },
            53..56 => Self::Reopen { thread },
            56..60 => Self::Move { thread, job, floor: dice.once_in(3) },
            60..66 => Self::Assign { who: dice.roll(3), job: dice.roll(JOBS.len()), on: !dice.once_in(3) },
            66..70 => Self::Permit { who: dice.roll(CREW.len()), view: !dice.once_in(3), full: !dice.once_in(4) },
            70 => Self::Active { who: dice.roll(CREW.len()), active: !dice.once_in(4) },
            71 => Self::Chat { on: !dice.once_in(5) },
            72 => Self::Policy { policy: AccessAfterJobEnd::try_from(1 + i32::from(dice.once_in(2)) * 2).expect("one of them") },
            73 => Self::Job {
                job: dice.roll(JOBS.len()),
                status: if dice.once_in(2) { JobStatus::Completed } else { JobStatus::InProgress },
            },
            74..79 => Self::Resend { who, thread, message: dice.roll(8) },
            79..81 => Self::OptOut { contact, business, out: dice.once_in(3) },
            81..83 => Self::Notify { contact, job },
            83..89 => Self::Report {
                text: dice.roll(64),
                status: DeliveryStatus::try_from(2 + i32::try_from(dice.roll(5)).expect("small")).expect("one of them"),
                by_id: dice.once_in(2),
            },
            _ => Self::Acknowledge { outcome: dice.roll(5) },
        }
    }
}

pub struct World {
    pub company: Company,
    /// Tina, Theo and Vera, technicians; Otto and Olga of the office.
    pub people: Vec<Party>,
    records: Records,
    gateway: tokio::sync::Mutex<Gateway>,
    threads: Mutex<Vec<String>>,
    /// What was handed out, in order.
    pub taken: Mutex<Vec<OutboundText>>,
}

impl World {
    pub async fn open(running: &Running, callers: &Pair) -> Self {
        let company = Company::open(callers).await;
        let otto = company.hire(callers, PersonKind::Office, "otto", (true, true)).await;
        company.heard(company.assign_to(JOBS[1], "1", &["tina"]).await).await;
        let people = vec![company.tina.clone(), company.theo.clone(), company.vera.clone(), otto, company.olga.clone()];
        Self {
            people,
            records: Records::of(running),
            gateway: tokio::sync::Mutex::new(Gateway::open(&company.carrier).await),
            threads: Mutex::new(vec![company.thread.clone()]),
            taken: Mutex::default(),
            company,
        }
    }

    /// Does it: what came of it.
    pub async fn perform(&self, act: &Act) -> String {
        let outcome = outcome(when_known(async || self.try_perform(act).await).await);
        assert!(
            !["INTERNAL", "UNKNOWN_METHOD", "INVALID_FIELD", "ACCESS_UNKNOWN"].contains(&outcome.as_str()),
            "{act:?}: {outcome}"
        );
        outcome
    }

    async fn try_perform(&self, act: &Act) -> Result<(), Status> {
        let olga = &self.company.olga;
        let id = Uuid::new_v4().to_string();
        match *act {
            Act::Text { contact, business, word } => {
                let received = text_to(&self.company.carrier, CONTACTS[contact], number(business), WORDS[word]).await;
                self.remember(received.thread_id);
            }
            Act::Send { who, thread, id } => {
                // The ids run out: some of them stand for something else by now.
                let body = format!("message {}", id % 300);
                try_send(&self.people[who], &self.thread(thread), &format!("m{id}"), &body).await?;
            }
            Act::Note { who, thread, office } => {
                let audience = if office && who > 2 { Audience::Office } else { Audience::Crew };
                calls::note(&self.people[who], &self.thread(thread), &id, "a note", audience).await?;
            }
            Act::Read { who, thread, seq } => drop(calls::read(&self.people[who], &self.thread(thread), seq).await?),
            Act::Unread { who, thread, seq } => drop(calls::unread(&self.people[who], &self.thread(thread), seq).await?),
            Act::Start { job, contact } => {
                if self.threads.lock().expect("whole").len() < MOST_THREADS {
                    let started = calls::start(olga, job_id(job), CONTACTS[contact]).await?;
                    self.remember(started.thread.expect("a thread").thread_id);
                }
            }
            Act::Close { thread } => drop(calls::close(olga, &self.thread(thread)).await?),
            Act::Reopen { thread } => drop(calls::reopen(olga, &self.thread(thread)).await?),
            Act::Move { thread, job, floor } => {
                calls::move_to(olga, &self.thread(thread), job_id(job), floor).await?;
            }
            Act::Assign { who, job, on: true } => drop(self.company.assign_to(JOBS[job], "1", &[CREW[who]]).await),
            Act::Assign { who, job, on: false } => drop(self.company.unassign_from(JOBS[job], "1", &[CREW[who]]).await),
            Act::Permit { who, view, full } => drop(self.company.permit(CREW[who], view, full).await),
            Act::Active { who, active } => drop(self.company.set_active(CREW[who], active).await),
            Act::Chat { on } => drop(self.company.set_chat(on).await),
            Act::Policy { policy } => drop(self.company.set_policy(policy).await),
            Act::Job { job, status } => {
                let report = pb::ReportJobStatusRequest { job_id: JOBS[job].into(), status: status.into(), ..Default::default() };
                self.company.dispatch.dispatch().report_job_status(report).await?;
            }
            Act::Resend { who, thread, message } => {
                let thread = self.thread(thread);
                let messages = calls::try_messages(olga, &thread).await?;
                // One that can be, if there is one.
                let failed = messages
                    .iter()
                    .rev()
                    .find(|message| matches!(message.delivery_status(), DeliveryStatus::Failed | DeliveryStatus::Undelivered));
                if let Some(message) = failed.or_else(|| messages.iter().rev().nth(message)) {
                    calls::resend(&self.people[who], &thread, &message.message_id, &id).await?;
                }
            }
            Act::OptOut { contact, business, out } => {
                self.records.set(olga, CONTACTS[contact], number(business), out).await?;
            }
            Act::Notify { contact, job } => {
                let record = chat::RecordNotificationRequest {
                    provider: "reminders".into(),
                    provider_message_id: id,
                    contact_number: CONTACTS[contact].into(),
                    job_id: job_id(job).into(),
                    body: "we are on our way".into(),
                };
                self.company.carrier.carrier().record_notification(record).await?;
            }
            Act::Report { text, status, by_id } => self.report(text, status, by_id).await?,
            Act::Acknowledge { outcome } => drop(self.acknowledge(outcome).await),
        }
        Ok(())
    }

    async fn report(&self, text: usize, status: DeliveryStatus, by_id: bool) -> Result<(), Status> {
        let token = {
            let taken = self.taken.lock().expect("whole");
            if taken.is_empty() {
                return Ok(());
            }
            taken[text % taken.len()].token.clone()
        };
        let name = if by_id { by_provider_id(&token) } else { by_token(&token) };
        self.gateway.lock().await.report(name, status).await.map(|_| ())
    }

    /// The gateway takes a text, and says what became of it: mostly that the provider took it. Whether there was one.
    async fn acknowledge(&self, outcome: usize) -> bool {
        let mut gateway = self.gateway.lock().await;
        let Some(text) = gateway.next_within(Duration::from_millis(100)).await else { return false };
        self.taken.lock().expect("whole").push(text.clone());
        let outcome = match outcome {
            0 => Outcome::Rejected(Rejected { error: "a landline".into() }),
            1 => Outcome::TryLater(TryLater {}),
            _ => Outcome::Accepted(Accepted { provider: "test".into(), provider_message_id: provider_id(&text.token) }),
        };
        // Until it is heard: what nobody answers for is handed out again only when its lease of 30 s has run out.
        let result = chat::AcknowledgeOutboundRequest { token: text.token, result: Some(outcome) };
        self.company.carrier.acknowledge_outbound(result).await.expect("acknowledged");
        true
    }

    fn thread(&self, number: usize) -> String {
        let threads = self.threads.lock().expect("whole");
        threads[number % threads.len()].clone()
    }

    fn remember(&self, thread: String) {
        let mut threads = self.threads.lock().expect("whole");
        if !threads.contains(&thread) {
            threads.push(thread);
        }
    }

    /// The gateway takes everything that waits: however much that is, it must go on.
    pub async fn send_everything(&self) {
        let (mut fewest, mut since) = (usize::MAX, Instant::now());
        loop {
            while self.acknowledge(9).await {}
            let mut queued = 0;
            for thread in self.threads_of_the_office().await {
                let messages = self.messages(&thread.thread_id).await;
                queued += messages.iter().filter(|message| message.delivery_status() == DeliveryStatus::Queued).count();
            }
            if queued == 0 {
                return;
            }
            if queued < fewest {
                (fewest, since) = (queued, Instant::now());
            }
            assert!(since.elapsed() < PATIENCE, "{queued} texts are not handed out");
        }
    }

    /// All threads, as the office lists them.
    pub async fn threads_of_the_office(&self) -> Vec<chat::Thread> {
        let list = async || calls::try_list_all(&self.company.olga, chat::ListThreadsRequest::default()).await;
        when_known(list).await.expect("listed")
    }

    /// All messages of a thread, as the office sees them.
    async fn messages(&self, thread: &str) -> Vec<chat::Message> {
        when_known(async || calls::try_messages(&self.company.olga, thread).await).await.expect("messages")
    }

    /// Each text that was handed out is a person's, once for each sending, and what was sent once came in order.
    pub async fn assert_sent_in_order(&self) {
        let taken = self.taken.lock().expect("whole").clone();
        for thread in self.threads_of_the_office().await {
            let messages = self.messages(&thread.thread_id).await;
            let messages: BTreeMap<&str, &chat::Message> =
                messages.iter().map(|message| (message.message_id.as_str(), message)).collect();
            let mut sendings: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
            let mut firsts = Vec::new();
            for text in taken.iter().filter(|text| text.thread_id == thread.thread_id) {
                let message = messages[text.message_id.as_str()];
                assert_eq!((message.kind(), &message.body), (chat::MessageKind::Text, &text.body));
                assert_ne!(message.author.as_ref().expect("an author").kind(), chat::AuthorKind::Customer);
                let tokens = sendings.entry(message.seq).or_default();
                if !tokens.contains(&text.token.as_str()) {
                    // What failed before it went out, and was ordered again, has lost its place.
                    if message.delivery_attempt == 1 {
                        firsts.push(message.seq);
                    }
                    tokens.push(&text.token);
                }
                assert!(tokens.len() <= message.delivery_attempt as usize, "{message:?}");
            }
            assert!(firsts.is_sorted(), "{firsts:?}");
        }
    }
}

/// The last one is the gateway's own choice.
fn number(business: usize) -> &'static str {
    BUSINESSES.get(business).copied().unwrap_or_default()
}

/// The last one is none.
fn job_id(job: usize) -> &'static str {
    JOBS.get(job).copied().unwrap_or_default()
}
