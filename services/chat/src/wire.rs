//! Between the model and the proto. What comes in is checked by the model's constructors; what goes out is only written down.

pub mod frames;
pub mod inbox;
pub mod operator;
pub mod outbound;

use std::time::{Duration, SystemTime};

use chassis::refusal::Refusal;
use crewline_api::chat::v1 as pb;
use pb::event::Payload as Told;
use prost_types::Timestamp;

use crate::model::{
    AttachmentId, Audience, Author, AuthorKind, ContactNumber, DeliveryStatus, Event, JobId, Message, MessageKind, Payload,
    PersonKind, ThreadState, ThreadView,
};

/// A thread, as this kind of person sees it.
pub fn thread(view: &ThreadView, viewer: PersonKind) -> pb::Thread {
    let thread = &view.thread;
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
        job_id: job_id(thread.job.as_ref()),
        contact_number,
        state: state.into(),
        head_seq: thread.head.seq,
        create_time: Some(timestamp(thread.created_at)),
        update_time: Some(timestamp(thread.updated_at)),
        business_number: thread.business.as_str().to_owned(),
        first_available_seq: thread.first_available(view.audience),
        unread_count: count(view.unread()),
        read_seq: view.horizon.counts_from(),
        contact_opted_out: view.opted_out,
        last_message: view.last_message.clone().map(Into::into),
    }
}

/// An event, as this audience sees it.
pub fn event(event: &Event, audience: Audience) -> pb::Event {
    pb::Event {
        seq: event.at.seq,
        prev_seq: event.prev(audience).seq,
        audience: pb::Audience::from(event.audience).into(),
        commit_time: Some(timestamp(event.committed_at)),
        payload: Some(payload(event, audience)),
    }
}

fn payload(event: &Event, audience: Audience) -> Told {
    match event.payload.clone() {
        Payload::MessagePosted { message_id, author, body, message_kind, attachments, outbound, .. } => {
            let first = outbound.map(|_| (pb::DeliveryStatus::Queued, 1)).unwrap_or_default();
            Told::MessagePosted(pb::Message {
                message_id: message_id.to_string(),
                seq: event.at.seq,
                author: Some(author.into()),
                body: body.as_str().to_owned(),
                create_time: Some(timestamp(event.committed_at)),
                kind: pb::MessageKind::from(message_kind).into(),
                audience: pb::Audience::from(event.audience).into(),
                attachment_ids: attachment_ids(&attachments),
                delivery_status: first.0.into(),
                delivery_error: String::new(),
                delivery_attempt: first.1,
            })
        }
        Payload::DeliveryUpdated { message_id, message_seq, status, error, attempt, .. } => {
            let (message_id, status) = (message_id.to_string(), pb::DeliveryStatus::from(status).into());
            Told::DeliveryUpdated(pb::DeliveryUpdated { message_id, message_seq, status, error, attempt })
        }
        Payload::ThreadClosed { actor } => Told::ThreadClosed(pb::ThreadClosed { actor: Some(actor.into()) }),
        Payload::ThreadReopened { actor } => Told::ThreadReopened(pb::ThreadReopened { actor: Some(actor.into()) }),
        Payload::ThreadMoved { actor, from, to, floor } => {
            // Where it came from is no business of the new crew's.
            let from = from.filter(|_| audience == Audience::Office);
            let (from_job_id, to_job_id) = (job_id(from.as_ref()), job_id(to.as_ref()));
            Told::ThreadMoved(pb::ThreadMoved { actor: Some(actor.into()), from_job_id, to_job_id, floor })
        }
        Payload::OptOutChanged { actor, opted_out } => {
            Told::OptOutChanged(pb::OptOutChanged { actor: Some(actor.into()), opted_out })
        }
    }
}

impl From<Message> for pb::Message {
    fn from(message: Message) -> Self {
        let (status, error, attempt) = match message.delivery {
            Some(delivery) => (delivery.status.into(), delivery.error, delivery.attempt),
            None => (pb::DeliveryStatus::Unspecified, String::new(), 0),
        };
        Self {
            message_id: message.id.to_string(),
            seq: message.seq,
            author: Some(message.author.into()),
            body: message.body.as_str().to_owned(),
            create_time: Some(timestamp(message.created_at)),
            kind: pb::MessageKind::from(message.kind).into(),
            audience: pb::Audience::from(message.audience).into(),
            attachment_ids: attachment_ids(&message.attachments),
            delivery_status: status.into(),
            delivery_error: error,
            delivery_attempt: attempt,
        }
    }
}

