//! A write's way from a validated request to the commit and its announcement.

use std::future::Future;

use chassis::db::{DbError, to_completion};
use tokio::time::timeout_at;

use crate::access::Access;
use crate::access::guard::{Place, Subject, Wish};
use crate::access::permit::Permit;
use crate::error::Error;
use crate::fanout::Fanout;
use crate::inboxes::Inboxes;
use crate::metrics::Metrics;
use crate::model::{Payload, TenantId, ThreadId};
use crate::outbox::Outbox;
use crate::rules::Rules;
use crate::store::endings::Target;
use crate::store::horizons::{ReadState, Reading};
use crate::store::incoming::{Incoming, Received};
use crate::store::outbound::OutboundText;
use crate::store::{Done, Store};

/// Writes, and tells those whom it concerns. Clones share everything.
#[derive(Clone, Debug)]
pub struct Post {
    /// The guard.
    pub access: Access,
    /// The log.
    pub store: Store,
    /// The watchers of threads.
    pub fanout: Fanout,
    /// The open inboxes.
    pub inboxes: Inboxes,
    /// The gateways.
    pub outbox: Outbox,
    /// How customers' texts are treated, and texts to them.
    pub rules: Rules,
    /// The instruments.
    pub metrics: Metrics,
}

impl Post {
    /// A person's write. They must be allowed to. Once begun, it goes on to its end whether or not the caller waits.
    pub async fn write<T, W>(
        &self,
        subject: &Subject,
        wish: Wish,
        target: Target,
        work: impl FnOnce(Store, Permit) -> W + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        W: Future<Output = Result<Done<T>, Error>> + Send,
    {
        let permit = self.permit(subject, wish, target.thread()).await?;
        // Until the answer leaves: it is the last that this person gets by what is known now.
        let _pin = permit.pin();
        let post = self.clone();
        to_completion(async move { Ok(post.announce(post.finish(permit, target, work).await?)) }).await?
    }

    /// Keeps the pin of a write until it is known to have ended.
    async fn finish<T, W>(&self, permit: Permit, target: Target, work: impl FnOnce(Store, Permit) -> W) -> Result<T, Error>
    where
        W: Future<Output = Result<T, Error>>,
    {
        let (pin, tenant, deadline) = (permit.pin(), permit.tenant().clone(), permit.deadline());
        let failure = match timeout_at(deadline, work(self.store.clone(), permit)).await {
            Ok(Err(error)) if error.leaves_open() => error,
            Ok(ended) => return ended,
            Err(_) => DbError::Unavailable("the write took too long".into()).into(),
        };
        let store = self.store.clone();
        tokio::spawn(async move {
            store.await_end(&tenant, &target).await;
            drop(pin);
        });
        Err(failure)
    }

    /// A write that nobody's permission stands behind: the gateway's.
    pub async fn carry_out<T, W>(&self, work: impl FnOnce(Store) -> W + Send + 'static) -> Result<T, Error>
    where
        T: Send + 'static,
        W: Future<Output = Result<Done<T>, Error>> + Send,
    {
        let post = self.clone();
        to_completion(async move { Ok(post.announce(work(post.store.clone()).await?)) }).await?
    }

    /// A person says what they have read: their other devices hear of it, and nobody else.
    pub async fn read(&self, subject: &Subject, thread: ThreadId, reading: Reading) -> Result<ReadState, Error> {
        let permit = self.permit(subject, Wish::Read, Some(thread)).await?;
        let _pin = permit.pin();
        let (post, subject) = (self.clone(), subject.clone());
        to_completion(async move {
            let target = Target::Horizon(thread, subject.person.clone());
            let change = |store: Store, permit| async move { store.change_horizon(permit, thread, reading).await };
            let state = post.finish(permit, target, change).await?;
            post.inboxes.touch_own(&subject, thread);
            Ok(state)
        })
        .await?
    }

    /// A customer's text: accepted also without fresh knowledge of access.
    pub async fn receive(&self, incoming: Incoming) -> Result<Received, Error> {
        let (access, tenant, within) = (self.access.clone(), incoming.tenant.clone(), self.rules.reopen_within);
        self.carry_out(move |store| async move { store.receive(incoming, within, |job| access.is_under_way(&tenant, job)).await })
            .await
    }

    /// What a gateway is to send now. What must not go out any more is given up on the way.
    pub async fn hand_out(&self, tenant: &TenantId) -> Result<Vec<OutboundText>, Error> {
        let (post, tenant, how) = (self.clone(), tenant.clone(), self.rules.hand_out);
        to_completion(async move {
            loop {
                let handed = post.store.hand_out(&tenant, how).await?;
                let done = handed.hopeless.is_empty() || !handed.texts.is_empty();
                for (token, why) in handed.hopeless {
                    match post.store.give_up(&tenant, token, why).await {
                        Ok(given_up) => {
                            post.announce(given_up);
                        }
                        // What has a lease is handed out all the same.
                        Err(error) if done => tracing::warn!(%error, "a text could not be given up; it is tried again"),
                        Err(error) => return Err(error),
                    }
                }
                if done {
                    return Ok(handed.texts);
                }
            }
        })
        .await?
    }

    /// How many texts wait for the gateway, and when the next lease or pause after `looked_at` ends, in microseconds since 1970.
    pub async fn waiting(&self, tenant: &TenantId, looked_at: i64) -> Result<(u64, Option<i64>), Error> {
        let (store, tenant) = (self.store.clone(), tenant.clone());
        to_completion(async move { store.waiting(&tenant, looked_at).await }).await?
    }

    async fn permit(&self, subject: &Subject, wish: Wish, thread: Option<ThreadId>) -> Result<Permit, Error> {
        let found = match thread {
            Some(thread) => self.store.thread(&subject.tenant, thread).await?,
            None => None,
        };
        self.access.permit(subject, wish, found.as_ref().map(Place::from).as_ref())
    }

    fn announce<T>(&self, Done { value, news }: Done<T>) -> T {
        let events = news.iter().flat_map(|news| &news.events);
        let posted = events.filter(|event| matches!(event.payload, Payload::MessagePosted { .. })).count();
        self.metrics.messages.add(u64::try_from(posted).unwrap_or_default(), &[]);
        news.iter().for_each(|news| self.fanout.publish(news));
        self.inboxes.touch(&news);
        for news in news.iter().filter(|news| news.to_send) {
            self.outbox.wake(&news.key.tenant);
        }
        value
    }
}
