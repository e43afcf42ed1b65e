//! A message's way from a validated request to the commit and its announcement.

use std::sync::Arc;

use chassis::db::to_completion;

use crate::access::Access;
use crate::access::guard::{Place, Subject, Wish};
use crate::error::Error;
use crate::fanout::Fanout;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::messages::{Committed, Incoming, Outgoing};

/// Writes messages. Clones share everything.
#[derive(Clone, Debug)]
pub struct Post {
    /// The guard.
    pub access: Access,
    /// The log.
    pub store: Store,
    /// The watchers.
    pub fanout: Fanout,
    /// The instruments.
    pub metrics: Metrics,
}

impl Post {
    /// From a person, who must be allowed to. Once begun, the write goes on to its end whether or not the caller waits.
    pub async fn send(&self, subject: &Subject, outgoing: Outgoing) -> Result<Committed, Error> {
        let thread = self.store.thread(&subject.tenant, outgoing.thread).await?;
        let permit = self.access.permit(subject, Wish::Send, thread.as_ref().map(Place::from).as_ref())?;
        let post = self.clone();
        to_completion(async move { Ok(post.announce(post.store.send(permit, outgoing).await?)) }).await?
    }

    /// From a customer: accepted also without knowledge of access.
    pub async fn receive(&self, incoming: Incoming) -> Result<Committed, Error> {
        let post = self.clone();
        to_completion(async move { Ok(post.announce(post.store.receive(incoming).await?)) }).await?
    }

    fn announce(&self, mut committed: Committed) -> Committed {
        match committed.event.take() {
            Some(event) => {
                self.metrics.messages.add(1, &[]);
                self.fanout.publish(&committed.key, Arc::new(event));
            }
            // The call that made it may not have known that it had.
            None => self.fanout.announce(&committed.key, committed.message.seq),
        }
        committed
    }
}
