//! People who follow threads, and look into lists and inboxes, for as long as they may: everything is written down.

use std::sync::Arc;
use std::time::Duration;

use chat::event::Payload;
use chat::watch_inbox_response::Frame as InboxFrame;
use chat::watch_thread_request::Position;
use chat::watch_thread_response::Frame;
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use crewline_checkers::history::{Nanos, Read, Stream, Subscription};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::recorder::Recorder;

/// Between the end of a stream and the next try.
const PAUSE: Duration = Duration::from_millis(150);
/// A stopped process answers nobody: a client asks again.
const OPEN_WITHIN: Duration = Duration::from_secs(5);

/// One who follows.
#[derive(Clone)]
pub struct Follower {
    pub recorder: Arc<Recorder>,
    pub person: String,
    pub party: Party,
    /// True when everybody goes home.
    pub over: watch::Receiver<bool>,
}

impl Follower {
    /// Follows a thread of the history, from the beginning, over as many streams as it takes. `until` tells how far.
    pub async fn follow(mut self, thread: usize, until: watch::Sender<u64>) {
        let id = self.recorder.history().threads[thread].id.clone();
        let since = self.recorder.now();
        let subscription = {
            let mut history = self.recorder.history();
            let person = self.person.clone();
            history.subscriptions.push(Subscription { person, thread, after_seq: 0, since, until: Nanos::MAX });
            history.subscriptions.len() - 1
        };
        let mut position = Position::AfterSeq(0);
        let mut over = self.over.clone();
        tokio::select! {
            _ = over.wait_for(|over| *over) => {}
            () = async {
                loop {
                    // Refused, cut, held too long, or the service died: whoever may, comes back.
                    let _ended = self.stream(subscription, &id, &mut position, &until).await;
                    sleep(PAUSE).await;
                }
            } => {}
        }
    }

    async fn stream(
        &mut self,
        subscription: usize,
        thread: &str,
        position: &mut Position,
        until: &watch::Sender<u64>,
    ) -> Result<(), Status> {
        let asked = self.recorder.now();
        let number = {
            let mut history = self.recorder.history();
            history.streams.push(Stream { subscription, asked, opened: None, ended: None });
            history.streams.len() - 1
        };
        let watch = chat::WatchThreadRequest { thread_id: thread.into(), position: Some(position.clone()), ..Default::default() };
        let opened = timeout(OPEN_WITHIN, self.party.threads().watch_thread(watch)).await;
        let mut stream = opened.map_err(|_| Status::deadline_exceeded("no answer"))??.into_inner();
        while let Some(response) = stream.message().await? {
            match response.frame.expect("a frame that says something") {
                Frame::Opened(_) => {
                    let now = self.recorder.now();
                    self.recorder.history().streams[number].opened = Some(now);
                }
                Frame::Events(batch) => {
                    let newest = batch.events.last().map_or(0, |event| event.seq);
                    self.recorder.delivered(number, batch.events.into_iter().filter_map(message));
                    until.send_replace(newest);
                    *position = Position::Cursor(batch.cursor);
                }
                Frame::CaughtUp(caught_up) => *position = Position::Cursor(caught_up.cursor),
                Frame::Reset(reset) => panic!("nothing was restored or trimmed: {reset:?}"),
                Frame::Closing(_) | Frame::Holding(_) | Frame::Progress(_) | Frame::Presence(_) => {}
            }
        }
        let now = self.recorder.now();
        self.recorder.history().streams[number].ended = Some(now);
        Ok(())
    }

    /// Keeps an inbox open.
    pub async fn keep_inbox(self) {
        let mut over = self.over.clone();
        tokio::select! {
            _ = over.wait_for(|over| *over) => {}
            () = async {
                loop {
                    let _ended = self.inbox().await;
                    sleep(PAUSE).await;
                }
            } => {}
        }
    }

    async fn inbox(&self) -> Result<(), Status> {
        let asked = self.recorder.now();
        let opened = timeout(OPEN_WITHIN, self.party.threads().watch_inbox(chat::WatchInboxRequest::default())).await;
        let mut stream = opened.map_err(|_| Status::deadline_exceeded("no answer"))??.into_inner();
        while let Some(response) = stream.message().await? {
            if let Some(InboxFrame::Entries(batch)) = response.frame {
                self.saw(asked, batch.entries.into_iter().filter_map(|entry| entry.thread));
            }
        }
        Ok(())
    }

    /// Asks for everything that can be asked for: a list, a thread, its newest page. Refusals are answers, too.
    pub async fn look(&self, thread: usize) {
        let id = self.recorder.history().threads[thread].id.clone();
        let asked = self.recorder.now();
        let list = chat::ListMessagesRequest { thread_id: id.clone(), page_size: 5, page_token: String::new() };
        if let Ok(page) = self.party.threads().list_messages(list).await {
            let messages = page.into_inner().messages.into_iter().map(|message| message.body).collect();
            self.read(thread, asked, messages);
        }
        let asked = self.recorder.now();
        if let Ok(listed) = self.party.threads().list_threads(chat::ListThreadsRequest::default()).await {
            self.saw(asked, listed.into_inner().threads);
        }
        let asked = self.recorder.now();
        if let Ok(found) = self.party.threads().get_thread(chat::GetThreadRequest { thread_id: id }).await {
            self.saw(asked, found.into_inner().thread);
        }
    }

    fn saw(&self, asked: Nanos, threads: impl IntoIterator<Item = chat::Thread>) {
        for seen in threads {
            let thread = self.recorder.history().threads.iter().position(|thread| thread.id == seen.thread_id);
            if let Some(thread) = thread {
                self.read(thread, asked, seen.last_message.into_iter().map(|message| message.body).collect());
            }
        }
    }

    fn read(&self, thread: usize, asked: Nanos, messages: Vec<String>) {
        let answered = self.recorder.now();
        let person = self.person.clone();
        self.recorder.history().reads.push(Read { person, thread, asked, answered, messages });
    }
}

/// A message that an event posted, by the body that names it.
fn message(event: chat::Event) -> Option<(u64, String)> {
    match event.payload? {
        Payload::MessagePosted(message) => Some((event.seq, message.body)),
        _ => None,
    }
}
