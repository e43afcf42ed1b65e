//! The inbox: every thread that a person may see now, as a state that follows.
//!
//! Like the stream of a thread it is pulled, and nothing is queued for it: it remembers which threads to look at again, and reads them
//! when it is asked. What happened in between is folded into what they are then.

mod shown;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use chassis::db::to_completion;
use crewline_api::chat::v1 as pb;
use pb::{ClosingReason, RemovedReason};

use self::shown::Shown;
use crate::access::guard::{Denial, Denied, Place, Subject};
use crate::error::Error;
use crate::gated::{End, Gated, Idle, Life, Node, Verdict};
use crate::inboxes::{Since, Slot, ToRead};
use crate::model::{JobId, PersonKind, ThreadId, ThreadView};
use crate::store::views::{Filter, ListPlace, VisibleJobs};
use crate::streams::StreamPlace;
use crate::wire::inbox as frames;

/// Threads in one read, and removals in one frame.
const BATCH: usize = 32;
/// Bytes of text in one frame, about; one thread may have more. What has left cannot be taken back while it lies in the transport.
const FRAME_BYTES: usize = 32 * 1024;
/// Threads in one inbox.
const MAX_SHOWN: usize = 10_000;

/// One stream.
#[derive(Debug)]
pub struct InboxWatch {
    node: Node,
    life: Life,
    subject: Subject,
    filter: Filter,
    slot: Slot,
    /// What the client was told, and has not been told to be gone.
    shown: Shown,
    /// Read, and not told yet.
    ready: VecDeque<ThreadView>,
    /// To be told to be gone.
    going: VecDeque<(ThreadId, RemovedReason)>,
    /// The jobs whose threads are shown; nothing for the office.
    jobs: HashSet<JobId>,
    /// The version of the access facts that `jobs` comes from.
    looked_at: Option<u64>,
    /// What is still to be read from front to back.
    scans: VecDeque<Scan>,
    /// What is shown and has to be looked at, since more changed than could be remembered.
    recheck: VecDeque<ThreadId>,
    snapshot_told: bool,
    truncated: bool,
}

/// A list of threads that is being read.
#[derive(Debug)]
struct Scan {
    jobs: VisibleJobs,
    after: Option<ListPlace>,
    /// The threads met so far, where those that are not met have to be looked at by themselves.
    met: Option<HashSet<ThreadId>>,
}

/// What would be told, if the guard agrees.
#[derive(Debug)]
pub enum Candidate {
    /// Threads as they were read.
    Threads(Vec<ThreadView>),
    /// Threads that are gone.
    Removed(Vec<(ThreadId, RemovedReason)>),
    /// Everything has been told.
    SnapshotEnd,
    /// The heartbeat.
    Progress,
    /// Nothing; but access may have changed.
    Nothing,
}

impl InboxWatch {
    /// The inbox of a person whom the guard has let look.
    pub fn new(
        node: Node,
        subject: Subject,
        expires_at: std::time::SystemTime,
        filter: Filter,
        slot: Slot,
        place: StreamPlace,
    ) -> Self {
        Self {
            life: Life::new(&node, expires_at, place),
            subject,
            filter,
            slot,
            shown: Shown::default(),
            ready: VecDeque::new(),
            going: VecDeque::new(),
            jobs: HashSet::new(),
            looked_at: None,
            scans: VecDeque::from([Scan { jobs: None, after: None, met: None }]),
            recheck: VecDeque::new(),
            snapshot_told: false,
            truncated: false,
            node,
        }
    }

    /// Follows a change of access: which jobs are shown, and which threads no longer are.
    fn follow_access(&mut self) -> Result<(), Denied> {
        let version = self.life.access_version();
        if self.looked_at == Some(version) {
            return Ok(());
        }
        if let Some(visible) = self.node.access.visible_jobs(&self.subject)? {
            let visible: HashSet<JobId> = visible.into_iter().collect();
            // Before their threads are read.
            self.slot.set_jobs(&visible);
            let new: Vec<JobId> = visible.difference(&self.jobs).cloned().collect();
            if self.looked_at.is_none() {
                // The first of the scans has waited for it.
                self.scans.iter_mut().for_each(|scan| scan.jobs = Some(visible.iter().cloned().collect()));
            } else if !new.is_empty() {
                self.scans.push_back(Scan { jobs: Some(new), after: None, met: None });
            }
            self.jobs = visible;
            self.drop_hidden()?;
        }
        self.looked_at = Some(version);
        Ok(())
    }

    /// Finds what is shown and may no longer be.
    fn drop_hidden(&mut self) -> Result<(), Denied> {
        let (_, judged) = self.node.access.check_each(&self.subject, self.shown.places())?;
        let hidden: Vec<(ThreadId, RemovedReason)> = self
            .shown
            .places()
            .zip(judged)
            .filter_map(|(place, judged)| judged.err().map(|denial| (place.thread, removed_reason(denial))))
            .collect();
        self.going.extend(hidden);
        Ok(())
    }

