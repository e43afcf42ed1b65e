//! The database of this service. One public method is one transaction that can be run again.

pub mod changes;
pub mod entities;
pub mod facts;
pub mod jobs;
pub mod migrations;
pub mod people;
pub mod roles;
mod rows;
pub mod tenants;

use chassis::clock::Clock;
use chassis::db::{DatabaseUrl, Db, DbError};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use tokio::sync::watch;

use self::entities::head;
use crate::error::Error;

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Clock,
    /// The newest revision that was committed here: wakes the feed, which reads the database.
    head: watch::Sender<u64>,
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(url: &DatabaseUrl, clock: Clock) -> Result<Self, DbError> {
        let db = Db::open::<migrations::Migrations>(url).await?;
        begin_epoch(&db, clock).await?;
        Ok(Self { db, clock, head: watch::Sender::new(0) })
    }

    /// Closes the database: the process is about to end.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Tells of every commit.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

/// Gives a new database an epoch of its own, so that no node takes it for one that it has seen before.
async fn begin_epoch(db: &Db, clock: Clock) -> Result<(), DbError> {
    let tx = db.write().await?;
    head::Entity::update_many()
        .col_expr(head::Column::Epoch, Expr::value(clock.wall_micros()))
        .filter(head::Column::Epoch.eq(0_i64))
        .exec(&*tx)
        .await?;
    tx.commit().await
}

/// The one row of `head`.
async fn head(db: &impl ConnectionTrait) -> Result<head::Model, Error> {
    head::Entity::find_by_id(1).one(db).await?.ok_or(Error::Corrupt("head"))
}
