//! `ThreadService`.

use std::pin::Pin;

use chassis::page::Page;
use chassis::refusal::Refusal;
use crewline_api::chat::v1 as pb;
use crewline_api::errors::v1::ErrorReason;
use futures_util::Stream;
use pb::thread_service_server::ThreadService;
use tonic::{Request, Response, Status};

use crate::access::guard::{Denial, Place, Subject, Wish};
use crate::access::permit::Permit;
use crate::attachments::Attachments;
use crate::error::Error;
use crate::gated::{self, Node};
use crate::hints::Hints;
use crate::model::{
    AttachmentId, Audience, Body, BusinessNumber, ClientMessageId, ContactNumber, MessageKind, ThreadId, ThreadKey, ThreadView,
    parse_uuid,
};
use crate::send::Post;
use crate::store::Store;
use crate::store::endings::Target;
use crate::store::horizons::Reading;
use crate::store::messages::{Again, MessagePage, Writing, Written};
use crate::store::threads::NewThread;
use crate::store::views::{Filter, ListPlace};
use crate::streams::Streams;
use crate::wire;

/// Bytes of text in a page of threads, about.
const PAGE_BYTES: usize = 1024 * 1024;

/// The service.
#[derive(Clone)]
pub struct Threads {
    /// Writes.
    pub post: Post,
    /// What streams share.
    pub node: Node,
    /// Who is here.
    pub hints: Hints,
    /// How many streams a person holds.
    pub streams: Streams,
    /// Where attachments are.
    pub attachments: Attachments,
}

impl Threads {
    /// A thread as the subject sees it, if they may.
    async fn view(&self, subject: &Subject, id: ThreadId) -> Result<ThreadView, Error> {
        let found = self.post.store.view(subject, id).await?;
        // The guard comes last: what it lets through is already in hand.
        let place = found.as_ref().map(|view| Place::from(&view.thread));
        let revision = self.post.access.check(subject, Wish::Read, place.as_ref())?;
        self.post.access.handed(subject, revision);
        found.ok_or(Denial::NoThread.into())
    }

    /// A thread as the subject sees it after their own write.
    async fn written(&self, subject: &Subject, id: ThreadId) -> Result<Option<pb::Thread>, Error> {
        Ok(Some(wire::thread(&self.view(subject, id).await?, subject.kind)))
    }

    async fn write_message(&self, subject: &Subject, writing: Writing) -> Result<Written, Error> {
        let thread = writing.thread;
        self.post
            .write(subject, Wish::Send, Target::Thread(thread), |store, permit| async move { store.write(permit, writing).await })
            .await
    }

    /// A page of threads, and the unread count of the job that it is of; those that the guard does not let through are missing from both.
    async fn list(&self, subject: &Subject, filter: &Filter, page: &Page) -> Result<Listed, Error> {
        let jobs = self.post.access.visible_jobs(subject)?;
        let after = page.after.as_deref().map(list_place).transpose()?;
        let mut views = self.post.store.list_threads(subject, &jobs, filter, after, page.limit()).await?;
        let key = |view: &ThreadView| format!("{}/{}", view.thread.updated_at, view.thread.id);
        let next_page_token = match cut_by_size(&mut views) {
            Some(last) => page.token_after(&key(last)),
            None => page.cut(&mut views, key),
        };
        let of_job = match &filter.job {
            Some(job) => self.post.store.open_of_job(subject, job).await?,
            None => Vec::new(),
        };
        // All of it together, and last: nothing waits between the judgement and the answer.
        let places: Vec<Place> =
            views.iter().map(|view| &view.thread).chain(of_job.iter().map(|(thread, _)| thread)).map(Place::from).collect();
        let (revision, judged) = self.post.access.check_each(subject, places.iter())?;
        self.post.access.handed(subject, revision);
        let (of_page, of_count) = judged.split_at(views.len());
        let visible = views.into_iter().zip(of_page).filter_map(|(view, judged)| judged.is_ok().then_some(view)).collect();
        let job_unread = of_job.iter().zip(of_count).filter(|(_, judged)| judged.is_ok()).map(|((_, unread), _)| unread).sum();
        Ok(Listed { views: visible, next_page_token, job_unread })
    }
}

