//! Whatever everybody does: at every quiet point each open stream, folded, is what a fresh look shows.
//!
//! `CREWLINE_STATEFUL_SEED` plays a run again, `CREWLINE_STATEFUL_STEPS` sets its length.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use chat::event::Payload;
use chat::watch_thread_request::Position;
use chat::{AuthorKind, ListThreadsRequest, Message, ThreadState, WatchInboxRequest};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1::{AccessReason, Permission};
use futures_util::future::join_all;

use crate::calls::{get, try_list_all, try_messages};
use crate::checking::decision;
use crate::dice::Dice;
use crate::inbox_reader::{InboxReader, Shown};
use crate::reader::Reader;
use crate::refusals::reason_of;
use crate::running::{PATIENCE, Running};
use crate::waiting::when_known;
use crate::world::{Act, CREW, JOBS, World};

const STEPS: usize = 120;
/// Steps between two quiet points.
const BUSY: usize = 8;
/// How long to wait for one more frame before looking anew.
const A_MOMENT: Duration = Duration::from_millis(50);

/// A person with everything open.
struct Desk {
    id: &'static str,
    party: Party,
    technician: bool,
    inbox: Option<InboxReader>,
    threads: BTreeMap<String, Watched>,
}

/// A thread's stream, or where it ended.
struct Watched {
    reader: Reader,
    ended: bool,
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().expect("a number"))
}

/// The messages that a client holds which has taken in these events.
fn fold(events: &[chat::Event], technician: bool) -> Vec<Message> {
    let mut messages: BTreeMap<u64, Message> = BTreeMap::new();
    for event in events {
        match event.payload.as_ref().expect("an event of a kind") {
            Payload::MessagePosted(message) => drop(messages.insert(message.seq, message.clone())),
            Payload::DeliveryUpdated(update) => {
                if let Some(message) = messages.get_mut(&update.message_seq) {
                    assert_eq!(message.message_id, update.message_id);
                    message.delivery_status = update.status;
                    message.delivery_error.clone_from(&update.error);
                    message.delivery_attempt = update.attempt;
                }
            }
            Payload::ThreadMoved(moved) if moved.floor && technician => messages.clear(),
            _ => {}
        }
    }
    messages.into_values().collect()
}

/// What differs between an open inbox and a fresh one.
fn differences(open: Option<Shown>, fresh: Option<Shown>) -> String {
    let (Some(open), Some(fresh)) = (&open, &fresh) else {
        return format!("open: {}, fresh: {}", open.is_some(), fresh.is_some());
    };
    let ids = open.threads.keys().chain(fresh.threads.keys());
    let mut threads: Vec<String> = ids
        .map(|id| (open.threads.get(id), fresh.threads.get(id)))
        .filter(|(open, fresh)| open != fresh)
        .map(|(open, fresh)| format!("\nshows {open:?}\nis    {fresh:?}"))
        .collect();
    threads.dedup();
    format!("{}\njobs: shows {:?}, are {:?}", threads.concat(), open.jobs, fresh.jobs)
}

impl Desk {
    fn new(id: &'static str, party: &Party) -> Self {
        let technician = !["otto", "olga"].contains(&id);
        Self { id, party: party.clone(), technician, inbox: None, threads: BTreeMap::new() }
    }

    /// The inbox as a fresh look shows it, or why it does not.
    async fn fresh_inbox(&self) -> Result<Shown, String> {
        let opened = InboxReader::try_open(&self.party, WatchInboxRequest::default()).await;
        opened.map(|inbox| inbox.shown).map_err(|status| reason_of(&status))
    }

    /// One frame more of the open inbox, if one comes; an end ends it.
    async fn follow_inbox(&mut self) {
        let Some(inbox) = &mut self.inbox else { return };
        if let Some(Err(_) | Ok(None)) = inbox.frame_within(A_MOMENT).await {
            self.inbox = None;
        }
    }