    /// Takes as much of what is ready as fits into a frame: at least one thread, if there is one.
    fn take_ready(&mut self) -> Vec<ThreadView> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(view) = self.ready.front() {
            bytes += view.last_message.as_ref().map_or(0, |message| message.body.as_str().len());
            if bytes > FRAME_BYTES && !batch.is_empty() {
                break;
            }
            batch.extend(self.ready.pop_front());
        }
        batch
    }

    /// Reads a piece of the list that is being read; false if there is none.
    async fn scan(&mut self) -> Result<bool, End> {
        let Some(scan) = self.scans.front() else { return Ok(false) };
        let (jobs, after) = (scan.jobs.clone(), scan.after);
        let (subject, filter) = (self.subject.clone(), self.filter.clone());
        let limit = u64::try_from(BATCH).unwrap_or(u64::MAX);
        let store = self.node.store.clone();
        let views = self
            .read(async move {
                let _turn = store.turn().await;
                store.list_threads(&subject, &jobs, &filter, after, limit).await
            })
            .await?;
        let full = self.shown.len() >= MAX_SHOWN;
        let Some(scan) = self.scans.front_mut() else { return Ok(false) };
        scan.after = views.last().map(|last| ListPlace { updated_at: last.thread.updated_at, thread: last.thread.id });
        if let Some(met) = &mut scan.met {
            met.extend(views.iter().map(|view| view.thread.id));
        }
        if views.len() < BATCH || full {
            let met = self.scans.pop_front().and_then(|scan| scan.met);
            // Kept here and not in the mailbox, which they would fill again.
            self.recheck.extend(met.into_iter().flat_map(|met| self.shown.threads().filter(move |thread| !met.contains(thread))));
        }
        self.ready.extend(views);
        Ok(true)
    }

    /// Reads the threads that have changed; false if none has.
    async fn read_changed(&mut self) -> Result<bool, End> {
        let ids = if self.recheck.is_empty() {
            match self.slot.take(BATCH) {
                ToRead::Threads(ids) => ids,
                ToRead::Everything => {
                    let jobs = (self.subject.kind == PersonKind::Technician).then(|| self.jobs.iter().cloned().collect());
                    self.scans.push_back(Scan { jobs, after: None, met: Some(HashSet::new()) });
                    return Ok(true);
                }
            }
        } else {
            let most = self.recheck.len().min(BATCH);
            self.recheck.drain(..most).collect()
        };
        if ids.is_empty() {
            return Ok(false);
        }
        let (subject, asked, store) = (self.subject.clone(), ids.clone(), self.node.store.clone());
        let views = self
            .read(async move {
                let _turn = store.turn().await;
                store.views_of(&subject, &asked).await
            })
            .await?;
        self.ready.extend(views);
        Ok(true)
    }

    /// In a task of its own, as every stream reads.
    async fn read<T: Send + 'static>(&self, work: impl Future<Output = Result<T, Error>> + Send + 'static) -> Result<T, End> {
        self.node.metrics.inbox_reads.add(1, &[]);
        to_completion(work).await.map_err(|error| End::Failed(error.into()))?.map_err(End::Failed)
    }

    /// The guard has judged each of these threads: what may be seen is told, what was shown and may not is about to go.
    fn tell(&mut self, views: Vec<ThreadView>, judged: Vec<Result<(), Denial>>) -> Option<pb::WatchInboxResponse> {
        let mut told = Vec::new();
        for (view, judged) in views.into_iter().zip(judged) {
            if self.is_superseded(&view) {
                continue;
            }
            let gone = match judged {
                Err(denial) => {
                    // If they come to the job again before this is told, its threads are looked for again.
                    if let (Denial::NotOnJob | Denial::JobEnded, Some(job)) = (denial, &view.thread.job) {
                        self.jobs.remove(job);
                    }
                    Some(self.reason(&view, denial))
                }
                Ok(()) if !self.filter.fits(&view) => Some(RemovedReason::NotInFilter),
                Ok(()) => None,
            };
            match gone {
                Some(reason) if self.shown.has(view.thread.id) => self.going.push_back((view.thread.id, reason)),
                Some(_) => {}
                None if self.shown.len() >= MAX_SHOWN && !self.shown.has(view.thread.id) => self.truncated = true,
                // It goes and comes again, so that the count of the job that it left is told, too.
                None if self.shown.has(view.thread.id) && self.shown.job(view.thread.id) != view.thread.job.as_ref() => {
                    self.going.push_back((view.thread.id, RemovedReason::ThreadMoved));
                    self.slot.put_back(view.thread.id);
                }
                None => {
                    self.shown.put(&view);
                    told.push(view);
                }
            }
        }
        (!told.is_empty()).then(|| frames::entries(&told, self.subject.kind, |job| self.shown.unread_of(job)))
    }

    /// Whether a technician must not be told of what is in hand: the thread is closed, moved or hidden by now. It is looked at again in its
    /// turn. The transport may have kept it waiting for long.
    fn is_superseded(&self, view: &ThreadView) -> bool {
        if self.subject.kind == PersonKind::Office {
            return false;
        }
        match self.slot.since(view.thread.id) {
            Since::Nothing => false,
            Since::News(newest) => newest.place != Place::from(&view.thread) || newest.crew_floor != view.thread.crew_floor,
            Since::Unknown => true,
        }
    }

    /// Why a thread that was shown is no longer: it went to another job, or something became of the person or the thread where it is.
    fn reason(&self, view: &ThreadView, denial: Denial) -> RemovedReason {
        let moved = self.shown.job(view.thread.id) != view.thread.job.as_ref();
        if moved { RemovedReason::ThreadMoved } else { removed_reason(denial) }
    }

    fn remove(&mut self, gone: &[(ThreadId, RemovedReason)]) -> Option<pb::WatchInboxResponse> {
        let mut told = Vec::new();
        for (thread, reason) in gone {
            if let Some(job) = self.shown.remove(*thread) {
                told.push((*thread, *reason, job));
            }
        }
        (!told.is_empty()).then(|| frames::removed(&told, |job| self.shown.unread_of(job)))
    }
}