impl From<Author> for pb::Author {
    fn from(author: Author) -> Self {
        let kind = match author.kind {
            AuthorKind::Customer => pb::AuthorKind::Customer,
            AuthorKind::Technician => pb::AuthorKind::Technician,
            AuthorKind::Office => pb::AuthorKind::Office,
            AuthorKind::System => pb::AuthorKind::System,
        };
        let person_id = author.person.map(|person| person.to_string()).unwrap_or_default();
        Self { kind: kind.into(), person_id, display_name: author.name }
    }
}

impl From<Audience> for pb::Audience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Office => Self::Office,
            Audience::Crew => Self::Crew,
        }
    }
}

impl From<MessageKind> for pb::MessageKind {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Note => Self::Note,
            MessageKind::Automated => Self::Automated,
        }
    }
}

impl From<DeliveryStatus> for pb::DeliveryStatus {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Queued => Self::Queued,
            DeliveryStatus::Accepted => Self::Accepted,
            DeliveryStatus::Sent => Self::Sent,
            DeliveryStatus::Delivered => Self::Delivered,
            DeliveryStatus::Undelivered => Self::Undelivered,
            DeliveryStatus::Failed => Self::Failed,
        }
    }
}

/// A state that a list is narrowed to; none if it is not set.
pub fn state(field: &str, state: i32) -> Result<Option<ThreadState>, Refusal> {
    match pb::ThreadState::try_from(state) {
        Ok(pb::ThreadState::Unspecified) => Ok(None),
        Ok(pb::ThreadState::Open) => Ok(Some(ThreadState::Open)),
        Ok(pb::ThreadState::Closed) => Ok(Some(ThreadState::Closed)),
        Err(_) => Err(Refusal::invalid(field, "must be OPEN or CLOSED, or not set")),
    }
}

/// Whom a note of this kind of person is for.
pub fn note_audience(field: &str, audience: i32, writer: PersonKind) -> Result<Audience, Refusal> {
    match pb::Audience::try_from(audience) {
        Ok(pb::Audience::Unspecified | pb::Audience::Crew) => Ok(Audience::Crew),
        Ok(pb::Audience::Office) if writer == PersonKind::Office => Ok(Audience::Office),
        Ok(pb::Audience::Office) => Err(Refusal::invalid(field, "must be CREW from a technician")),
        Err(_) => Err(Refusal::invalid(field, "must be OFFICE or CREW")),
    }
}

/// How far the gateway says that a text has come.
pub fn reported_status(field: &str, status: i32) -> Result<DeliveryStatus, Refusal> {
    match pb::DeliveryStatus::try_from(status) {
        Ok(pb::DeliveryStatus::Accepted) => Ok(DeliveryStatus::Accepted),
        Ok(pb::DeliveryStatus::Sent) => Ok(DeliveryStatus::Sent),
        Ok(pb::DeliveryStatus::Delivered) => Ok(DeliveryStatus::Delivered),
        Ok(pb::DeliveryStatus::Undelivered) => Ok(DeliveryStatus::Undelivered),
        Ok(pb::DeliveryStatus::Failed) => Ok(DeliveryStatus::Failed),
        Ok(pb::DeliveryStatus::Unspecified | pb::DeliveryStatus::Queued) | Err(_) => {
            Err(Refusal::invalid(field, "must be ACCEPTED, SENT, DELIVERED, UNDELIVERED or FAILED"))
        }
    }
}

/// A job that may be missing.
pub fn optional_job(field: &str, text: String) -> Result<Option<JobId>, Refusal> {
    if text.is_empty() { Ok(None) } else { JobId::parse(field, text).map(Some) }
}

/// A customer's number that may be missing.
pub fn optional_contact(field: &str, text: String) -> Result<Option<ContactNumber>, Refusal> {
    if text.is_empty() { Ok(None) } else { ContactNumber::parse(field, text).map(Some) }
}

/// What a gateway says of a failure.
pub fn failure(field: &str, text: String) -> Result<String, Refusal> {
    if text.chars().count() > 200 {
        return Err(Refusal::invalid(field, "must be at most 200 characters"));
    }
    Ok(text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect())
}

fn attachment_ids(ids: &[AttachmentId]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().to_owned()).collect()
}

fn job_id(job: Option<&JobId>) -> String {
    job.map(ToString::to_string).unwrap_or_default()
}

/// A count as the proto has it.
pub fn count(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A time as the databases keep it.
pub fn timestamp(micros: i64) -> Timestamp {
    (SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())).into()
}