    /// Follows the inbox until it shows what a fresh one shows, which is what is to be seen. It may take long, if only it goes on.
    async fn settle_inbox(&mut self, world: &World) {
        let mut since = Instant::now();
        loop {
            let fresh = self.fresh_inbox().await;
            let expected = self.expected_inbox(world).await;
            let live = self.inbox.as_ref().map(|inbox| inbox.shown.clone());
            let told = fresh.as_ref().map(|shown| shown.threads.keys().cloned().collect::<Vec<_>>()).map_err(Clone::clone);
            match (&fresh, &live) {
                (Ok(shown), Some(live)) if shown == live && told == expected => {
                    if self.assert_listed(&fresh).await {
                        return;
                    }
                }
                (Ok(_), None) if told == expected => {
                    self.inbox = InboxReader::try_open(&self.party, WatchInboxRequest::default()).await.ok();
                }
                (Err(_), None) if told == expected => {
                    if self.assert_listed(&fresh).await {
                        return;
                    }
                }
                _ => self.follow_inbox().await,
            }
            let shown = self.inbox.as_ref().map(|inbox| inbox.shown.clone());
            if shown != live {
                since = Instant::now();
            }
            if since.elapsed() > PATIENCE {
                panic!("{}: {}\nfresh {told:?},\nexpected {expected:?}", self.id, differences(shown, fresh.ok()));
            }
        }
    }

    /// The list shows what a fresh inbox shows, or is refused like it. False if meanwhile something has moved.
    async fn assert_listed(&self, fresh: &Result<Shown, String>) -> bool {
        let open = ListThreadsRequest { state: ThreadState::Open.into(), ..Default::default() };
        let listed = when_known(async || try_list_all(&self.party, open.clone()).await).await;
        let listed = listed.map_err(|status| reason_of(&status)).map(|listed| {
            let mut shown = Shown::default();
            for thread in listed {
                if !thread.job_id.is_empty() {
                    *shown.jobs.entry(thread.job_id.clone()).or_default() += thread.unread_count;
                }
                shown.threads.insert(thread.thread_id.clone(), thread);
            }
            shown
        });
        // What a busy machine has let a call wait for may be done only now.
        if listed != *fresh && self.fresh_inbox().await != *fresh {
            return false;
        }
        assert_eq!(&listed, fresh, "{}: the list and the inbox", self.id);
        true
    }

    /// The ids of the threads that this person is to see, by what the permissions service and the office's list say.
    async fn expected_inbox(&self, world: &World) -> Result<Vec<String>, String> {
        let mut visible = Vec::new();
        let judge = async |job: &str| decision(&world.company.admin, self.id, job, Permission::ViewCustomerChats).await;
        match judge(JOBS[0]).await {
            AccessReason::PersonInactive | AccessReason::MobileAccessOff => return Err("PERSON_INACTIVE".into()),
            AccessReason::ChatDisabled => return Err("CHAT_DISABLED".into()),
            AccessReason::LevelTooLow => return Err("CHAT_PERMISSION_REQUIRED".into()),
            _ => {}
        }
        for thread in world.threads_of_the_office().await {
            let theirs = !self.technician || (!thread.job_id.is_empty() && judge(&thread.job_id).await == AccessReason::Allowed);
            if thread.state() == ThreadState::Open && theirs {
                visible.push(thread.thread_id);
            }
        }
        visible.sort();
        Ok(visible)
    }

    /// Follows a thread's stream until it tells what the list does. It may take long, if only it goes on.
    async fn settle_thread(&mut self, thread: &str, from_the_beginning: bool) {
        let (mut since, mut newest) = (Instant::now(), None);
        loop {
            let listed = self.listed(thread).await;
            let live = self.threads.get(thread).filter(|watched| !watched.ended);
            let shown = live.map(|watched| fold(&watched.reader.events, self.technician));
            match (&listed, &shown) {
                (Ok(listed), Some(shown)) if listed == shown => {
                    if self.assert_counts(thread, listed).await {
                        return;
                    }
                }
                (Err(_), None) => return,
                (Ok(_), None) => self.watch(thread, from_the_beginning).await,
                _ => self.follow_thread(thread).await,
            }
            if newest != shown {
                (since, newest) = (Instant::now(), shown);
            }
            assert!(since.elapsed() < PATIENCE, "{}, {thread}: shown {newest:#?},\nlisted {listed:#?}", self.id);
        }
    }

