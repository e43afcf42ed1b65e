//! The opening of streams for people.

use std::net::SocketAddr;
use std::time::SystemTime;

use chassis::identity::Identity;
use crewline_api::chat::v1 as pb;
use pb::watch_thread_request::Position;
use tonic::{Request, Status};

use super::threads::Threads;
use crate::access::guard::{Denial, Place, Subject, Wish};
use crate::cursor::Cursor;
use crate::error::Error;
use crate::inbox::InboxWatch;
use crate::model::{ThreadId, ThreadKey};
use crate::streams::{Holder, Kind};
use crate::watch::{Asked, ThreadWatch};
use crate::wire;

/// Who opens a stream, until when, and from where.
struct Opening {
    subject: Subject,
    expires_at: SystemTime,
    connection: Option<SocketAddr>,
}

impl Threads {
    fn opening<T>(&self, request: &Request<T>) -> Result<Opening, Error> {
        let subject = super::subject(&self.post, request)?;
        Ok(Opening { subject, expires_at: Identity::of(request)?.expires_at, connection: request.remote_addr() })
    }

    /// The stream of a thread.
    pub(super) async fn open_thread(&self, request: Request<pb::WatchThreadRequest>) -> Result<ThreadWatch, Status> {
        let Opening { subject, expires_at, connection } = self.opening(&request)?;
        let asked = request.into_inner();
        let thread = ThreadId::parse("thread_id", &asked.thread_id)?;
        let cursor = match asked.position {
            None => Cursor::START,
            Some(Position::Cursor(text)) => Cursor::open("cursor", &text, thread)?,
            Some(Position::AfterSeq(seq)) => Cursor::after(seq),
        };
        let key = ThreadKey { tenant: subject.tenant.clone(), thread };
        // Before the first read: an event that is committed after the read wakes this watcher.
        let watcher = self.post.fanout.register(key.clone());
        let found = self.post.store.thread(&key.tenant, thread).await?;
        let (_, name) = self.node.access.identify(&subject, Wish::Read, found.as_ref().map(Place::from).as_ref())?;
        let found = found.ok_or(Error::from(Denial::NoThread))?;
        let place = self.streams.take(Holder::Person(subject.clone()), Kind::Thread(thread), connection)?;
        let here = self.hints.enter(key.clone(), subject.person.clone(), name, asked.viewing);
        let asked = Asked { subject, expires_at, key, cursor, stop_at_head: asked.stop_at_head };
        Ok(ThreadWatch::new(self.node.clone(), asked, &found, watcher, here, place))
    }

    /// The inbox of a person.
    pub(super) fn open_inbox(&self, request: Request<pb::WatchInboxRequest>) -> Result<InboxWatch, Status> {
        let Opening { subject, expires_at, connection } = self.opening(&request)?;
        let filter = wire::inbox::filter(request.into_inner())?;
        self.node.access.check(&subject, Wish::Browse, None).map_err(Error::from)?;
        let place = self.streams.take(Holder::Person(subject.clone()), Kind::Inbox, connection)?;
        let slot = self.post.inboxes.register(&subject, filter.clone());
        Ok(InboxWatch::new(self.node.clone(), subject, expires_at, filter, slot, place))
    }
}
