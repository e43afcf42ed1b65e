//! The second step of a change that takes access away: when no lease from before it counts any more, it is in force.
//!
//! What is unfinished is read from the database, so that it is found whoever made it: a call that nobody waits for any more, a commit
//! of unknown outcome, a process that was killed.

use std::convert::Infallible;
use std::time::Duration;

use chassis::clock::{Clock, Moment};
use tokio::time::{Instant, sleep_until};

use crate::error::Error;
use crate::leases::{Counts, Leases, Verdict};
use crate::metrics::Metrics;
use crate::mutant::Mutant;
use crate::store::Store;
use crate::store::changes::Receipt;
use crate::store::in_force::{InForce, Unfinished};

/// Changes looked at together. They come into force in order, so that the rest can wait.
const AT_ONCE: u64 = 256;
/// When nothing tells of an unfinished change: a commit of unknown outcome can arrive late.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The pause after the database has failed.
const RETRY: Duration = Duration::from_millis(250);

/// Puts changes in force. There is one for each database.
pub struct Finisher {
    /// The database.
    pub store: Store,
    /// Who is waited for.
    pub leases: Leases,
    /// The time.
    pub clock: Clock,
    /// The instruments.
    pub metrics: Metrics,
    /// When the last lease of before this start has run out; none once that is noted.
    pub older_until: Option<Moment>,
}

impl Finisher {
    /// Goes on for as long as it is polled.
    pub async fn run(mut self) -> Infallible {
        loop {
            let next = match self.finish().await {
                Ok(Some(until)) => self.clock.instant(until),
                Ok(None) => Instant::now() + LOOK_AGAIN,
                Err(error) => {
                    tracing::warn!(%error, "changes that take access away cannot be put in force; it is tried again");
                    sleep_until(Instant::now() + RETRY).await;
                    continue;
                }
            };
            tokio::select! {
                () = self.store.to_follow_up() => {}
                () = self.leases.moved() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Stamps what can be stamped. Tells when to look again at the latest, if something waits.
    async fn finish(&mut self) -> Result<Option<Moment>, Error> {
        if self.older_until.is_some_and(|until| until <= self.clock.now()) {
            self.store.forget_older_leases(self.leases.ttl()).await?;
            self.older_until = None;
        }
        let unfinished = self.store.unfinished(AT_ONCE).await?;
        if self.leases.forget_but(unfinished.iter().map(|change| change.revision)) {
            // Also where the stamp before this look was of unknown outcome.
            self.store.tell_stamped();
        }
        let (mut settled, mut until) = (Vec::new(), None);
        for change in &unfinished {
            match self.leases.look(change.revision) {
                // Whatever an older change waits for, a newer one waits for, too.
                Verdict::Settled(counts) if until.is_none() => settled.push((*change, counts)),
                Verdict::Waiting(_) if Mutant::NoCommitWait.planted() => settled.push((*change, Counts::default())),
                Verdict::Settled(_) => {}
                Verdict::Waiting(moment) => until = until.or(Some(moment)),
            }
        }
        self.metrics.unfinished.record(count(unfinished.len() - settled.len()), &[]);
        if !settled.is_empty() {
            self.stamp(settled).await?;
            // There may be more than were read.
            self.store.follow_up();
        }
        Ok(until)
    }

    async fn stamp(&self, settled: Vec<(Unfinished, Counts)>) -> Result<(), Error> {
        let now = self.clock.wall_micros();
        let stamp = |(change, counts): &(Unfinished, Counts)| {
            let waited_out = u32::try_from(counts.waited_out.len()).unwrap_or(u32::MAX);
            // The calendar may have been set back in between.
            (change.revision, InForce { at: now.max(change.committed_at), confirmed: counts.confirmed, waited_out })
        };
        self.store.stamp(&settled.iter().map(stamp).collect::<Vec<_>>()).await?;
        for (change, counts) in &settled {
            let took = Duration::from_micros(now.saturating_sub(change.committed_at).unsigned_abs());
            tracing::debug!(change.revision, ?took, counts.confirmed, "a change is in force");
            self.metrics.in_force.record(took.as_secs_f64(), &[]);
            self.metrics.nodes_waited_out.add(count(counts.waited_out.len()), &[]);
            for node in &counts.waited_out {
                let (node, incarnation) = (&node.name, &node.incarnation);
                tracing::warn!(node, incarnation, change.revision, "a node did not confirm a change: its lease had to run out");
            }
        }
        Ok(())
    }
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

/// Waits until a change, and every older one of its tenant, is in force. Only a grant is in force when it is committed.
pub async fn until_in_force(store: &Store, receipt: Receipt) -> Result<Receipt, Error> {
    let mut stamps = store.stamps();
    let mut in_force = receipt.in_force;
    while in_force.is_none() {
        in_force = store.in_force(receipt.revision).await?;
        if in_force.is_none() {
            // It may be one of whose commit nobody was told.
            store.follow_up();
            stamps.changed().await.map_err(|_| Error::Draining)?;
        }
    }
    Ok(Receipt { in_force, ..receipt })
}
