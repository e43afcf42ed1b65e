//! Between the model and the proto. What comes in is checked by the model's constructors; what goes out is only written down.

pub mod frames;

use std::time::{Duration, SystemTime};

use crewline_api::chat::v1 as pb;
use prost_types::Timestamp;

use crate::model::{Audience, Author, AuthorKind, Event, Message, Payload, PersonKind, Thread, ThreadState};

/// A thread, as this kind of person sees it.
pub fn thread(thread: &Thread, viewer: PersonKind) -> pb::Thread {
    let contact_number = match viewer {
        PersonKind::Office => thread.contact.as_str().to_owned(),
        PersonKind::Technician => thread.contact.masked(),
    };
    let state = match thread.state {
        ThreadState::Open => pb::ThreadState::Open,
        ThreadState::Closed => pb::ThreadState::Closed,
    };
    pb::Thread {
        thread_id: thread.id.to_string(),
        job_id: thread.job.as_ref().map(ToString::to_string).unwrap_or_default(),
        contact_number,
        state: state.into(),
        head_seq: thread.head.seq,
        create_time: Some(timestamp(thread.created_at)),
        update_time: Some(timestamp(thread.updated_at)),
    }
}

/// An event, as this audience sees it.
pub fn event(event: &Event, audience: Audience) -> pb::Event {
    let seen_by = match event.audience {
        Audience::Office => pb::Audience::Office,
        Audience::Crew => pb::Audience::Crew,
    };
    let payload = match &event.payload {
        Payload::MessagePosted { message_id, author, body } => pb::event::Payload::MessagePosted(pb::Message {
            message_id: message_id.to_string(),
            seq: event.at.seq,
            author: Some(author.clone().into()),
            body: body.as_str().to_owned(),
            create_time: Some(timestamp(event.committed_at)),
        }),
    };
    pb::Event {
        seq: event.at.seq,
        prev_seq: event.prev(audience).seq,
        audience: seen_by.into(),
        commit_time: Some(timestamp(event.committed_at)),
        payload: Some(payload),
    }
}

impl From<Message> for pb::Message {
    fn from(message: Message) -> Self {
        Self {
            message_id: message.id.to_string(),
            seq: message.seq,
            author: Some(message.author.into()),
            body: message.body.as_str().to_owned(),
            create_time: Some(timestamp(message.created_at)),
        }
    }
}

impl From<Author> for pb::Author {
    fn from(author: Author) -> Self {
        let kind = match author.kind {
            AuthorKind::Customer => pb::AuthorKind::Customer,
            AuthorKind::Technician => pb::AuthorKind::Technician,
            AuthorKind::Office => pb::AuthorKind::Office,
        };
        let person_id = author.person.map(|person| person.to_string()).unwrap_or_default();
        Self { kind: kind.into(), person_id, display_name: author.name }
    }
}

fn timestamp(micros: i64) -> Timestamp {
    (SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())).into()
}
