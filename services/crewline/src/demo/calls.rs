//! What people and systems call in the story.

use crewline_api::chat::v1 as pb;
use tonic::{Response, Status};

use super::scenes::{CUSTOMER, JOB};
use crate::party::Party;

/// The customer texts.
pub async fn text(gateway: &Party, id: &str, body: &str) -> Result<Response<pb::ReceiveMessageResponse>, Status> {
    let text = pb::ReceiveMessageRequest {
        provider: "demo".into(),
        provider_message_id: id.into(),
        contact_number: CUSTOMER.into(),
        body: body.into(),
        ..Default::default()
    };
    gateway.carrier().receive_message(text).await
}

/// Somebody texts the customer.
pub async fn send(party: &Party, thread: &str, id: &str, body: &str) -> Result<Response<pb::SendMessageResponse>, Status> {
    let send = pb::SendMessageRequest {
        thread_id: thread.into(),
        client_message_id: id.into(),
        body: body.into(),
        ..Default::default()
    };
    party.threads().send_message(send).await
}

/// Somebody writes a note.
pub async fn note(
    party: &Party,
    thread: &str,
    id: &str,
    body: &str,
    audience: pb::Audience,
) -> Result<Response<pb::AddNoteResponse>, Status> {
    let note = pb::AddNoteRequest {
        thread_id: thread.into(),
        client_message_id: id.into(),
        body: body.into(),
        audience: audience.into(),
    };
    party.threads().add_note(note).await
}

/// The thread as the caller sees it.
pub async fn thread(party: &Party, thread: &str) -> Result<Response<pb::GetThreadResponse>, Status> {
    party.threads().get_thread(pb::GetThreadRequest { thread_id: thread.into() }).await
}

/// The history of the thread.
pub async fn history(party: &Party, thread: &str) -> Result<Response<pb::ListMessagesResponse>, Status> {
    let list = pb::ListMessagesRequest { thread_id: thread.into(), page_size: 200, ..Default::default() };
    party.threads().list_messages(list).await
}

/// The threads of the job.
pub async fn threads_of_job(party: &Party) -> Result<Response<pb::ListThreadsResponse>, Status> {
    party.threads().list_threads(pb::ListThreadsRequest { job_id: JOB.into(), ..Default::default() }).await
}

/// The caller has read all of the thread.
pub async fn read(party: &Party, thread: &str) -> Result<Response<pb::MarkReadResponse>, Status> {
    party.threads().mark_read(pb::MarkReadRequest { thread_id: thread.into(), up_to_seq: u64::MAX >> 1 }).await
}

/// The office starts a thread with a number, about the job.
pub async fn start(party: &Party, number: &str) -> Result<Response<pb::StartThreadResponse>, Status> {
    let start = pb::StartThreadRequest { job_id: JOB.into(), contact_number: number.into(), ..Default::default() };
    party.threads().start_thread(start).await
}

/// The office closes a thread.
pub async fn close(party: &Party, thread: &str) -> Result<Response<pb::CloseThreadResponse>, Status> {
    party.threads().close_thread(pb::CloseThreadRequest { thread_id: thread.into() }).await
}

/// The office gives the thread to a job.
pub async fn give_to(party: &Party, thread: &str, job: &str) -> Result<Response<pb::MoveThreadResponse>, Status> {
    party.threads().move_thread(pb::MoveThreadRequest { thread_id: thread.into(), job_id: job.into(), floor: false }).await
}
