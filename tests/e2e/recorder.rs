//! What a test that lets things go wrong writes down for the judges: clients' events on one clock, and in the end the nodes' records.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use ::chat::store::entities::thread_events;
use crewline_checkers::history::{Delivery, History, Logged, Nanos, Node, Record, Recorded, Thread, Window};
use crewline_checkers::{Rule, Verdict};
use prost_types::Timestamp;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};
use serde_json::Value;

use crate::calls::try_messages;
use crate::company::{Company, JOB};
use crate::running::{PATIENCE, Running};

/// What a chat service has to be told so that its log holds the records, and can be read.
pub const RECORDS: [(&str, &str); 2] = [
    ("CREWLINE_TELEMETRY__LOG_FORMAT", "json"),
    ("CREWLINE_TELEMETRY__LOG_FILTER", "info,sea_orm_migration=warn,chat::record=trace"),
];
/// The wall clock may be slewed: by less than what lies between the last hand-over and the return of a call.
const STEP: Duration = Duration::from_millis(1);

/// Writes down. All times are of its clock.
pub struct Recorder {
    began: Instant,
    wall: SystemTime,
    history: Mutex<History>,
    incarnations: Mutex<Incarnations>,
}

/// Where in the log of the chat service each incarnation begins, and when it stood still.
#[derive(Default)]
struct Incarnations {
    begin: Vec<usize>,
    frozen: Vec<(usize, Window)>,
}

impl Recorder {
    pub fn new() -> Self {
        let (began, wall) = (Instant::now(), SystemTime::now());
        Self {
            began,
            wall,
            history: Mutex::default(),
            incarnations: Mutex::new(Incarnations { begin: vec![0], frozen: Vec::new() }),
        }
    }

    pub fn now(&self) -> Nanos {
        nanos(self.began.elapsed())
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().expect("whole")
    }

    /// Writes a thread of the company's job down: its place in the history.
    pub fn thread(&self, id: &str) -> usize {
        let mut history = self.history();
        history.threads.push(Thread { id: id.into(), job: JOB.into() });
        history.threads.len() - 1
    }

    /// Messages came on a stream.
    pub fn delivered(&self, stream: usize, messages: impl IntoIterator<Item = (u64, String)>) {
        let received = self.now();
        let came = messages.into_iter().map(|(seq, message)| Delivery { stream, seq, message, received });
        self.history().deliveries.extend(came);
    }

    /// Things went wrong from then until now.
    pub fn fault(&self, from: Nanos) {
        let to = self.now();
        self.history().faults.push(Window { from, to });
    }

    /// The chat service stood still from then until now.
    pub fn froze(&self, from: Nanos) {
        let to = self.now();
        let mut incarnations = self.incarnations.lock().expect("whole");
        let current = incarnations.begin.len() - 1;
        incarnations.frozen.push((current, Window { from, to }));
    }

    /// The chat service has ended: what its log says from here on is another incarnation's.
    pub fn ended(&self, chat: &Running) {
        self.incarnations.lock().expect("whole").begin.push(chat.log().len());
    }

    /// Writes down what the threads hold, and what the nodes recorded.
    pub async fn finish(&self, company: &Company, chat: &Running) {
        let revisions = access_revisions(&chat.chat_database().await, &company.tenant).await;
        let threads: Vec<String> = self.history().threads.iter().map(|thread| thread.id.clone()).collect();
        for (thread, id) in threads.iter().enumerate() {
            let messages = try_messages(&company.olga, id).await.expect("the whole thread");
            let logged = messages.into_iter().map(|message| Logged {
                thread,
                seq: message.seq,
                access_revision: revisions.get(&(id.clone(), message.seq)).copied(),
                message: message.body,
            });
            self.history().log.extend(logged);
        }
        let nodes = self.nodes(company, &chat.log());
        self.history().nodes = nodes;
    }

