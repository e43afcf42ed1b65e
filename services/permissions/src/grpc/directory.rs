//! `DirectoryService`.

use chassis::identity::Identity;
use chassis::page::Page;
use chassis::refusal::Refusal;
use crewline_api::permissions::v1 as pb;
use pb::directory_service_server::DirectoryService;
use tonic::{Request, Response, Status};

use super::{Call, change};
use crate::callers::DISPATCH;
use crate::model::{Overrides, Permissions, Person, PersonId, PersonKind, Role, RoleId};
use crate::store::Store;
use crate::store::people::{PersonPatch, Reach, TECHNICIAN_ROLE};
use crate::store::roles::RolePatch;
use crate::store::tenants::SettingsPatch;
use crate::wire::{self, Reason};

/// The service.
#[derive(Clone)]
pub struct Directory(pub Store);

const VIEW: &str = "view_customer_chats";
const FULL: &str = "allow_full_access_to_customer_chats";

/// The dispatch system keeps technicians' accounts; what they may do is the admin's (rule R10).
fn reach(identity: &Identity) -> Reach {
    if identity.is(DISPATCH) { Reach::Technicians } else { Reach::Everybody }
}

/// A role gives permissions: dispatch gives the technicians' first role alone.
fn made_by_dispatch(person: &Person) -> Result<(), Refusal> {
    if person.kind != PersonKind::Technician {
        return Err(Refusal::invalid("person.kind", "must be technician: dispatch makes no others"));
    }
    if person.role.as_str() != TECHNICIAN_ROLE {
        return Err(Refusal::invalid("person.role_id", "must be `technician`: which role somebody has is the administrator's"));
    }
    Ok(())
}

#[tonic::async_trait]
impl DirectoryService for Directory {
    async fn get_tenant_settings(
        &self,
        request: Request<pb::GetTenantSettingsRequest>,
    ) -> Result<Response<pb::GetTenantSettingsResponse>, Status> {
        let call = Call::for_open_tenant(&self.0, request).await?;
        let tenant = self.0.tenant(&call.tenant).await?;
        Ok(Response::new(pb::GetTenantSettingsResponse { settings: Some(tenant.into()) }))
    }

