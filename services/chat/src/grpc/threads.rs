//! `ThreadService`.

use std::pin::Pin;

use chassis::db::to_completion;
use chassis::identity::Identity;
use chassis::page::Page;
use crewline_api::chat::v1 as pb;
use crewline_api::errors::v1::ErrorReason;
use futures_util::Stream;
use pb::thread_service_server::ThreadService;
use pb::watch_thread_request::Position;
use tonic::{Request, Response, Status};

use crate::access::guard::{Denial, Place, Subject, Wish};
use crate::cursor::Cursor;
use crate::error::Error;
use crate::fanout::Fanout;
use crate::model::{Body, ClientMessageId, ContactNumber, JobId, ThreadId, ThreadKey};
use crate::send::Post;
use crate::store::messages::{MessagePage, Outgoing};
use crate::streams::Streams;
use crate::watch::{Asked, ThreadWatch, Watches};
use crate::wire;

/// The service.
#[derive(Clone)]
pub struct Threads {
    /// Writes messages.
    pub post: Post,
    /// What streams share.
    pub watches: Watches,
    /// The watchers.
    pub fanout: Fanout,
    /// How many streams a person holds.
    pub streams: Streams,
}

impl Threads {
    /// Who calls. A tenant that is not there is told before anything that is wrong with the message.
    fn subject<T>(&self, request: &Request<T>) -> Result<Subject, Error> {
        let identity = Identity::of(request)?;
        let tenant = identity.tenant(request.metadata())?;
        tracing::Span::current().record("tenant", tenant);
        let subject = Subject::of(identity, tenant)?;
        self.post.access.refuse_absent(&subject.tenant)?;
        Ok(subject)
    }
}

#[tonic::async_trait]
impl ThreadService for Threads {
    async fn start_thread(&self, request: Request<pb::StartThreadRequest>) -> Result<Response<pb::StartThreadResponse>, Status> {
        let subject = self.subject(&request)?;
        let asked = request.into_inner();
        let job = if asked.job_id.is_empty() { None } else { Some(JobId::parse("job_id", asked.job_id)?) };
        let contact = ContactNumber::parse("contact_number", asked.contact_number)?;
        let permit = self.post.access.permit(&subject, Wish::Start, None)?;
        let store = self.post.store.clone();
        let started =
            to_completion(async move { store.start_thread(permit, job, contact).await }).await.map_err(Error::from)??;
        Ok(Response::new(pb::StartThreadResponse { thread: Some(wire::thread(&started, subject.kind)) }))
    }

    async fn get_thread(&self, request: Request<pb::GetThreadRequest>) -> Result<Response<pb::GetThreadResponse>, Status> {
        let subject = self.subject(&request)?;
        let id = ThreadId::parse("thread_id", &request.get_ref().thread_id)?;
        let thread = self.post.store.thread(&subject.tenant, id).await?;
        // The guard comes last: what it lets through is already in hand.
        self.post.access.check(&subject, Wish::Read, thread.as_ref().map(Place::from).as_ref()).map_err(Error::from)?;
        Ok(Response::new(pb::GetThreadResponse { thread: thread.map(|thread| wire::thread(&thread, subject.kind)) }))
    }

    async fn send_message(&self, request: Request<pb::SendMessageRequest>) -> Result<Response<pb::SendMessageResponse>, Status> {
        let subject = self.subject(&request)?;
        let asked = request.into_inner();
        let outgoing = Outgoing {
            thread: ThreadId::parse("thread_id", &asked.thread_id)?,
            id: ClientMessageId::parse("client_message_id", asked.client_message_id)?,
            body: Body::written("body", asked.body)?,
        };
        let sent = self.post.send(&subject, outgoing).await?;
        Ok(Response::new(pb::SendMessageResponse { message: Some(sent.message.into()), duplicate: sent.duplicate }))
    }

    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let subject = self.subject(&request)?;
        let asked = request.into_inner();
        let key = ThreadKey { tenant: subject.tenant.clone(), thread: ThreadId::parse("thread_id", &asked.thread_id)? };
        let page = Page::read(format!("messages/{}/{}", key.tenant, key.thread), asked.page_size, &asked.page_token);
        // A token that does not fit is told only to those who may see the list.
        let (after, limit) = match &page {
            Ok(page) => (page.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or_default(), page.limit()),
            Err(refusal) if refusal.reason() == ErrorReason::PageTokenInvalid => (0, 0),
            Err(refusal) => return Err(refusal.clone().into()),
        };
        let read = self.post.store.messages(&key, after, limit).await?;
        let place = read.as_ref().map(|read| Place::from(&read.thread));
        self.post.access.check(&subject, Wish::Read, place.as_ref()).map_err(Error::from)?;
        let page = page?;
        let MessagePage { mut messages, cut, .. } = read.ok_or(Error::from(Denial::NoThread))?;
        let next_page_token = match messages.last() {
            Some(last) if cut => page.token_after(&last.seq.to_string()),
            _ => page.cut(&mut messages, |message| message.seq.to_string()),
        };
        Ok(Response::new(pb::ListMessagesResponse { messages: messages.into_iter().map(Into::into).collect(), next_page_token }))
    }

    type WatchThreadStream = Pin<Box<dyn Stream<Item = Result<pb::WatchThreadResponse, Status>> + Send>>;

    async fn watch_thread(&self, request: Request<pb::WatchThreadRequest>) -> Result<Response<Self::WatchThreadStream>, Status> {
        let subject = self.subject(&request)?;
        let (expires_at, connection) = (Identity::of(&request)?.expires_at, request.remote_addr());
        let asked = request.into_inner();
        let thread = ThreadId::parse("thread_id", &asked.thread_id)?;
        let cursor = match asked.position {
            None => Cursor::START,
            Some(Position::Cursor(text)) => Cursor::open("cursor", &text, thread)?,
            Some(Position::AfterSeq(seq)) => Cursor::after(seq),
        };
        let key = ThreadKey { tenant: subject.tenant.clone(), thread };
        // Before the first read: an event that is committed after the read wakes this watcher.
        let watcher = self.fanout.register(key.clone());
        let found = self.post.store.thread(&key.tenant, thread).await?;
        self.post.access.check(&subject, Wish::Read, found.as_ref().map(Place::from).as_ref()).map_err(Error::from)?;
        let found = found.ok_or(Error::from(Denial::NoThread))?;
        let place = self.streams.take(&subject, connection)?;
        let asked = Asked { subject, expires_at, key, cursor, stop_at_head: asked.stop_at_head };
        let watch = ThreadWatch::new(self.watches.clone(), asked, &found, watcher, place);
        Ok(Response::new(Box::pin(watch.frames())))
    }
}
