//! From call to return of a revocation, and until the last of the person's streams has been told.

use std::path::Path;
use std::time::Instant;

use chat::watch_thread_response::Frame;
use crewline::demo::office::set_permissions;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use futures_util::{StreamExt, stream};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tokio::task::JoinSet;

use crate::apart::Apart;
use crate::company::Company;
use crate::reader::Reader;
use crate::running::Running;
use crate::sample::Sample;

/// Streams of the person, and how often each number of them is measured.
const ROUNDS: [(usize, usize); 3] = [(1, 200), (10, 200), (1_000, 20)];

#[derive(Default)]
struct Figures {
    commit: Sample,
    read: Sample,
    grant: Sample,
    without_a_node: Sample,
    revoke: Sample,
    last_told: Sample,
}

pub async fn measure() {
    let apart = Apart::with(&[], &[("CREWLINE_CHAT__STREAMS_PER_PERSON", "1000")]).await;
    let company = Company::open(&apart.callers().await).await;
    // The same calls, where no node is there to wait for.
    let alone = Running::start("permissions", &[]).await;
    let (nodeless, _) = Company::without_thread(&alone.callers().await).await;
    let bare = database_with_a_table(alone.data_dir()).await;

    println!("| streams | what | runs | median, ms | 99th percentile, ms | of a read call |\n|---|---|---|---|---|---|");
    for (streams, rounds) in ROUNDS {
        let mut figures = Figures::default();
        for _ in 0..rounds {
            figures.commit.time(bare.execute_unprepared("INSERT INTO rows VALUES ('a row')")).await.expect("committed");
            let get = pb::GetPersonRequest { person_id: "tina".into() };
            figures.read.time(company.admin.directory().get_person(get)).await.expect("read");
            figures.without_a_node.time(nodeless.permit("tina", false, false)).await;
            nodeless.permit("tina", true, true).await;
            figures.round(&company, streams).await;
        }
        figures.print(streams);
    }
}

impl Figures {
    /// One revocation, with so many streams open, and the grant after it.
    async fn round(&mut self, company: &Company, streams: usize) {
        let mut told = JoinSet::new();
        for mut reader in open(company, streams).await {
            told.spawn(async move {
                reader.until(|frame| matches!(frame, Frame::Closing(_)).then_some(())).await;
                Instant::now()
            });
        }
        let began = Instant::now();
        let revoked = set_permissions(&company.admin, "tina", false, false).await.expect("revoked");
        self.revoke.add_millis(began.elapsed());
        let receipt = revoked.into_inner().receipt.expect("a receipt");
        assert_eq!((receipt.nodes_confirmed, receipt.nodes_waited_out), (1, 0));
        let last = told.join_all().await.into_iter().max().expect("a stream");
        self.last_told.add_millis(last - began);

        let granted = self.grant.time(company.permit("tina", true, true)).await;
        company.heard(granted).await;
    }

    fn print(&self, streams: usize) {
        for (what, sample) in [
            ("a bare commit with fsync", &self.commit),
            ("a read call", &self.read),
            ("a grant", &self.grant),
            ("a revocation, no node", &self.without_a_node),
            ("a revocation, one node", &self.revoke),
            ("... until the last stream was told", &self.last_told),
        ] {
            println!("| {streams} | {what} | {} | {:.1} |", sample.cells(), sample.median() / self.read.median());
        }
    }
}

/// Streams that have read everything.
async fn open(company: &Company, streams: usize) -> Vec<Reader> {
    let open = stream::iter(0..streams).map(|_| async {
        let mut reader = Reader::open(&company.tina, &company.thread).await;
        reader.until(|frame| matches!(frame, Frame::CaughtUp(_)).then_some(())).await;
        reader
    });
    open.buffer_unordered(20).collect().await
}

/// Configured as the services configure theirs, on the same disk.
async fn database_with_a_table(folder: &Path) -> DatabaseConnection {
    let url = format!("sqlite://{}?mode=rwc", folder.join("bare.db").display());
    let bare = Database::connect(ConnectOptions::new(url).max_connections(1).to_owned()).await.expect("a database");
    for statement in ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE rows (content TEXT)"] {
        bare.execute_unprepared(statement).await.expect(statement);
    }
    bare
}
