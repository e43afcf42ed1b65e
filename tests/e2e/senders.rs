//! People and customers who send one message after another, and write down how each send ended.

use std::sync::Arc;
use std::time::Duration;

use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use crewline_checkers::history::{Author, Outcome, Send};
use crewline_client::retry::CallError;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::recorder::Recorder;

/// One who sends: a technician, somebody of the office, or for the customers the gateway.
pub struct Sender {
    pub recorder: Arc<Recorder>,
    /// What the names of the messages begin with.
    pub name: String,
    pub author: Author,
    pub party: Party,
    /// The number that each thread is with.
    pub contacts: Vec<String>,
    /// True when no new send is to begin.
    pub over: watch::Receiver<bool>,
}

impl Sender {
    /// Sends until it is over, with pauses of up to twice this.
    pub async fn send_all(self, pause: Duration, mut dice: Dice) {
        let mut number = 0;
        while !*self.over.borrow() {
            number += 1;
            self.send(dice.roll(self.contacts.len()), number).await;
            sleep(pause.mul_f64(dice.roll(200) as f64 / 100.0)).await;
        }
    }

    /// Sends into a thread of the history. The message is named by its body.
    pub async fn send(&self, thread: usize, number: usize) {
        let message = format!("{}-{number}", self.name);
        let invoked = self.recorder.now();
        let answer = match self.author {
            Author::Person(_) => self.write(thread, &message).await,
            Author::Customer => self.text(thread, &message).await,
        };
        let answered = self.recorder.now();
        let outcome = match answer {
            Ok(seq) => Outcome::Ok { seq, answered },
            Err(CallError::Refused(_)) => Outcome::Refused { answered },
            Err(CallError::Unanswered(_)) if matches!(self.author, Author::Person(_)) => Outcome::Refused { answered },
            Err(_) => Outcome::Unknown,
        };
        let author = self.author.clone();
        self.recorder.history().sends.push(Send { message, thread, author, invoked, outcome });
    }

    async fn write(&self, thread: usize, message: &str) -> Result<u64, CallError> {
        let thread_id = self.recorder.history().threads[thread].id.clone();
        let send =
            chat::SendMessageRequest { thread_id, client_message_id: message.into(), body: message.into(), ..Default::default() };
        Ok(self.party.send_message(send).await?.message.expect("a message").seq)
    }

    async fn text(&self, thread: usize, message: &str) -> Result<u64, CallError> {
        let text = chat::ReceiveMessageRequest {
            provider: "test".into(),
            provider_message_id: message.into(),
            contact_number: self.contacts[thread].clone(),
            body: message.into(),
            ..Default::default()
        };
        let receive = |client: crewline_client::Client, request| async move { client.carrier().receive_message(request).await };
        Ok(self.party.read(text, receive).await?.seq)
    }
}
