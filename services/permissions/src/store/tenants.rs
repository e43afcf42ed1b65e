//! Tenants and their settings.

use chassis::page::Page;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::changes::{Intent, Receipt, Touched};
use super::entities::{head, roles, tenants};
use super::people::TECHNICIAN_ROLE;
use super::rows::revision;
use crate::error::Error;
use crate::model::{AfterJobEnd, Tenant, TenantId};

/// The roles that every tenant begins with. Rows, not constants: what the defaults are is the tenant's own business (choice A1).
const FIRST_ROLES: [(&str, &str); 2] = [(TECHNICIAN_ROLE, "Technician"), ("office", "Office")];

/// New settings; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct SettingsPatch {
    /// Chat is enabled.
    pub chat_enabled: Option<bool>,
    /// For jobs that have ended.
    pub after_job_end: Option<AfterJobEnd>,
}

impl Store {
    /// Makes a tenant with its first roles. The same again answers what the first call made.
    pub async fn create_tenant(&self, intent: Intent, display_name: String) -> Result<(Tenant, Receipt), Error> {
        let tx = self.db.write().await?;
        let head = head::Entity::find_by_id(1).lock_exclusive().one(&*tx).await?.ok_or(Error::Corrupt("head"))?;
        let id = intent.tenant.as_str().to_owned();
        if let Some(row) = tenants::Entity::find_by_id(id.clone()).one(&*tx).await? {
            let receipt = Receipt { revision: revision(row.last_revision), replayed: true, in_force: None };
            return if row.display_name == display_name { Ok((row.try_into()?, receipt)) } else { Err(Error::Exists("tenant")) };
        }
        let made = head.revision + 1;
        let row = tenants::Model {
            tenant_id: id.clone(),
            display_name,
            closed: false,
            chat_enabled: false,
            after_job_end: <&str>::from(AfterJobEnd::Keep).to_owned(),
            created_at: self.clock.wall_micros(),
            revision: made,
            last_revision: 0,
        };
        tenants::Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await?;
        for (role_id, name) in FIRST_ROLES {
            let role = roles::ActiveModel {
                tenant_id: Set(id.clone()),
                role_id: Set(role_id.to_owned()),
                display_name: Set(name.to_owned()),
                view_default: Set(false),
                full_default: Set(false),
                revision: Set(made),
            };
            roles::Entity::insert(role).exec_without_returning(&*tx).await?;
        }
        let tenant = Tenant::try_from(row.clone())?;
        let change = self.change_of_new_tenant(intent, row, tx, head).await;
        let receipt = self.commit(change, "tenant.created", subject(&tenant), None, &tenant).await?;
        Ok((tenant, receipt))
    }

    /// Closes a tenant for good.
    pub async fn close_tenant(&self, intent: Intent) -> Result<(Tenant, Receipt), Error> {
        let mut change = self.change_also_closed(intent).await.map_err(|error| match error {
            Error::TenantNotAllowed => Error::NotFound("tenant"),
            other => other,
        })?;
        let before = Tenant::try_from(change.tenant.clone())?;
        if before.closed {
            let receipt = self.nothing_to_change(change).await?;
            return Ok((before, receipt));
        }
        change.touch(Touched::Tenant).await?;
        let row = tenants::ActiveModel {
            tenant_id: Set(change.tenant.tenant_id.clone()),
            closed: Set(true),
            revision: Set(change.revision()),
            ..Default::default()
        };
        let after: Tenant = tenants::Entity::update(row).exec(&*change.tx).await?.try_into()?;
        let receipt = self.commit(change, "tenant.closed", subject(&after), Some(&before), &after).await?;
        Ok((after, receipt))
    }

    /// Changes the settings of a tenant.
    pub async fn update_settings(&self, intent: Intent, patch: SettingsPatch, etag: &str) -> Result<(Tenant, Receipt), Error> {
        let mut change = self.change(intent).await?;
        let before = Tenant::try_from(change.tenant.clone())?;
        if let Some(receipt) = change.replayed() {
            return Ok((before, receipt));
        }
        super::people::check_etag(etag, before.revision)?;
        let chat_enabled = patch.chat_enabled.unwrap_or(before.chat_enabled);
        let after_job_end = patch.after_job_end.unwrap_or(before.after_job_end);
        if (chat_enabled, after_job_end) == (before.chat_enabled, before.after_job_end) {
            let receipt = self.nothing_to_change(change).await?;
            return Ok((before, receipt));
        }
        change.touch(Touched::Tenant).await?;
        let row = tenants::ActiveModel {
            tenant_id: Set(change.tenant.tenant_id.clone()),
            chat_enabled: Set(chat_enabled),
            after_job_end: Set(<&str>::from(after_job_end).to_owned()),
            revision: Set(change.revision()),
            ..Default::default()
        };
        let after: Tenant = tenants::Entity::update(row).exec(&*change.tx).await?.try_into()?;
        let receipt = self.commit(change, "tenant.settings_updated", subject(&after), Some(&before), &after).await?;
        Ok((after, receipt))
    }

    /// An open tenant.
    pub async fn tenant(&self, id: &TenantId) -> Result<Tenant, Error> {
        open(&self.db.read().await?, id).await
    }

    /// A tenant, open or closed.
    pub async fn any_tenant(&self, id: &TenantId) -> Result<Tenant, Error> {
        let row = tenants::Entity::find_by_id(id.as_str()).one(&self.db.read().await?).await?;
        row.ok_or(Error::NotFound("tenant"))?.try_into()
    }

    /// A page of the tenants for which `named` has an id, or of all.
    pub async fn tenants(&self, named: Option<&[String]>, page: &Page) -> Result<Vec<Tenant>, Error> {
        let mut query = tenants::Entity::find();
        if let Some(ids) = named {
            query = query.filter(tenants::Column::TenantId.is_in(ids));
        }
        if let Some(after) = &page.after {
            query = query.filter(tenants::Column::TenantId.gt(after.as_str()));
        }
        let rows = query.order_by_asc(tenants::Column::TenantId).limit(page.limit()).all(&self.db.read().await?).await?;
        rows.into_iter().map(Tenant::try_from).collect()
    }
}

/// The tenant, open or closed.
pub(super) async fn any(db: &impl ConnectionTrait, id: &TenantId) -> Result<Tenant, Error> {
    tenants::Entity::find_by_id(id.as_str()).one(db).await?.ok_or(Error::TenantNotAllowed)?.try_into()
}

/// The tenant, if it is there and open.
pub(super) async fn open(db: &impl ConnectionTrait, id: &TenantId) -> Result<Tenant, Error> {
    let tenant = any(db, id).await?;
    if tenant.closed { Err(Error::TenantNotAllowed) } else { Ok(tenant) }
}

fn subject(tenant: &Tenant) -> String {
    format!("tenant/{}", tenant.id)
}
