//! When what was off, for whom: the changes of access, sorted so that each question is one search.

use std::collections::HashMap;

use crate::history::{Change, History, Nanos, Switch};

/// All changes, by what they turn.
pub(crate) struct Switches<'a> {
    history: &'a History,
    turns: HashMap<&'a Switch, Turns>,
}

/// The changes of one switch. A change is its place in [`History::changes`].
#[derive(Default)]
pub(crate) struct Turns {
    /// By return: of all revocations that had returned by then, the one with the newest revision.
    returned: Vec<(Nanos, Made)>,
    /// By invocation: the newest revision of all grants that had begun by then.
    granted: Vec<(Nanos, u64)>,
    /// By revision: revocations and grants.
    made: Vec<Made>,
    /// By revision: revocations alone.
    revoked: Vec<Made>,
    /// By revision: when the first of this grant and the later ones had returned.
    back: Vec<(u64, Nanos)>,
    /// A grant was made at a revision that nobody knows.
    unsure: bool,
    revocations: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Made {
    revision: u64,
    takes_away: bool,
    change: usize,
}

impl<'a> Switches<'a> {
    pub fn of(history: &'a History) -> Self {
        let mut turns: HashMap<&Switch, Turns> = HashMap::new();
        for (at, change) in history.changes.iter().enumerate() {
            turns.entry(&change.switch).or_default().take(at, change);
        }
        turns.values_mut().for_each(Turns::sort);
        Self { history, turns }
    }

    /// What has to be on for this person to see a job's threads; without a job, what is asked for every job.
    pub fn to_see(&self, person: &str, job: Option<&str>) -> Vec<&Turns> {
        let mut switches = vec![Switch::View(person.into()), Switch::Active(person.into())];
        if !self.history.office.contains(person) {
            switches.extend([Switch::MobileAccess(person.into()), Switch::Chat]);
            if let Some(job) = job {
                switches.extend([Switch::OnJob(person.into(), job.into()), Switch::JobOpen(job.into())]);
            }
        }
        switches.iter().filter_map(|switch| self.turns.get(switch)).collect()
    }

    /// What has to be on for this person to send.
    pub fn to_send(&self, person: &str, job: &str) -> Vec<&Turns> {
        let mut turns = self.to_see(person, Some(job));
        turns.extend(self.turns.get(&Switch::Full(person.into())));
        if self.history.office.contains(person) {
            turns.extend(self.turns.get(&Switch::Chat));
        }
        turns
    }
}

/// The revocation that had returned before `began`, and that no grant which began before `ended` can have undone.
pub(crate) fn off_from_to(turns: &[&Turns], began: Nanos, ended: Nanos) -> Option<usize> {
    turns.iter().find_map(|turns| {
        let newest = turns.returned.partition_point(|&(returned, _)| returned < began).checked_sub(1)?;
        let (_, revoked) = turns.returned[newest];
        (!turns.granted_since(revoked.revision, ended)).then_some(revoked.change)
    })
}

/// The revocation of this revision or before it that no grant which began before `ended` can have undone.
pub(crate) fn off_since(turns: &[&Turns], revision: u64, ended: Nanos) -> Option<usize> {
    turns.iter().find_map(|turns| {
        let newest = turns.revoked.partition_point(|made| made.revision <= revision).checked_sub(1)?;
        let revoked = turns.revoked[newest];
        (!turns.granted_since(revoked.revision, ended)).then_some(revoked.change)
    })
}

/// The revocation that counts at exactly this revision.
pub(crate) fn off_at(turns: &[&Turns], revision: u64) -> Option<usize> {
    turns.iter().find_map(|turns| {
        let newest = turns.made.partition_point(|made| made.revision <= revision).checked_sub(1)?;
        let made = turns.made[newest];
        (made.takes_away && !turns.unsure).then_some(made.change)
    })
}

/// The times in which something may have been off, a grant's way to the nodes (`delay`) included: sorted and apart.
pub(crate) fn doubtful(history: &History, turns: &[&Turns], delay: Nanos) -> Vec<(Nanos, Nanos)> {
    let times = turns.iter().flat_map(|turns| {
        turns.revocations.iter().map(move |&change| {
            let change = &history.changes[change];
            (change.invoked, change.revision.map_or(Nanos::MAX, |revision| turns.back_after(revision)).saturating_add(delay))
        })
    });
    times.collect()
}

impl Turns {
    fn take(&mut self, at: usize, change: &Change) {
        // Without a revision a revocation counts as the oldest, and a grant as the newest: so neither accuses anybody.
        let revision = change.revision.unwrap_or(if change.takes_away { 0 } else { u64::MAX });
        let made = Made { revision, takes_away: change.takes_away, change: at };
        if change.takes_away {
            self.revocations.push(at);
            self.returned.extend(change.returned.map(|returned| (returned, made)));
        } else {
            self.granted.push((change.invoked, revision));
            self.unsure |= change.revision.is_none();
            self.back.extend(change.returned.filter(|_| change.revision.is_some()).map(|returned| (revision, returned)));
        }
        if change.revision.is_some() {
            self.made.push(made);
        }
    }

    fn sort(&mut self) {
        self.returned.sort_by_key(|&(returned, _)| returned);
        for at in 1..self.returned.len() {
            let before = self.returned[at - 1].1;
            if before.revision > self.returned[at].1.revision {
                self.returned[at].1 = before;
            }
        }
        self.granted.sort_unstable();
        for at in 1..self.granted.len() {
            self.granted[at].1 = self.granted[at].1.max(self.granted[at - 1].1);
        }
        self.made.sort_by_key(|made| made.revision);
        self.revoked = self.made.iter().filter(|made| made.takes_away).copied().collect();
        self.back.sort_unstable();
        for at in (1..self.back.len()).rev() {
            self.back[at - 1].1 = self.back[at - 1].1.min(self.back[at].1);
        }
    }

    /// Whether a grant of a later revision had begun before then.
    fn granted_since(&self, revision: u64, before: Nanos) -> bool {
        let begun = self.granted.partition_point(|&(invoked, _)| invoked < before);
        begun.checked_sub(1).is_some_and(|newest| self.granted[newest].1 > revision)
    }

    /// When the first grant of a later revision had returned.
    fn back_after(&self, revision: u64) -> Nanos {
        let first = self.back.partition_point(|&(granted, _)| granted <= revision);
        self.back.get(first).map_or(Nanos::MAX, |&(_, returned)| returned)
    }
}
