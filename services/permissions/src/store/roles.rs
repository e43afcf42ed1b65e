//! Roles: the defaults of the two permissions.

use chassis::page::Page;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::changes::{Intent, Receipt, Touched};
use super::entities::{people, roles};
use super::people::check_etag;
use crate::error::Error;
use crate::model::{Permissions, PersonId, Role, RoleId, TenantId};

/// Roles in a tenant.
const MAX_ROLES: u64 = 200;

/// New values of a role; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct RolePatch {
    /// Its name.
    pub display_name: Option<String>,
    /// Default of *View customer chats*.
    pub view: Option<bool>,
    /// Default of *Allow full access to customer chats*.
    pub full: Option<bool>,
}

impl Store {
    /// Makes a role.
    pub async fn create_role(&self, intent: Intent, role: Role) -> Result<(Role, Receipt), Error> {
        let change = self.change(intent).await?;
        let tenant = change.tenant_id().as_str().to_owned();
        let existing = roles::Entity::find_by_id((tenant.clone(), role.id.as_str().to_owned())).one(&*change.tx).await?;
        match (existing, change.replayed()) {
            (Some(row), Some(receipt)) => return Ok((row.into(), receipt)),
            (Some(_), None) => return Err(Error::Exists("role")),
            (None, _) => {}
        }
        if roles::Entity::find().filter(roles::Column::TenantId.eq(&tenant)).count(&*change.tx).await? >= MAX_ROLES {
            return Err(Error::Full("roles"));
        }
        let row = roles::ActiveModel {
            tenant_id: Set(tenant),
            role_id: Set(role.id.as_str().to_owned()),
            display_name: Set(role.display_name),
            view_default: Set(role.defaults.view),
            full_default: Set(role.defaults.full),
            revision: Set(change.revision()),
        };
        let made: Role = roles::Entity::insert(row).exec_with_returning(&*change.tx).await?.into();
        let receipt = self.commit(change, "role.created", subject(&made.id), None, &made).await?;
        Ok((made, receipt))
    }

    /// Changes a role, and with its defaults what the people of the role without overrides may do.
    pub async fn update_role(&self, intent: Intent, id: RoleId, patch: RolePatch, etag: &str) -> Result<(Role, Receipt), Error> {
        let mut change = self.change(intent).await?;
        let tenant = change.tenant_id().as_str().to_owned();
        let key = (tenant.clone(), id.as_str().to_owned());
        let before: Role = roles::Entity::find_by_id(key).one(&*change.tx).await?.ok_or(Error::NotFound("role"))?.into();
        if let Some(receipt) = change.replayed() {
            return Ok((before, receipt));
        }
        check_etag(etag, before.revision)?;
        let mut after = before.clone();
        after.display_name = patch.display_name.unwrap_or(after.display_name);
        after.defaults =
            Permissions { view: patch.view.unwrap_or(before.defaults.view), full: patch.full.unwrap_or(before.defaults.full) };
        if after == before {
            let receipt = self.nothing_to_change(change).await?;
            return Ok((before, receipt));
        }
        if after.defaults != before.defaults {
            let followers: Vec<String> = people::Entity::find()
                .select_only()
                .column(people::Column::PersonId)
                .filter(people::Column::TenantId.eq(&tenant))
                .filter(people::Column::RoleId.eq(id.as_str()))
                .into_tuple()
                .all(&*change.tx)
                .await?;
            change.touch(Touched::People(followers.into_iter().map(PersonId::trusted).collect())).await?;
        }
        let row = roles::ActiveModel {
            tenant_id: Set(tenant),
            role_id: Set(id.as_str().to_owned()),
            display_name: Set(after.display_name),
            view_default: Set(after.defaults.view),
            full_default: Set(after.defaults.full),
            revision: Set(change.revision()),
        };
        let after: Role = roles::Entity::update(row).exec(&*change.tx).await?.into();
        let receipt = self.commit(change, "role.updated", subject(&id), Some(&before), &after).await?;
        Ok((after, receipt))
    }

    /// A page of the roles.
    pub async fn roles(&self, tenant: &TenantId, page: &Page) -> Result<Vec<Role>, Error> {
        let tx = self.db.read().await?;
        super::tenants::open(&tx, tenant).await?;
        let mut query = roles::Entity::find().filter(roles::Column::TenantId.eq(tenant.as_str()));
        if let Some(after) = &page.after {
            query = query.filter(roles::Column::RoleId.gt(after.as_str()));
        }
        let rows = query.order_by_asc(roles::Column::RoleId).limit(page.limit()).all(&tx).await?;
        Ok(rows.into_iter().map(Role::from).collect())
    }
}

fn subject(role: &RoleId) -> String {
    format!("role/{role}")
}