impl Gated for InboxWatch {
    type Frame = pb::WatchInboxResponse;
    type Candidate = Candidate;

    fn life(&mut self) -> &mut Life {
        &mut self.life
    }

    async fn candidate(&mut self) -> Result<Candidate, End> {
        // What is refused here is refused again, and told, when the candidate is judged.
        if self.follow_access().is_err() {
            return Ok(Candidate::Nothing);
        }
        if !self.going.is_empty() {
            let most = self.going.len().min(BATCH);
            return Ok(Candidate::Removed(self.going.drain(..most).collect()));
        }
        if !self.ready.is_empty() {
            return Ok(Candidate::Threads(self.take_ready()));
        }
        if self.scan().await? {
            return Ok(Candidate::Nothing);
        }
        if !self.snapshot_told {
            return Ok(Candidate::SnapshotEnd);
        }
        if self.read_changed().await? {
            return Ok(Candidate::Nothing);
        }
        tokio::select! {
            () = self.slot.woken() => Ok(Candidate::Nothing),
            idle = self.life.idle() => Ok(match idle {
                Idle::Heartbeat => Candidate::Progress,
                Idle::Look => Candidate::Nothing,
            }),
        }
    }

    fn pass(&mut self, candidate: Candidate) -> Verdict<pb::WatchInboxResponse, Candidate> {
        let places: Vec<Place> = match &candidate {
            Candidate::Threads(views) => views.iter().map(|view| Place::from(&view.thread)).collect(),
            _ => Vec::new(),
        };
        let (revision, judged) = match self.node.access.check_each(&self.subject, places.iter()) {
            Ok(judged) => judged,
            Err(Denied::No(denial)) => return Verdict::Refused(denial),
            Err(Denied::Unknown) => return Verdict::Unknown(candidate),
        };
        let frame = match candidate {
            Candidate::Nothing => None,
            Candidate::Threads(views) => self.tell(views, judged),
            Candidate::Removed(gone) => self.remove(&gone),
            Candidate::SnapshotEnd => {
                self.snapshot_told = true;
                Some(frames::snapshot_end(self.shown.len(), self.truncated, revision))
            }
            Candidate::Progress => Some(frames::progress(self.node.clock.wall())),
        };
        if frame.is_some() {
            self.node.access.handed(&self.subject, revision);
        }
        Verdict::Leaves(frame)
    }

    fn holding(&self) -> pb::WatchInboxResponse {
        frames::holding()
    }

    fn closing(&self, reason: ClosingReason, retry_after: Duration) -> pb::WatchInboxResponse {
        frames::closing(reason, retry_after)
    }
}

fn removed_reason(denial: Denial) -> RemovedReason {
    match denial {
        Denial::HiddenWhenClosed | Denial::ThreadClosed => RemovedReason::ThreadClosed,
        Denial::JobEnded => RemovedReason::JobEnded,
        Denial::TenantNotAllowed
        | Denial::PersonInactive
        | Denial::ChatDisabled
        | Denial::LevelTooLow
        | Denial::NoThread
        | Denial::NotOnJob => RemovedReason::Unassigned,
    }
}