    fn nodes(&self, company: &Company, log: &str) -> Vec<Node> {
        let drift = SystemTime::now().duration_since(self.wall).expect("no step back").abs_diff(self.began.elapsed());
        let mut incarnations = self.incarnations.lock().expect("whole");
        incarnations.begin.push(log.len());
        let bounds = incarnations.begin.windows(2);
        let mut nodes: Vec<Node> = bounds
            .enumerate()
            .map(|(number, bounds)| Node {
                name: format!("chat, life {}", number + 1),
                records: log[bounds[0]..bounds[1]].lines().filter_map(|line| self.record(line, &company.tenant)).collect(),
                frozen: Vec::new(),
            })
            .collect();
        for &(node, window) in &incarnations.frozen {
            nodes[node].frozen.push(window);
        }
        if drift > STEP {
            println!("the wall clock moved by {drift:?}: the records are judged by their order alone");
            nodes.iter_mut().flat_map(|node| &mut node.records).for_each(|record| record.at = None);
        }
        nodes
    }

    /// The record in a line of the log. A line that a kill cut short is none.
    fn record(&self, line: &str, tenant: &str) -> Option<Record> {
        let line: Value = serde_json::from_str(line).ok().filter(|line: &Value| line["target"] == "chat::record")?;
        let number = |field: &str| line[field].as_u64().unwrap_or_else(|| panic!("{field} in {line}"));
        let what = match line["message"].as_str() {
            Some("applied") => Recorded::Applied(number("revision")),
            Some("handed") if line["tenant"] == tenant => {
                let person = line["person"].as_str().expect("a person").to_owned();
                Recorded::Handed { person, job: None, view: number("view") }
            }
            _ => return None,
        };
        let time: Timestamp = line["timestamp"].as_str().expect("a time").parse().expect("a timestamp");
        let time = SystemTime::try_from(time).expect("a time of now");
        Some(Record { at: time.duration_since(self.wall).ok().map(nanos), what })
    }

    /// Lets the judges look: nobody was told what they must not be told, and each judge had something to look at.
    pub fn judge(&self) {
        let history = self.history();
        let verdicts = crewline_checkers::judge(&history, nanos(PATIENCE));
        let confirmed = history.changes.iter().filter(|change| change.takes_away && change.confirmed > 0).count();
        let waited_out = history.changes.iter().filter(|change| change.waited_out > 0).count();
        println!(
            "{} sends, {} deliveries on {} streams, {} reads; {} changes, {confirmed} revocations confirmed, {waited_out} waited out",
            history.sends.len(),
            history.deliveries.len(),
            history.streams.len(),
            history.reads.len(),
            history.changes.len(),
        );
        for verdict in &verdicts {
            println!("{:?}: {} judged, {} wrong", verdict.rule, verdict.judged, verdict.violations.len());
        }
        let wrong: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.violations.is_empty()).collect();
        for violation in wrong.iter().flat_map(|verdict| verdict.violations.iter().take(3)) {
            println!("{}", violation.tell(&history));
        }
        let rules: Vec<Rule> = wrong.iter().map(|verdict| verdict.rule).collect();
        assert!(rules.is_empty(), "broken: {rules:?}");
        assert!(confirmed > 0 && waited_out > 0, "revocations were not both confirmed and waited out");
        let idle: Vec<Rule> = verdicts.iter().filter(|verdict| verdict.judged == 0).map(|verdict| verdict.rule).collect();
        assert!(idle.is_empty(), "nothing to judge by: {idle:?}");
    }
}

pub fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).expect("below 500 years")
}

/// The revision that permitted each event which a person made, by thread and number.
async fn access_revisions(chat: &DatabaseConnection, tenant: &str) -> HashMap<(String, u64), u64> {
    let events =
        thread_events::Entity::find().filter(thread_events::Column::TenantId.eq(tenant)).all(chat).await.expect("events");
    let known = events.into_iter().filter(|event| event.access_revision > 0);
    known
        .map(|event| {
            let seq = u64::try_from(event.seq).expect("a number");
            ((event.thread_id.to_string(), seq), u64::try_from(event.access_revision).expect("a revision"))
        })
        .collect()
}
