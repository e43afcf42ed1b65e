//! People: technicians and office employees, and their own permissions.

use chassis::page::Page;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::changes::{ChangeTx, Intent, Receipt, Touched};
use super::entities::{people, roles};
use crate::error::Error;
use crate::model::{Overrides, Person, PersonId, PersonKind, RoleId, TenantId};

/// The role that dispatch gives to technicians; each tenant begins with it.
pub const TECHNICIAN_ROLE: &str = "technician";
/// People in a tenant.
const MAX_PEOPLE: u64 = 10_000;

/// New values of a person; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct PersonPatch {
    /// Their name.
    pub display_name: Option<String>,
    /// Their role.
    pub role: Option<RoleId>,
    /// Not deactivated.
    pub active: Option<bool>,
    /// May use the mobile app.
    pub mobile_access: Option<bool>,
    /// Their number.
    pub phone: Option<String>,
    /// Their own *View customer chats*: set, or removed.
    pub view: Option<Option<bool>>,
    /// Their own *Allow full access to customer chats*: set, or removed.
    pub full: Option<Option<bool>>,
}

/// Whom the caller may make or change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody.
    Everybody,
    /// Technicians: the dispatch system.
    Technicians,
}

impl Store {
    /// Makes a person.
    pub async fn create_person(&self, intent: Intent, person: Person) -> Result<(Person, Receipt), Error> {
        let mut change = self.change(intent).await?;
        match (find(&change, &person.id).await?, change.replayed()) {
            (Some(existing), Some(receipt)) => return Ok((existing, receipt)),
            (Some(_), None) => return Err(Error::Exists("person")),
            (None, _) => {}
        }
        let tenant = change.tenant_id().as_str().to_owned();
        if people::Entity::find().filter(people::Column::TenantId.eq(&tenant)).count(&*change.tx).await? >= MAX_PEOPLE {
            return Err(Error::Full("people"));
        }
        role_exists(&change, &person.role).await?;
        change.touch(Touched::People(vec![person.id.clone()])).await?;
        let row = row(&change, &person);
        let made: Person = people::Entity::insert(row).exec_with_returning(&*change.tx).await?.try_into()?;
        let receipt = self.commit(change, "person.created", subject(&made.id), None, &made).await?;
        Ok((made, receipt))
    }

    /// Changes a person, who must be within the caller's reach. `kind` says in the audit log what was done.
    pub async fn update_person(
        &self,
        intent: Intent,
        kind: &'static str,
        id: PersonId,
        patch: PersonPatch,
        etag: &str,
        reach: Reach,
    ) -> Result<(Person, Receipt), Error> {
        let mut change = self.change(intent).await?;
        let before = find(&change, &id).await?.filter(|person| reach.includes(person.kind)).ok_or(Error::NotFound("person"))?;
        if let Some(receipt) = change.replayed() {
            return Ok((before, receipt));
        }
        let after = patch.over(before.clone());
        role_exists(&change, &after.role).await?;
        check_etag(etag, before.revision)?;
        if after == before {
            let receipt = self.nothing_to_change(change).await?;
            return Ok((before, receipt));
        }
        change.touch(Touched::People(vec![id.clone()])).await?;
        let row = row(&change, &after);
        let after: Person = people::Entity::update(row).exec(&*change.tx).await?.try_into()?;
        let receipt = self.commit(change, kind, subject(&id), Some(&before), &after).await?;
        Ok((after, receipt))
    }

    /// One person, within the caller's reach.
    pub async fn person(&self, tenant: &TenantId, id: &PersonId, reach: Reach) -> Result<Person, Error> {
        let tx = self.db.read().await?;
        super::tenants::open(&tx, tenant).await?;
        let key = (tenant.as_str().to_owned(), id.as_str().to_owned());
        let found = people::Entity::find_by_id(key).one(&tx).await?.map(Person::try_from).transpose()?;
        found.filter(|person| reach.includes(person.kind)).ok_or(Error::NotFound("person"))
    }

    /// A page of the people within the caller's reach.
    pub async fn people(&self, tenant: &TenantId, page: &Page, reach: Reach) -> Result<Vec<Person>, Error> {
        let tx = self.db.read().await?;
        super::tenants::open(&tx, tenant).await?;
        let mut query = people::Entity::find().filter(people::Column::TenantId.eq(tenant.as_str()));
        if let Some(after) = &page.after {
            query = query.filter(people::Column::PersonId.gt(after.as_str()));
        }
        if reach == Reach::Technicians {
            query = query.filter(people::Column::Kind.eq(<&str>::from(PersonKind::Technician)));
        }
        let rows = query.order_by_asc(people::Column::PersonId).limit(page.limit()).all(&tx).await?;
        rows.into_iter().map(Person::try_from).collect()
    }
}

impl Reach {
    fn includes(self, kind: PersonKind) -> bool {
        self == Self::Everybody || kind == PersonKind::Technician
    }
}

impl PersonPatch {
    fn over(self, person: Person) -> Person {
        Person {
            display_name: self.display_name.unwrap_or(person.display_name),
            role: self.role.unwrap_or(person.role),
            active: self.active.unwrap_or(person.active),
            mobile_access: self.mobile_access.unwrap_or(person.mobile_access),
            phone: self.phone.unwrap_or(person.phone),
            overrides: Overrides {
                view: self.view.unwrap_or(person.overrides.view),
                full: self.full.unwrap_or(person.overrides.full),
            },
            id: person.id,
            kind: person.kind,
            revision: person.revision,
        }
    }
}

/// An empty etag asks for nothing.
pub(super) fn check_etag(etag: &str, revision: u64) -> Result<(), Error> {
    if etag.is_empty() || etag == revision.to_string() { Ok(()) } else { Err(Error::EtagMismatch) }
}

/// A person of the change's tenant.
pub(super) async fn find(change: &ChangeTx, id: &PersonId) -> Result<Option<Person>, Error> {
    let key = (change.tenant_id().as_str().to_owned(), id.as_str().to_owned());
    people::Entity::find_by_id(key).one(&*change.tx).await?.map(Person::try_from).transpose()
}

async fn role_exists(change: &ChangeTx, role: &RoleId) -> Result<(), Error> {
    let key = (change.tenant_id().as_str().to_owned(), role.as_str().to_owned());
    roles::Entity::find_by_id(key).one(&*change.tx).await?.map(|_| ()).ok_or(Error::NotFound("role"))
}

fn row(change: &ChangeTx, person: &Person) -> people::ActiveModel {
    people::ActiveModel {
        tenant_id: Set(change.tenant_id().as_str().to_owned()),
        person_id: Set(person.id.as_str().to_owned()),
        kind: Set(<&str>::from(person.kind).to_owned()),
        display_name: Set(person.display_name.clone()),
        role_id: Set(person.role.as_str().to_owned()),
        active: Set(person.active),
        mobile_access: Set(person.mobile_access),
        phone: Set(person.phone.clone()),
        view_override: Set(person.overrides.view),
        full_override: Set(person.overrides.full),
        revision: Set(change.revision()),
    }
}

fn subject(person: &PersonId) -> String {
    format!("person/{person}")
}
