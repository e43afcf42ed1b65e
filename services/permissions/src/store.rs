//! The database of this service. One public method is one transaction that can be run again.

pub mod changes;
pub mod entities;
pub mod facts;
pub mod history;
pub mod in_force;
pub mod jobs;
pub mod migrations;
pub mod people;
pub mod roles;
mod rows;
pub mod tenants;

use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::db::{DatabaseUrl, Db, WriteTx};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use tokio::sync::{Notify, watch};

use self::entities::head;
use crate::error::Error;

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Clock,
    /// Told of every commit: wakes the feed, which reads the database.
    commits: watch::Sender<()>,
    /// Told of every commit that takes access away, and of whoever waits for one.
    unfinished: Arc<Notify>,
    /// Told when changes come into force.
    stamped: watch::Sender<()>,
}

impl Store {
    /// Opens the database and brings its schema up to date. Leases last for `ttl`; how long those that were granted before this start may
    /// still count comes with it.
    pub async fn open(url: &DatabaseUrl, clock: Clock, ttl: Duration) -> Result<(Self, Duration), Error> {
        let db = Db::open::<migrations::Migrations>(url).await?;
        let tx = db.write().await?;
        let new = begin_epoch(&tx, clock).await?;
        let older_leases = in_force::begin_leases(&tx, ttl, new).await?;
        tx.commit().await?;
        let (commits, stamped) = (watch::Sender::new(()), watch::Sender::new(()));
        Ok((Self { db, clock, commits, unfinished: Arc::default(), stamped }, older_leases))
    }

    /// Opens a database that is there, to look at it alone: its schema must be that of this program.
    pub async fn open_to_read(url: &DatabaseUrl, clock: Clock) -> Result<Self, Error> {
        let (db, commits, stamped) = (Db::open_to_read(url).await?, watch::Sender::new(()), watch::Sender::new(()));
        Ok(Self { db, clock, commits, unfinished: Arc::default(), stamped })
    }

    /// Closes the database: the process is about to end.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Tells of every commit.
    pub fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    /// Tells when changes come into force.
    pub fn stamps(&self) -> watch::Receiver<()> {
        self.stamped.subscribe()
    }

    /// Changes have come into force.
    pub fn tell_stamped(&self) {
        self.stamped.send_replace(());
    }

    /// Has whoever puts changes in force look at the database.
    pub fn follow_up(&self) {
        self.unfinished.notify_one();
    }

    /// Waits until there is something to follow up. For one task alone.
    pub async fn to_follow_up(&self) {
        self.unfinished.notified().await;
    }
}

/// Gives a new database an epoch of its own, so that no node takes it for one that it has seen before. Tells whether it is new.
async fn begin_epoch(tx: &WriteTx, clock: Clock) -> Result<bool, Error> {
    let begun = head::Entity::update_many()
        .col_expr(head::Column::Epoch, Expr::value(clock.wall_micros()))
        .filter(head::Column::Epoch.eq(0_i64))
        .exec(&**tx)
        .await?;
    Ok(begun.rows_affected > 0)
}

/// The one row of `head`.
async fn head(db: &impl ConnectionTrait) -> Result<head::Model, Error> {
    head::Entity::find_by_id(1).one(db).await?.ok_or(Error::Corrupt("head"))
}
