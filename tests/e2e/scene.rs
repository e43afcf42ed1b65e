//! A company whose people follow threads, send, lose access and get it back while a test lets things go wrong; in the end it is judged.

use std::sync::Arc;
use std::time::Duration;

use crewline::party::Pair;
use crewline_api::permissions::v1::PersonKind;
use crewline_checkers::history::Author;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::apart::Apart;
use crate::company::{CUSTOMER, Company, JOB};
use crate::dice::Dice;
use crate::followers::Follower;
use crate::recorder::Recorder;
use crate::running::PATIENCE;
use crate::senders::Sender;
use crate::switchboard::{Cause, Switchboard, appointment};

/// A company whose people follow, send and lose access, and what is written down of it.
pub struct Scene {
    pub company: Company,
    pub recorder: Arc<Recorder>,
    pub switchboard: Switchboard,
    contacts: Vec<String>,
    /// How far each stream has come, by thread.
    progress: Vec<(usize, watch::Receiver<u64>)>,
    followers: JoinSet<()>,
    workers: JoinSet<()>,
    working: watch::Sender<bool>,
    following: watch::Sender<bool>,
}

impl Scene {
    pub async fn open(callers: &Pair, threads: usize) -> Self {
        let company = Company::open(callers).await;
        let recorder = Arc::new(Recorder::new());
        let contacts: Vec<String> =
            (0..threads).map(|number| if number == 0 { CUSTOMER.into() } else { format!("+1555010020{number}") }).collect();
        recorder.thread(&company.thread);
        for contact in &contacts[1..] {
            recorder.thread(&company.start_thread(JOB, contact).await);
        }
        recorder.history().office.insert("olga".into());
        let switchboard =
            Switchboard { recorder: Arc::clone(&recorder), admin: company.admin.clone(), dispatch: company.dispatch.clone() };
        Self {
            company,
            recorder,
            switchboard,
            contacts,
            progress: Vec::new(),
            followers: JoinSet::new(),
            workers: JoinSet::new(),
            working: watch::Sender::new(false),
            following: watch::Sender::new(false),
        }
    }

    /// A technician with an appointment, who follows all threads on several streams, keeps an inbox open, and sends. Each has connections of
    /// their own. Loses access by these causes, one after the other, and gets it back.
    pub async fn technician(&mut self, apart: &Apart, id: &str, streams: usize, causes: Vec<Cause>, dice: &mut Dice) {
        let callers = apart.callers().await;
        let party = self.company.hire(&callers, PersonKind::Technician, id, (true, true)).await;
        self.company.assign_to(JOB, &appointment(id), &[id]).await;
        if causes.iter().any(|cause| matches!(cause, Cause::Role(..))) {
            self.company.set_role("technician", true, true).await;
            self.company.reset(id).await;
        }
        let follower = Follower {
            recorder: Arc::clone(&self.recorder),
            person: id.into(),
            party: party.clone(),
            over: self.following.subscribe(),
        };
        for thread in (0..self.contacts.len()).flat_map(|thread| [thread].repeat(streams)) {
            let progress = watch::Sender::new(0);
            self.progress.push((thread, progress.subscribe()));
            self.followers.spawn(follower.clone().follow(thread, progress));
        }
        self.followers.spawn(follower.clone().keep_inbox());
        let sender = |name: String| Sender {
            recorder: Arc::clone(&self.recorder),
            name,
            author: Author::Person(id.into()),
            party: party.clone(),
            contacts: self.contacts.clone(),
            over: self.working.subscribe(),
        };
        self.workers.spawn(sender(id.into()).send_all(Duration::from_millis(300), Dice::new(dice.roll(usize::MAX) as u64)));
        if !causes.is_empty() {
            let probe = Arc::new((follower, sender(format!("{id}-probe"))));
            let turning = turn_off_and_on(self.switchboard.clone(), causes, vec![probe], Dice::new(dice.roll(usize::MAX) as u64));
            self.workers.spawn(turning);
        }
    }

    /// The customers text, and the office sends.
    pub async fn others(&mut self, apart: &Apart, dice: &mut Dice) {
        let callers = apart.callers().await;
        let olga = callers.person("office", "olga", &self.company.tenant).expect("a token");
        let carrier = callers.service("carrier", &self.company.tenant).expect("a token");
        for (name, author, party) in [("olga", Author::Person("olga".into()), olga), ("customer", Author::Customer, carrier)] {
            let sender = Sender {
                recorder: Arc::clone(&self.recorder),
                name: name.into(),
                author,
                party,
                contacts: self.contacts.clone(),
                over: self.working.subscribe(),
            };
            self.workers.spawn(sender.send_all(Duration::from_millis(150), Dice::new(dice.roll(usize::MAX) as u64)));
        }
    }

    /// Ends the work, waits until everybody has everything, and lets the judges look.
    pub async fn close(mut self, apart: &Apart) {
        self.working.send_replace(true);
        while let Some(worker) = self.workers.join_next().await {
            worker.expect("a worker that came to its end");
        }
        self.recorder.finish(&self.company, &apart.chat).await;
        let mut newest = vec![0; self.contacts.len()];
        for logged in &self.recorder.history().log {
            newest[logged.thread] = newest[logged.thread].max(logged.seq);
        }
        // Everybody is allowed again.
        for (thread, progress) in &mut self.progress {
            let came = tokio::time::timeout(PATIENCE, progress.wait_for(|seq| *seq >= newest[*thread])).await;
            came.unwrap_or_else(|_| panic!("a stream of thread {thread} does not get to {}", newest[*thread]))
                .expect("it follows");
        }
        self.following.send_replace(true);
        while let Some(follower) = self.followers.join_next().await {
            follower.expect("a follower that came to its end");
        }
        self.recorder.judge();
    }
}

/// Takes access away and gives it back until it is over. As soon as it is gone, those concerned try what they can.
async fn turn_off_and_on(switchboard: Switchboard, causes: Vec<Cause>, probes: Vec<Arc<(Follower, Sender)>>, mut dice: Dice) {
    let mut trying = JoinSet::new();
    let mut number = 0;
    while !*probes[0].1.over.borrow() {
        let cause = dice.pick(&causes);
        switchboard.turn(cause, false).await;
        for probe in &probes {
            number += 1;
            let (probe, thread) = (Arc::clone(probe), dice.roll(probe.1.contacts.len()));
            trying.spawn(async move {
                tokio::join!(probe.1.send(thread, number), probe.0.look(thread));
            });
        }
        sleep(Duration::from_millis(dice.roll(400) as u64)).await;
        switchboard.turn(cause, true).await;
        sleep(Duration::from_millis(dice.roll(600) as u64)).await;
    }
    while let Some(tried) = trying.join_next().await {
        tried.expect("tried");
    }
}
