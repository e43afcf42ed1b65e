//! What operators have looked at: written down before they are answered.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::Store;
use super::entities::operator_reads;
use crate::error::Error;
use crate::model::{ReadReason, TenantId};

/// An operator looks at something of a tenant.
#[derive(Clone, Debug)]
pub struct OperatorRead {
    /// Who.
    pub operator: String,
    /// By which RPC.
    pub rpc: &'static str,
    /// At what.
    pub about: String,
    /// Why.
    pub reason: ReadReason,
}

impl Store {
    /// Writes it down.
    pub async fn note_operator_read(&self, tenant: &TenantId, read: OperatorRead) -> Result<(), Error> {
        let row = operator_reads::ActiveModel {
            tenant_id: Set(tenant.as_str().to_owned()),
            read_id: Set(self.ids.uuid()),
            operator_id: Set(read.operator),
            rpc: Set(read.rpc.to_owned()),
            about: Set(read.about),
            reason: Set(read.reason.as_str().to_owned()),
            read_at: Set(self.clock.wall_micros()),
        };
        let tx = self.db.write().await?;
        operator_reads::Entity::insert(row).exec_without_returning(&*tx).await?;
        Ok(tx.commit().await?)
    }

    /// What was written down before this one, newest first, at most `limit`.
    pub async fn operator_reads(
        &self,
        tenant: &TenantId,
        before: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<operator_reads::Model>, Error> {
        let mut query = operator_reads::Entity::find().filter(operator_reads::Column::TenantId.eq(tenant.as_str()));
        if let Some(before) = before {
            query = query.filter(operator_reads::Column::ReadId.lt(before));
        }
        Ok(query.order_by_desc(operator_reads::Column::ReadId).limit(limit).all(&self.db.read().await?).await?)
    }
}
