//! A thread's way between open and closed, and from job to job.

use super::thread_tx::ThreadTx;
use super::{Done, Store};
use crate::access::guard::Denial;
use crate::access::permit::Permit;
use crate::error::Error;
use crate::model::{Audience, JobId, Payload, Thread, ThreadId, ThreadState};

impl Store {
    /// Closes a thread; one that is closed stays as it is.
    pub async fn close_thread(&self, permit: Permit, id: ThreadId) -> Result<Done<Thread>, Error> {
        let mut tx = self.thread_tx(permit.tenant(), id).await?.ok_or(Denial::NoThread)?;
        let thread = tx.thread()?;
        if thread.state == ThreadState::Closed {
            return tx.unchanged(thread);
        }
        let event =
            tx.append(Audience::Crew, permit.revision(), Payload::ThreadClosed { actor: permit.author().clone() }).await?;
        tx.row.state = <&str>::from(ThreadState::Closed).to_owned();
        tx.row.open_key = None;
        tx.row.closed_at = event.committed_at;
        let closed = tx.thread()?;
        tx.commit(Some(&permit), closed).await
    }

    /// Opens a thread again; one that is open stays as it is.
    pub async fn reopen_thread(&self, permit: Permit, id: ThreadId) -> Result<Done<Thread>, Error> {
        let mut tx = self.thread_tx_with_contact(&permit, id).await?;
        let thread = tx.thread()?;
        if thread.state == ThreadState::Open {
            return tx.unchanged(thread);
        }
        permit.confirm(Some(&tx.place()?))?;
        super::threads::refuse_second_open(&*tx.tx, permit.tenant(), thread.job.as_ref(), &thread.contact).await?;
        tx.open_again(permit.author().clone(), permit.revision()).await?;
        let reopened = tx.thread()?;
        tx.commit(Some(&permit), reopened).await
    }

    /// Gives a thread to another job; one that has it stays as it is. With `floor`, what lies before is hidden from the crew.
    pub async fn move_thread(&self, permit: Permit, id: ThreadId, to: Option<JobId>, floor: bool) -> Result<Done<Thread>, Error> {
        let mut tx = self.thread_tx_with_contact(&permit, id).await?;
        permit.confirm(Some(&tx.place()?))?;
        let thread = tx.thread()?;
        if thread.job == to {
            return tx.unchanged(thread);
        }
        super::threads::refuse_second_open(&*tx.tx, permit.tenant(), to.as_ref(), &thread.contact).await?;
        if floor {
            (tx.row.crew_floor_seq, tx.row.crew_floor_inbound) = (tx.row.head_seq, tx.row.inbound_count);
        }
        let (actor, from) = (permit.author().clone(), thread.job.clone());
        tx.append(Audience::Crew, permit.revision(), Payload::ThreadMoved { actor, from, to: to.clone(), floor }).await?;
        tx.row.open_key = Some(super::threads::open_key(to.as_ref(), &thread.contact));
        tx.row.job_id = to.map(|job| job.as_str().to_owned());
        tx.left = thread.job;
        let moved = tx.thread()?;
        tx.commit(Some(&permit), moved).await
    }

    /// Begins a write that may open a thread for a key, or send a text: the number is locked first, whose it is never changes.
    pub(super) async fn thread_tx_with_contact(&self, permit: &Permit, id: ThreadId) -> Result<ThreadTx<'_>, Error> {
        let tx = self.db.write().await?;
        let found: Thread = super::threads::find(&*tx, permit.tenant(), id).await?.ok_or(Denial::NoThread)?.try_into()?;
        super::threads::hold(&tx, permit.tenant(), &found.contact).await?;
        let row = super::threads::lock(&*tx, permit.tenant(), id).await?.ok_or(Denial::NoThread)?;
        Ok(ThreadTx::new(self, tx, row))
    }
}
