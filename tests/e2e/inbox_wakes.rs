//! An update wakes the inboxes that it concerns, and no other.

use chat::WatchInboxRequest;
use crewline::demo::office::create_person;
use crewline::party::{Pair, Party};
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1::PersonKind;
use futures_util::{StreamExt, stream};

use crate::calls;
use crate::company::{Company, try_send, try_text_from};
use crate::inbox_reader::InboxReader;
use crate::metrics::Metrics;

const JOBS: usize = 500;
/// Below the limit of streams on one.
const OF_A_CONNECTION: usize = 180;
const AT_ONCE: usize = 8;
const ROUNDS: usize = 10;
const INBOX_READS: &str = "crewline_chat_inbox_reads";

/// A job of its own technician, with a thread, and the technician's inbox.
struct Desk {
    job: String,
    contact: String,
    thread: String,
    technician: Party,
    inbox: InboxReader,
    unread: u32,
}

struct Wakes {
    metrics: Metrics,
    company: Company,
    desks: Vec<Desk>,
    /// Of the office: one for everything, one for the job of the first desk.
    office: InboxReader,
    narrow: InboxReader,
    reads: u64,
}

fn job(number: usize) -> String {
    format!("j{number}")
}

fn technician(number: usize) -> String {
    format!("t{number}")
}

fn contact(number: usize) -> String {
    format!("+1555030{number:04}")
}

/// Takes a technician on, for a job of their own that has a thread. Gives the thread, and the revision of the last change.
async fn prepare(company: &Company, number: usize) -> (usize, String, u64) {
    let id = technician(number);
    create_person(&company.admin, &id, &id, PersonKind::Technician).await.expect("a person");
    company.permit(&id, true, true).await;
    let revision = company.assign_to(&job(number), "1", &[&id]).await;
    (number, company.start_thread(&job(number), &contact(number)).await, revision)
}

impl Desk {
    async fn open(company: &Company, callers: &Pair, number: usize, thread: String) -> Self {
        let technician = callers.person("technician", &technician(number), &company.tenant).expect("a token");
        let inbox = InboxReader::open(&technician).await;
        assert_eq!(inbox.ids(), [thread.as_str()]);
        Self { job: job(number), contact: contact(number), thread, technician, inbox, unread: 0 }
    }
}

impl Wakes {
    /// The inboxes have read so many times more, and told everything.
    async fn assert_reads(&mut self, more: u64, after: &str) {
        let reads = self.metrics.count(INBOX_READS).await;
        assert_eq!(reads - self.reads, more, "{after}");
        self.reads = reads;
    }

    /// The customer of a desk texts; the technician and the office see it.
    async fn text(&mut self, desk: usize) {
        let concerned = &mut self.desks[desk];
        concerned.unread += 1;
        let id = format!("{desk}-{}", concerned.unread);
        try_text_from(&self.company.carrier, &concerned.contact, &id, "hello").await.expect("received");
        concerned.inbox.until_unread(&concerned.thread, concerned.unread).await;
        self.office.until_unread(&concerned.thread, concerned.unread).await;
    }
}

#[tokio::test]
async fn of_five_hundred_open_inboxes_an_update_wakes_those_that_it_concerns() {
    let (running, metrics) = Metrics::pair().await;
    let company = Company::open(&running.callers().await).await;
    let prepared: Vec<_> = stream::iter(0..JOBS).map(|number| prepare(&company, number)).buffered(AT_ONCE).collect().await;
    company.heard(prepared.iter().map(|(_, _, revision)| *revision).max().expect("some")).await;
    let mut desks = Vec::new();
    for prepared in prepared.chunks(OF_A_CONNECTION) {
        let callers = running.callers().await;
        let open = |(number, thread, _): &(usize, String, u64)| Desk::open(&company, &callers, *number, thread.clone());
        desks.append(&mut stream::iter(prepared).map(open).buffered(AT_ONCE).collect().await);
    }
    let office = InboxReader::open(&company.olga).await;
    assert_eq!(office.shown.threads.len(), JOBS + 1);
    let of_first = WatchInboxRequest { job_id: desks[0].job.clone(), ..Default::default() };
    let narrow = InboxReader::filtered(&company.olga, of_first).await;
    let reads = metrics.count(INBOX_READS).await;
    let mut wakes = Wakes { metrics, company, desks, office, narrow, reads };

    for desk in 1..=ROUNDS {
        wakes.text(desk).await;
        wakes.assert_reads(2, "a text: its technician, and the office").await;
    }
    wakes.text(0).await;
    let (thread, unread) = (wakes.desks[0].thread.clone(), wakes.desks[0].unread);
    wakes.narrow.until_unread(&thread, unread).await;
    wakes.assert_reads(3, "a text of the job that an inbox is narrowed to").await;

    // What somebody has read concerns their own inboxes alone.
    let desk = &mut wakes.desks[1];
    calls::read(&desk.technician, &desk.thread, 1).await.expect("read");
    desk.inbox.until_unread(&desk.thread, 0).await;
    desk.unread = 0;
    wakes.assert_reads(1, "a technician has read").await;

    // Who comes to the new job, who was on the old one, and the office.
    let (from, to) = (wakes.desks[2].thread.clone(), wakes.desks[3].job.clone());
    calls::move_to(&wakes.company.olga, &from, &to, false).await.expect("moved");
    wakes.desks[2].inbox.until_removed(&from).await;
    wakes.desks[3].inbox.until("it has come", |inbox| inbox.ids().contains(&from.as_str())).await;
    let has_moved = |inbox: &InboxReader| inbox.shown.threads.get(&from).is_some_and(|thread| thread.job_id == to);
    wakes.office.until("it has moved", has_moved).await;
    // The office is told of both jobs: it goes, and comes again.
    wakes.assert_reads(4, "a thread has moved").await;

    // The message, and what has become of it.
    let desk = &mut wakes.desks[4];
    try_send(&desk.technician, &desk.thread, "1", "on my way").await.expect("sent");
    desk.inbox.until_unread(&desk.thread, 0).await;
    wakes.office.until("the answer", |inbox| newest(inbox, &desk.thread) == "on my way").await;
    wakes.assert_reads(2, "a technician has sent").await;

    // Whoever was woken without a cause has read by now what was in vain.
    for desk in ROUNDS + 1..JOBS {
        wakes.text(desk).await;
    }
    wakes.assert_reads(2 * (JOBS - ROUNDS - 1) as u64, "texts of all the others").await;
}

fn newest<'a>(inbox: &'a InboxReader, thread: &str) -> &'a str {
    inbox.shown.threads[thread].last_message.as_ref().map_or("", |message| &message.body)
}
