//! The real database in simulated time: the driver runs on a thread of its own, outside, and whoever asks it blocks until it has
//! answered. So no simulated time passes meanwhile, and what the driver's threads do cannot be told from outside. The time
//! that a database takes is drawn from the seed.
//!
//! A call that blocks must never wait for what another simulated task holds: so each transaction takes its turn first.

use std::fmt;
use std::future::Future;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use sea_orm::metric::Info;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, TransactionOptions, TransactionTrait,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Connections, DatabaseUrl, DbError, PLACE_TIMEOUT};
use crate::simulation::{Fate, fate, pause, pause_before_commit};

/// Readers of one database; SQLite has one writer.
const READERS: usize = 4;

type Job = Box<dyn FnOnce(&Runtime) + Send>;

/// A pool of connections, and the turns of those who want one.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    database: Arc<str>,
    pool: DatabaseConnection,
    turns: Arc<Semaphore>,
}

/// A transaction. Dropped without a commit it is rolled back, before anybody else has a turn.
pub struct Tx {
    database: Arc<str>,
    open: Option<Arc<DatabaseTransaction>>,
    backend: DbBackend,
    _turn: OwnedSemaphorePermit,
}

/// Opens a database outside.
pub(super) async fn opening(
    url: &DatabaseUrl,
    opening: impl Future<Output = Result<Connections<DatabaseConnection>, DbError>> + Send + 'static,
) -> Result<Connections, DbError> {
    let file = if let DatabaseUrl::Sqlite(path) = url { path.file_name() } else { None };
    let database: Arc<str> = file.unwrap_or_default().to_string_lossy().into();
    pause(&database).await;
    let Connections { writer, reader } = outside(opening)??;
    let connection = |pool, turns| Connection { database: Arc::clone(&database), pool, turns: Arc::new(Semaphore::new(turns)) };
    Ok(Connections { writer: connection(writer, 1), reader: connection(reader, READERS) })
}

impl Connection {
    pub(super) fn set_metric_callback(&mut self, callback: impl Fn(&Info<'_>) + Send + Sync + 'static) {
        self.pool.set_metric_callback(callback);
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        outside(self.pool.close())?
    }

    pub(super) async fn begin_with_options(&self, options: TransactionOptions) -> Result<Tx, DbErr> {
        let turn = timeout(PLACE_TIMEOUT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        pause(&self.database).await;
        let pool = self.pool.clone();
        let open = outside(async move { pool.begin_with_options(options).await })??;
        // Before the pause: who is gone by then leaves no transaction open.
        let (database, backend) = (Arc::clone(&self.database), open.get_database_backend());
        let tx = Tx { database, backend, open: Some(Arc::new(open)), _turn: turn };
        pause(&self.database).await;
        Ok(tx)
    }
}

impl Tx {
    /// Makes everything durable. Sometimes nobody learns whether it is.
    pub async fn commit(self) -> Result<(), DbErr> {
        // The driver's thread stops no commit because its caller is gone; a crash does.
        tokio::spawn(self.finish()).await.map_err(|error| DbErr::Custom(error.to_string()))?
    }

    async fn finish(mut self) -> Result<(), DbErr> {
        pause_before_commit(&self.database).await;
        let fate = fate();
        if fate == Fate::Lost {
            return Err(unknown());
        }
        let open = self.open.take().and_then(Arc::into_inner).ok_or_else(in_use)?;
        outside(open.commit())??;
        pause(&self.database).await;
        if fate == Fate::Untold { Err(unknown()) } else { Ok(()) }
    }

    async fn ask<T: Send + 'static, F>(&self, ask: impl FnOnce(Arc<DatabaseTransaction>) -> F) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        pause(&self.database).await;
        let open = Arc::clone(self.open.as_ref().ok_or_else(in_use)?);
        let answer = outside(ask(open))?;
        pause(&self.database).await;
        answer
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(open) = self.open.take().and_then(Arc::into_inner) {
            // That the driver is gone is nothing that a rollback could mend.
            let _rolled_back = outside(open.rollback());
        }
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tx")
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.ask(|open| async move { open.execute_raw(statement).await }).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        self.ask(|open| async move { open.execute_unprepared(&sql).await }).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.ask(|open| async move { open.query_one_raw(statement).await }).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.ask(|open| async move { open.query_all_raw(statement).await }).await
    }
}

fn unknown() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("nobody knows what became of the commit".into()))
}

fn in_use() -> DbErr {
    DbErr::Custom("the transaction is over, or still asked".into())
}

/// Runs `work` on the driver's thread, and blocks until it is done.
fn outside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, DbErr> {
    static THREAD: OnceLock<Sender<Job>> = OnceLock::new();
    let gone = || DbErr::Custom("the thread of the driver is gone".into());
    let (done, wait) = channel();
    let job: Job = Box::new(move |runtime| {
        let result = runtime.block_on(work);
        // Whoever asked is blocked until this.
        let _heard = done.send(result);
    });
    THREAD.get_or_init(start).send(job).map_err(|_| gone())?;
    wait.recv().map_err(|_| gone())
}

fn start() -> Sender<Job> {
    let (jobs, work) = channel::<Job>();
    thread::spawn(move || {
        if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
            work.iter().for_each(|job| job(&runtime));
        }
    });
    jobs
}
