//! What a person does with a thread, each call in the few words that a test has for it.

use chat::{Audience, ListThreadsRequest, Message, Thread};
use crewline::party::Party;
use crewline_api::chat::v1 as chat;
use tonic::Status;

pub async fn get(party: &Party, thread: &str) -> Result<Thread, Status> {
    let get = chat::GetThreadRequest { thread_id: thread.into() };
    Ok(party.threads().get_thread(get).await?.into_inner().thread.expect("a thread"))
}

/// A thread that they see.
pub async fn seen(party: &Party, thread: &str) -> Thread {
    get(party, thread).await.expect("seen")
}

pub async fn list(party: &Party, list: ListThreadsRequest) -> Result<chat::ListThreadsResponse, Status> {
    Ok(party.threads().list_threads(list).await?.into_inner())
}

/// The threads of one job and their unread count.
pub async fn list_job(party: &Party, job: &str) -> chat::ListThreadsResponse {
    list(party, ListThreadsRequest { job_id: job.into(), ..Default::default() }).await.expect("listed")
}

/// All threads that they see, page by page.
pub async fn try_list_all(party: &Party, filter: ListThreadsRequest) -> Result<Vec<Thread>, Status> {
    let (mut threads, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(party, ListThreadsRequest { page_token, ..filter.clone() }).await?;
        threads.extend(page.threads);
        if page.next_page_token.is_empty() {
            return Ok(threads);
        }
        page_token = page.next_page_token;
    }
}

pub async fn list_all(party: &Party) -> Vec<Thread> {
    try_list_all(party, ListThreadsRequest::default()).await.expect("listed")
}

pub async fn start(party: &Party, job: &str, contact: &str) -> Result<chat::StartThreadResponse, Status> {
    let start = chat::StartThreadRequest { job_id: job.into(), contact_number: contact.into(), ..Default::default() };
    Ok(party.threads().start_thread(start).await?.into_inner())
}

pub async fn close(party: &Party, thread: &str) -> Result<Thread, Status> {
    let close = chat::CloseThreadRequest { thread_id: thread.into() };
    Ok(party.threads().close_thread(close).await?.into_inner().thread.expect("a thread"))
}

pub async fn reopen(party: &Party, thread: &str) -> Result<Thread, Status> {
    let reopen = chat::ReopenThreadRequest { thread_id: thread.into() };
    Ok(party.threads().reopen_thread(reopen).await?.into_inner().thread.expect("a thread"))
}

pub async fn move_to(party: &Party, thread: &str, job: &str, floor: bool) -> Result<chat::MoveThreadResponse, Status> {
    let request = chat::MoveThreadRequest { thread_id: thread.into(), job_id: job.into(), floor };
    Ok(party.threads().move_thread(request).await?.into_inner())
}

pub async fn read(party: &Party, thread: &str, up_to_seq: u64) -> Result<(u32, u64), Status> {
    let mark = chat::MarkReadRequest { thread_id: thread.into(), up_to_seq };
    let marked = party.threads().mark_read(mark).await?.into_inner();
    Ok((marked.unread_count, marked.read_seq))
}

pub async fn unread(party: &Party, thread: &str, from_seq: u64) -> Result<(u32, u64), Status> {
    let mark = chat::MarkUnreadRequest { thread_id: thread.into(), from_seq };
    let marked = party.threads().mark_unread(mark).await?.into_inner();
    Ok((marked.unread_count, marked.read_seq))
}

pub async fn note(
    party: &Party,
    thread: &str,
    id: &str,
    body: &str,
    audience: Audience,
) -> Result<chat::AddNoteResponse, Status> {
    let note = chat::AddNoteRequest {
        thread_id: thread.into(),
        client_message_id: id.into(),
        body: body.into(),
        audience: audience.into(),
    };
    Ok(party.threads().add_note(note).await?.into_inner())
}

pub async fn resend(party: &Party, thread: &str, message: &str, id: &str) -> Result<chat::ResendMessageResponse, Status> {
    let resend =
        chat::ResendMessageRequest { thread_id: thread.into(), message_id: message.into(), client_message_id: id.into() };
    Ok(party.threads().resend_message(resend).await?.into_inner())
}

pub async fn set_typing(party: &Party, thread: &str, typing: bool) -> Result<(), Status> {
    let typing = chat::SetTypingRequest { thread_id: thread.into(), typing };
    party.threads().set_typing(typing).await.map(|_| ())
}

pub async fn attachment(party: &Party, thread: &str, message: &str, id: &str) -> Result<chat::GetAttachmentResponse, Status> {
    let get = chat::GetAttachmentRequest { thread_id: thread.into(), message_id: message.into(), attachment_id: id.into() };
    Ok(party.threads().get_attachment(get).await?.into_inner())
}

/// The messages of a thread, as they are told to this person, oldest first.
pub async fn try_messages(party: &Party, thread: &str) -> Result<Vec<Message>, Status> {
    let (mut messages, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = chat::ListMessagesRequest { thread_id: thread.into(), page_size: 200, page_token };
        let page = party.threads().list_messages(list).await?.into_inner();
        messages.extend(page.messages);
        if page.next_page_token.is_empty() {
            return Ok(messages);
        }
        page_token = page.next_page_token;
    }
}

/// Their bodies.
pub fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}