    async fn update_tenant_settings(
        &self,
        request: Request<pb::UpdateTenantSettingsRequest>,
    ) -> Result<Response<pb::UpdateTenantSettingsResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), &message.idempotency_key, &message)?;
        let settings = wire::required("settings", message.settings)?;
        let mut patch = SettingsPatch::default();
        for path in wire::mask(message.update_mask, &["chat_enabled", "technician_access_after_job_end"])? {
            match path.as_str() {
                "chat_enabled" => patch.chat_enabled = Some(settings.chat_enabled),
                _ => {
                    let policy = settings.technician_access_after_job_end;
                    patch.after_job_end = Some(wire::after_job_end("settings.technician_access_after_job_end", policy)?);
                }
            }
        }
        let store = self.0.clone();
        let (tenant, receipt) =
            change(&self.0, async move { store.update_settings(intent, patch, &settings.etag).await }).await?;
        Ok(Response::new(pb::UpdateTenantSettingsResponse { settings: Some(tenant.into()), receipt: Some(receipt.into()) }))
    }

    async fn create_role(&self, request: Request<pb::CreateRoleRequest>) -> Result<Response<pb::CreateRoleResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), &message.idempotency_key, &message)?;
        let role = wire::required("role", message.role)?;
        let role = Role {
            id: RoleId::parse("role.role_id", role.role_id)?,
            display_name: wire::display_name("role.display_name", role.display_name)?,
            defaults: Permissions { view: role.view_customer_chats, full: role.allow_full_access_to_customer_chats },
            revision: 0,
        };
        let store = self.0.clone();
        let (role, receipt) = change(&self.0, async move { store.create_role(intent, role).await }).await?;
        Ok(Response::new(pb::CreateRoleResponse { role: Some(role.into()), receipt: Some(receipt.into()) }))
    }

    async fn list_roles(&self, request: Request<pb::ListRolesRequest>) -> Result<Response<pb::ListRolesResponse>, Status> {
        let call = Call::for_open_tenant(&self.0, request).await?;
        let page = Page::read(format!("roles/{}", call.tenant), call.message.page_size, &call.message.page_token)?;
        let mut roles = self.0.roles(&call.tenant, &page).await?;
        let next_page_token = page.cut(&mut roles, |role| role.id.to_string());
        Ok(Response::new(pb::ListRolesResponse { roles: roles.into_iter().map(Into::into).collect(), next_page_token }))
    }

    async fn update_role(&self, request: Request<pb::UpdateRoleRequest>) -> Result<Response<pb::UpdateRoleResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), &message.idempotency_key, &message)?;
        let role = wire::required("role", message.role)?;
        let id = RoleId::parse("role.role_id", role.role_id)?;
        let mut patch = RolePatch::default();
        for path in wire::mask(message.update_mask, &["display_name", VIEW, FULL])? {
            match path.as_str() {
                VIEW => patch.view = Some(role.view_customer_chats),
                FULL => patch.full = Some(role.allow_full_access_to_customer_chats),
                _ => patch.display_name = Some(wire::display_name("role.display_name", role.display_name.clone())?),
            }
        }
        let store = self.0.clone();
        let (role, receipt) = change(&self.0, async move { store.update_role(intent, id, patch, &role.etag).await }).await?;
        Ok(Response::new(pb::UpdateRoleResponse { role: Some(role.into()), receipt: Some(receipt.into()) }))
    }

    async fn create_person(
        &self,
        request: Request<pb::CreatePersonRequest>,
    ) -> Result<Response<pb::CreatePersonResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), &message.idempotency_key, &message)?;
        let person = wire::required("person", message.person)?;
        let person = Person {
            id: PersonId::parse("person.person_id", person.person_id)?,
            kind: wire::person_kind("person.kind", person.kind)?,
            display_name: wire::display_name("person.display_name", person.display_name)?,
            role: RoleId::parse("person.role_id", person.role_id)?,
            active: true,
            mobile_access: true,
            phone: wire::phone("person.phone", person.phone)?,
            overrides: Overrides::default(),
            revision: 0,
        };
        if reach(&identity) == Reach::Technicians {
            made_by_dispatch(&person)?;
        }
        let store = self.0.clone();
        let (person, receipt) = change(&self.0, async move { store.create_person(intent, person).await }).await?;
        Ok(Response::new(pb::CreatePersonResponse { person: Some(person.into()), receipt: Some(receipt.into()) }))
    }

    async fn get_person(&self, request: Request<pb::GetPersonRequest>) -> Result<Response<pb::GetPersonResponse>, Status> {
        let call = Call::for_open_tenant(&self.0, request).await?;
        let id = PersonId::parse("person_id", call.message.person_id)?;
        let person = self.0.person(&call.tenant, &id, reach(&call.identity)).await?;
        Ok(Response::new(pb::GetPersonResponse { person: Some(person.into()) }))
    }

    async fn list_people(&self, request: Request<pb::ListPeopleRequest>) -> Result<Response<pb::ListPeopleResponse>, Status> {
        let call = Call::for_open_tenant(&self.0, request).await?;
        let reach = reach(&call.identity);
        let list = format!("people/{}/{reach:?}", call.tenant);
        let page = Page::read(list, call.message.page_size, &call.message.page_token)?;
        let mut people = self.0.people(&call.tenant, &page, reach).await?;
        let next_page_token = page.cut(&mut people, |person| person.id.to_string());
        Ok(Response::new(pb::ListPeopleResponse { people: people.into_iter().map(Into::into).collect(), next_page_token }))
    }

    async fn update_person(
        &self,
        request: Request<pb::UpdatePersonRequest>,
    ) -> Result<Response<pb::UpdatePersonResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), &message.idempotency_key, &message)?;
        let person = wire::required("person", message.person)?;
        let id = PersonId::parse("person.person_id", person.person_id)?;
        let known: &[&str] = match reach(&identity) {
            Reach::Everybody => &["display_name", "active", "mobile_access", "phone", "role_id"],
            Reach::Technicians => &["display_name", "active", "mobile_access", "phone"],
        };
        let mut patch = PersonPatch::default();
        for path in wire::mask(message.update_mask, known)? {
            match path.as_str() {
                "display_name" => {
                    patch.display_name = Some(wire::display_name("person.display_name", person.display_name.clone())?)
                }
                "active" => patch.active = Some(person.active),
                "mobile_access" => patch.mobile_access = Some(person.mobile_access),
                "phone" => patch.phone = Some(wire::phone("person.phone", person.phone.clone())?),
                _ => patch.role = Some(RoleId::parse("person.role_id", person.role_id.clone())?),
            }
        }
        let (store, reach) = (self.0.clone(), reach(&identity));
        let work = async move { store.update_person(intent, "person.updated", id, patch, &person.etag, reach).await };
        let (person, receipt) = change(&self.0, work).await?;
        Ok(Response::new(pb::UpdatePersonResponse { person: Some(person.into()), receipt: Some(receipt.into()) }))
    }

    async fn update_permissions(
        &self,
        request: Request<pb::UpdatePermissionsRequest>,
    ) -> Result<Response<pb::UpdatePermissionsResponse>, Status> {
        let Call { identity, tenant, mut message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), &message.idempotency_key, &message)?;
        let id = PersonId::parse("person_id", message.person_id)?;
        let mut patch = PersonPatch::default();
        for path in wire::mask(message.update_mask.take(), &[VIEW, FULL])? {
            match path.as_str() {
                VIEW => patch.view = Some(Some(message.view_customer_chats)),
                _ => patch.full = Some(Some(message.allow_full_access_to_customer_chats)),
            }
        }
        let store = self.0.clone();
        let kind = "person.permissions_updated";
        let work = async move { store.update_person(intent, kind, id, patch, &message.etag, Reach::Everybody).await };
        let (person, receipt) = change(&self.0, work).await?;
        Ok(Response::new(pb::UpdatePermissionsResponse { person: Some(person.into()), receipt: Some(receipt.into()) }))
    }

    async fn reset_to_role(&self, request: Request<pb::ResetToRoleRequest>) -> Result<Response<pb::ResetToRoleResponse>, Status> {
        let Call { identity, tenant, message } = Call::for_open_tenant(&self.0, request).await?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), &message.idempotency_key, &message)?;
        let id = PersonId::parse("person_id", message.person_id)?;
        let patch = PersonPatch { view: Some(None), full: Some(None), ..PersonPatch::default() };
        let store = self.0.clone();
        let kind = "person.permissions_reset";
        let work = async move { store.update_person(intent, kind, id, patch, &message.etag, Reach::Everybody).await };
        let (person, receipt) = change(&self.0, work).await?;
        Ok(Response::new(pb::ResetToRoleResponse { person: Some(person.into()), receipt: Some(receipt.into()) }))
    }
}