    /// The messages of a thread, or why there are none.
    async fn listed(&self, thread: &str) -> Result<Vec<Message>, String> {
        when_known(async || try_messages(&self.party, thread).await).await.map_err(|status| reason_of(&status))
    }

    /// What is unread and newest, by the messages. False if meanwhile something has moved.
    async fn assert_counts(&self, thread: &str, listed: &[Message]) -> bool {
        let Ok(shown) = when_known(async || get(&self.party, thread).await).await else { return true };
        if self.listed(thread).await.as_deref() != Ok(listed) {
            return false;
        }
        let by_customer =
            |message: &&Message| message.author.as_ref().is_some_and(|author| author.kind() == AuthorKind::Customer);
        let unread = listed.iter().filter(by_customer).filter(|message| message.seq > shown.read_seq).count();
        assert_eq!(shown.unread_count as usize, unread, "{}: {shown:?}", self.id);
        assert_eq!(shown.last_message.as_ref(), listed.last(), "{}: {shown:?}", self.id);
        assert!(listed.first().is_none_or(|message| message.seq >= shown.first_available_seq));
        true
    }

    /// Opens a thread's stream: from the beginning, or where the one before it ended.
    async fn watch(&mut self, thread: &str, from_the_beginning: bool) {
        let before = self.threads.remove(thread).filter(|before| !from_the_beginning && !before.reader.cursor.is_empty());
        let position = before.as_ref().map_or(Position::AfterSeq(0), |before| Position::Cursor(before.reader.cursor.clone()));
        let Ok(mut reader) = Reader::try_open_at(&self.party, thread, position).await else { return };
        reader.gaps = true;
        if let Some(before) = before {
            (reader.seq, reader.events, reader.cursor) = (before.reader.seq, before.reader.events, before.reader.cursor);
        }
        self.threads.insert(thread.to_owned(), Watched { reader, ended: false });
    }

    async fn follow_thread(&mut self, thread: &str) {
        let Some(watched) = self.threads.get_mut(thread) else { return };
        if let Ok(Err(_) | Ok(None)) = tokio::time::timeout(A_MOMENT, watched.reader.frame()).await {
            watched.ended = true;
        }
    }
}

#[tokio::test]
async fn at_every_quiet_point_streams_lists_and_snapshots_tell_the_same() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let seed = number_from("CREWLINE_STATEFUL_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    let steps = number_from("CREWLINE_STATEFUL_STEPS").map_or(STEPS, |steps| usize::try_from(steps).expect("small"));
    println!("CREWLINE_STATEFUL_SEED={seed} CREWLINE_STATEFUL_STEPS={steps}");
    let mut dice = Dice::new(seed);

    let running = Running::pair().await;
    let callers = running.callers().await;
    let world = World::open(&running, &callers).await;
    let ids = CREW.into_iter().chain(["olga"]);
    let mut desks: Vec<Desk> = ids.zip(&world.people).map(|(id, party)| Desk::new(id, party)).collect();
    for step in 0..=steps {
        if step % BUSY == 0 {
            println!("step {step}: quiet");
            settle(&world, &mut desks, &mut dice).await;
        }
        // Some of it at once.
        let acts: Vec<Act> = (0..1 + dice.roll(4)).map(|_| Act::draw(&mut dice)).collect();
        let outcomes = join_all(acts.iter().map(|act| world.perform(act))).await;
        for (act, outcome) in acts.iter().zip(outcomes) {
            println!("step {step}: {act:?}: {outcome}");
        }
    }
    world.perform(&Act::Chat { on: true }).await;
    world.send_everything().await;
    settle(&world, &mut desks, &mut dice).await;
    world.assert_sent_in_order().await;
    let verified = running.verify().await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

async fn settle(world: &World, desks: &mut [Desk], dice: &mut Dice) {
    let threads = world.threads_of_the_office().await;
    for desk in desks {
        desk.settle_inbox(world).await;
        for thread in &threads {
            desk.settle_thread(&thread.thread_id, dice.once_in(4)).await;
        }
    }
}
