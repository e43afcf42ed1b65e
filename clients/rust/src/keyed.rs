//! Requests that are made once however often they are sent, because each names itself.

use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as permissions;

/// A request with an idempotency key.
pub trait Keyed: Clone {
    /// The key.
    fn key(&mut self) -> &mut String;
}

macro_rules! keyed {
    ($($request:ty, $field:ident;)*) => {
        $(impl Keyed for $request {
            fn key(&mut self) -> &mut String {
                &mut self.$field
            }
        })*
    };
}

keyed! {
    chat::SendMessageRequest, client_message_id;
    chat::ResendMessageRequest, client_message_id;
    chat::AddNoteRequest, client_message_id;
    permissions::CreateRoleRequest, idempotency_key;
    permissions::UpdateRoleRequest, idempotency_key;
    permissions::CreatePersonRequest, idempotency_key;
    permissions::UpdatePersonRequest, idempotency_key;
    permissions::UpdatePermissionsRequest, idempotency_key;
    permissions::ResetToRoleRequest, idempotency_key;
    permissions::UpdateTenantSettingsRequest, idempotency_key;
    permissions::ReportJobStatusRequest, idempotency_key;
    permissions::AssignTechniciansRequest, idempotency_key;
    permissions::UnassignTechniciansRequest, idempotency_key;
    permissions::UpdateAssignmentRequest, idempotency_key;
}

/// Gives a request without a key a new one: 128 random bits, as 32 characters.
pub(crate) fn with_key<M: Keyed>(mut message: M) -> (M, String) {
    let key = message.key();
    if key.is_empty() {
        *key = format!("{:032x}", rand::random::<u128>());
    }
    let key = key.clone();
    (message, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_only_where_there_is_none() {
        let (message, key) = with_key(chat::SendMessageRequest::default());
        let (_, other) = with_key(chat::SendMessageRequest::default());
        assert_eq!((message.client_message_id.as_str(), key.len()), (key.as_str(), 32));
        assert_ne!(key, other);
        let given = chat::SendMessageRequest { client_message_id: "mine".into(), ..Default::default() };
        assert_eq!(with_key(given.clone()), (given, "mine".to_owned()));
    }
}