#[tonic::async_trait]
impl ThreadService for Threads {
    async fn start_thread(&self, request: Request<pb::StartThreadRequest>) -> Result<Response<pb::StartThreadResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let new = NewThread {
            job: wire::optional_job("job_id", asked.job_id)?,
            contact: ContactNumber::parse("contact_number", asked.contact_number)?,
            business: BusinessNumber::parse("business_number", asked.business_number)?,
        };
        let (access, target) = (self.post.access.clone(), Target::Contact(new.contact.clone()));
        let start = move |store: Store, permit: Permit| async move {
            // Chat is not for the company's own people among each other (rule R34).
            if access.is_staff(permit.tenant(), &new.contact) {
                return Err(Refusal::invalid("contact_number", "must not be a number of the tenant's own people").into());
            }
            store.start_thread(permit, new).await
        };
        let started = self.post.write(&subject, Wish::Start, target, start).await?;
        let thread = self.written(&subject, started.thread.id).await?;
        Ok(Response::new(pb::StartThreadResponse { thread, reopened: started.reopened }))
    }

    async fn get_thread(&self, request: Request<pb::GetThreadRequest>) -> Result<Response<pb::GetThreadResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let id = ThreadId::parse("thread_id", &request.get_ref().thread_id)?;
        let view = self.view(&subject, id).await?;
        Ok(Response::new(pb::GetThreadResponse { thread: Some(wire::thread(&view, subject.kind)) }))
    }

    async fn list_threads(&self, request: Request<pb::ListThreadsRequest>) -> Result<Response<pb::ListThreadsResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let filter = Filter {
            job: wire::optional_job("job_id", asked.job_id)?,
            state: wire::state("state", asked.state)?,
            contact: wire::optional_contact("contact_number", asked.contact_number)?,
            unread_only: asked.unread_only,
        };
        let list = format!("threads/{}/{}/{filter}", subject.tenant, subject.person);
        let page = Page::read(list, asked.page_size, &asked.page_token)?;
        let Listed { views, next_page_token, job_unread } = self.list(&subject, &filter, &page).await?;
        let threads = views.iter().map(|view| wire::thread(view, subject.kind)).collect();
        Ok(Response::new(pb::ListThreadsResponse { threads, next_page_token, job_unread_count: wire::count(job_unread) }))
    }

    async fn close_thread(&self, request: Request<pb::CloseThreadRequest>) -> Result<Response<pb::CloseThreadResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let id = ThreadId::parse("thread_id", &request.get_ref().thread_id)?;
        let close = move |store: Store, permit| async move { store.close_thread(permit, id).await };
        self.post.write(&subject, Wish::Manage, Target::Thread(id), close).await?;
        Ok(Response::new(pb::CloseThreadResponse { thread: self.written(&subject, id).await? }))
    }

    async fn reopen_thread(
        &self,
        request: Request<pb::ReopenThreadRequest>,
    ) -> Result<Response<pb::ReopenThreadResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let id = ThreadId::parse("thread_id", &request.get_ref().thread_id)?;
        let reopen = move |store: Store, permit| async move { store.reopen_thread(permit, id).await };
        self.post.write(&subject, Wish::Manage, Target::Thread(id), reopen).await?;
        Ok(Response::new(pb::ReopenThreadResponse { thread: self.written(&subject, id).await? }))
    }

    async fn move_thread(&self, request: Request<pb::MoveThreadRequest>) -> Result<Response<pb::MoveThreadResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let id = ThreadId::parse("thread_id", &asked.thread_id)?;
        let (to, floor) = (wire::optional_job("job_id", asked.job_id)?, asked.floor);
        let go = move |store: Store, permit| async move { store.move_thread(permit, id, to, floor).await };
        let moved = self.post.write(&subject, Wish::Send, Target::Thread(id), go).await?;
        let crew_first_available_seq = moved.first_available(Audience::Crew);
        Ok(Response::new(pb::MoveThreadResponse { thread: self.written(&subject, id).await?, crew_first_available_seq }))
    }

    async fn send_message(&self, request: Request<pb::SendMessageRequest>) -> Result<Response<pb::SendMessageResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let attachments = AttachmentId::parse_all("attachment_ids", asked.attachment_ids)?;
        let body = if attachments.is_empty() { Body::written } else { Body::caption };
        let writing = Writing {
            thread: ThreadId::parse("thread_id", &asked.thread_id)?,
            id: ClientMessageId::parse("client_message_id", asked.client_message_id)?,
            body: body("body", asked.body)?,
            kind: MessageKind::Text,
            audience: Audience::Crew,
            attachments,
        };
        let sent = self.write_message(&subject, writing).await?;
        Ok(Response::new(pb::SendMessageResponse { message: Some(sent.message.into()), duplicate: sent.duplicate }))
    }

    async fn resend_message(
        &self,
        request: Request<pb::ResendMessageRequest>,
    ) -> Result<Response<pb::ResendMessageResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let again = Again {
            thread: ThreadId::parse("thread_id", &asked.thread_id)?,
            message: parse_uuid("message_id", &asked.message_id)?,
            id: ClientMessageId::parse("client_message_id", asked.client_message_id)?,
        };
        let thread = again.thread;
        let resend = |store: Store, permit| async move { store.resend(permit, again).await };
        let sent = self.post.write(&subject, Wish::Send, Target::Thread(thread), resend).await?;
        Ok(Response::new(pb::ResendMessageResponse { message: Some(sent.message.into()), duplicate: sent.duplicate }))
    }

    async fn add_note(&self, request: Request<pb::AddNoteRequest>) -> Result<Response<pb::AddNoteResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let writing = Writing {
            thread: ThreadId::parse("thread_id", &asked.thread_id)?,
            id: ClientMessageId::parse("client_message_id", asked.client_message_id)?,
            body: Body::written("body", asked.body)?,
            kind: MessageKind::Note,
            audience: wire::note_audience("audience", asked.audience, subject.kind)?,
            attachments: Vec::new(),
        };
        let noted = self.write_message(&subject, writing).await?;
        Ok(Response::new(pb::AddNoteResponse { message: Some(noted.message.into()), duplicate: noted.duplicate }))
    }

    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let key = ThreadKey { tenant: subject.tenant.clone(), thread: ThreadId::parse("thread_id", &asked.thread_id)? };
        let page = Page::read(format!("messages/{}/{}", key.tenant, key.thread), asked.page_size, &asked.page_token);
        // A token that does not fit is told only to those who may see the list.
        let (after, limit) = match &page {
            Ok(page) => (page.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or_default(), page.limit()),
            Err(refusal) if refusal.reason() == ErrorReason::PageTokenInvalid => (0, 0),
            Err(refusal) => return Err(refusal.clone().into()),
        };
        let read = self.post.store.messages(&key, subject.kind.audience(), after, limit).await?;
        let place = read.as_ref().map(|read| Place::from(&read.thread));
        let revision = self.post.access.check(&subject, Wish::Read, place.as_ref()).map_err(Error::from)?;
        self.post.access.handed(&subject, revision);
        let page = page?;
        let MessagePage { mut messages, cut, .. } = read.ok_or(Error::from(Denial::NoThread))?;
        let next_page_token = match messages.last() {
            Some(last) if cut => page.token_after(&last.seq.to_string()),
            _ => page.cut(&mut messages, |message| message.seq.to_string()),
        };
        Ok(Response::new(pb::ListMessagesResponse { messages: messages.into_iter().map(Into::into).collect(), next_page_token }))
    }

    async fn get_attachment(
        &self,
        request: Request<pb::GetAttachmentRequest>,
    ) -> Result<Response<pb::GetAttachmentResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let key = ThreadKey { tenant: subject.tenant.clone(), thread: ThreadId::parse("thread_id", &asked.thread_id)? };
        let message = parse_uuid("message_id", &asked.message_id)?;
        let id = AttachmentId::parse("attachment_id", asked.attachment_id)?;
        let found = self.post.store.message(&key, subject.kind.audience(), message).await?;
        let place = found.as_ref().map(|(thread, _)| Place::from(thread));
        let revision = self.post.access.check(&subject, Wish::Read, place.as_ref()).map_err(Error::from)?;
        self.post.access.handed(&subject, revision);
        let message = found.and_then(|(_, message)| message).filter(|message| message.attachments.contains(&id));
        message.ok_or(Error::NotFound("attachment"))?;
        let address = self.attachments.address(&subject.tenant, &id);
        let expire_time = Some(wire::timestamp(i64::try_from(address.expires_at * 1_000_000).unwrap_or(i64::MAX)));
        Ok(Response::new(pb::GetAttachmentResponse { url: address.url, expire_time }))
    }

    async fn mark_read(&self, request: Request<pb::MarkReadRequest>) -> Result<Response<pb::MarkReadResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let id = ThreadId::parse("thread_id", &asked.thread_id)?;
        let state = self.post.read(&subject, id, Reading::UpTo(asked.up_to_seq)).await?;
        Ok(Response::new(pb::MarkReadResponse { unread_count: wire::count(state.unread), read_seq: state.seq }))
    }

    async fn mark_unread(&self, request: Request<pb::MarkUnreadRequest>) -> Result<Response<pb::MarkUnreadResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let id = ThreadId::parse("thread_id", &asked.thread_id)?;
        let from = Some(asked.from_seq).filter(|from| *from > 0);
        let state = self.post.read(&subject, id, Reading::UnreadFrom(from)).await?;
        Ok(Response::new(pb::MarkUnreadResponse { unread_count: wire::count(state.unread), read_seq: state.seq }))
    }

    async fn set_typing(&self, request: Request<pb::SetTypingRequest>) -> Result<Response<pb::SetTypingResponse>, Status> {
        let subject = super::subject(&self.post, &request)?;
        let asked = request.into_inner();
        let key = ThreadKey { tenant: subject.tenant.clone(), thread: ThreadId::parse("thread_id", &asked.thread_id)? };
        let found = self.post.store.thread(&key.tenant, key.thread).await?;
        let (_, name) = self.post.access.identify(&subject, Wish::Send, found.as_ref().map(Place::from).as_ref())?;
        self.hints.set_typing(&key, &subject.person, name, asked.typing);
        Ok(Response::new(pb::SetTypingResponse {}))
    }

    type WatchThreadStream = Pin<Box<dyn Stream<Item = Result<pb::WatchThreadResponse, Status>> + Send>>;

    async fn watch_thread(&self, request: Request<pb::WatchThreadRequest>) -> Result<Response<Self::WatchThreadStream>, Status> {
        Ok(Response::new(Box::pin(gated::frames(self.open_thread(request).await?))))
    }

    type WatchInboxStream = Pin<Box<dyn Stream<Item = Result<pb::WatchInboxResponse, Status>> + Send>>;

    async fn watch_inbox(&self, request: Request<pb::WatchInboxRequest>) -> Result<Response<Self::WatchInboxStream>, Status> {
        Ok(Response::new(Box::pin(gated::frames(self.open_inbox(request)?))))
    }
}

/// A page of threads.
struct Listed {
    views: Vec<ThreadView>,
    next_page_token: String,
    job_unread: u64,
}

/// Cuts a page off before its messages make it too large for standard clients; gives its last thread if it did.
fn cut_by_size(views: &mut Vec<ThreadView>) -> Option<&ThreadView> {
    let mut bytes = 0;
    let size = |view: &ThreadView| view.last_message.as_ref().map_or(0, |message| message.body.as_str().len());
    let fitting = views.iter().take_while(|view| {
        bytes += size(view);
        bytes <= PAGE_BYTES
    });
    let fitting = fitting.count().max(1);
    if fitting >= views.len() {
        return None;
    }
    views.truncate(fitting);
    views.last()
}

/// The place that a page token of the list names.
fn list_place(key: &str) -> Result<ListPlace, Error> {
    let damaged = || Refusal::new(ErrorReason::PageTokenInvalid, "the page token is damaged");
    let (updated_at, thread) = key.split_once('/').ok_or_else(damaged)?;
    let updated_at = updated_at.parse().map_err(|_| damaged())?;
    Ok(ListPlace { updated_at, thread: ThreadId(thread.parse().map_err(|_| damaged())?) })
}
