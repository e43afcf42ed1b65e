//! What the administrator does in the story.

use crewline_api::permissions::v1 as pb;
use prost_types::FieldMask;
use tonic::Status;

use crate::party::Party;

const REASON: &str = "the demo";

/// Enables chat.
pub async fn enable_chat(admin: &Party) -> Result<tonic::Response<pb::UpdateTenantSettingsResponse>, Status> {
    let update = pb::UpdateTenantSettingsRequest {
        settings: Some(pb::TenantSettings { chat_enabled: true, ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["chat_enabled".into()] }),
        reason: REASON.into(),
        ..Default::default()
    };
    admin.directory().update_tenant_settings(update).await
}

/// Makes a person.
pub async fn create_person(
    admin: &Party,
    id: &str,
    name: &str,
    kind: pb::PersonKind,
) -> Result<tonic::Response<pb::CreatePersonResponse>, Status> {
    let role = if kind == pb::PersonKind::Office { "office" } else { "technician" };
    let person = pb::Person {
        person_id: id.into(),
        kind: kind.into(),
        display_name: name.into(),
        role_id: role.into(),
        ..Default::default()
    };
    let create = pb::CreatePersonRequest { person: Some(person), reason: REASON.into(), ..Default::default() };
    admin.directory().create_person(create).await
}

/// Sets both permissions of a person.
pub async fn set_permissions(
    admin: &Party,
    person: &str,
    view: bool,
    full: bool,
) -> Result<tonic::Response<pb::UpdatePermissionsResponse>, Status> {
    let update = pb::UpdatePermissionsRequest {
        person_id: person.into(),
        view_customer_chats: view,
        allow_full_access_to_customer_chats: full,
        update_mask: Some(FieldMask { paths: vec!["view_customer_chats".into(), "allow_full_access_to_customer_chats".into()] }),
        reason: REASON.into(),
        ..Default::default()
    };
    admin.directory().update_permissions(update).await
}
