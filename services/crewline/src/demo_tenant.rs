//! A tenant to try things with: made at the first start, shown at every start.

use std::convert::Infallible;

use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use prost_types::FieldMask;
use tonic::Code;
use tonic_types::StatusExt;

use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::party::{CallError, Pair, Party, until_heard};
use crate::phone::screen::show;
use crate::phone::{Answers, Heard, Phone};

/// Its id.
pub const TENANT: &str = "demo";
const GOT_IT: &str = "simulated phone: got it";
const JOB: &str = "1001";
/// The number of its customer.
pub const CUSTOMER: &str = "+15550100123";
const REASON: &str = "the demo tenant";

/// Makes the tenant if need be, and prints how to try the services.
pub async fn introduce(config: &Config, endpoints: Endpoints) -> Result<(), Error> {
    let pair = Pair::new(config, endpoints).await?;
    let thread = make(&pair).await?;
    print_introduction(&pair, endpoints, &thread)
}

/// Takes what the tenant sends, shows it, and answers the first text of each thread. Does not end by itself.
pub async fn answer(config: &Config, endpoints: Endpoints) -> Result<Infallible, Error> {
    let pair = Pair::new(config, endpoints).await?;
    let phone = Phone::new(pair, TENANT, Answers::FirstOfThread(GOT_IT.into()));
    // The services have a log of their own.
    phone
        .run(|heard| {
            if !matches!(heard, Heard::Away(_)) {
                show(heard)
            }
        })
        .await
}

/// Every call has an idempotency key of its own that never changes: a later start repeats them, and undoes nothing of what
/// somebody has changed since.
async fn make(pair: &Pair) -> Result<String, Error> {
    let tenants = pair.service("provision", "*")?;
    let (admin, dispatch) = (pair.person("admin", "ada", TENANT)?, pair.service("dispatch", TENANT)?);
    let create = pb::CreateTenantRequest { tenant_id: TENANT.into(), display_name: "Demo Plumbing".into() };
    until_heard(async || tenants.tenants().create_tenant(create.clone()).await)
        .await
        .map_err(Box::new)
        .map_err(Error::DemoTenant)?;
    set_up(&admin, &dispatch).await.map_err(Box::new).map_err(Error::DemoTenant)?;
    start_thread(&pair.person("office", "olga", TENANT)?).await.map_err(Box::new).map_err(Error::DemoTenant)
}

async fn set_up(admin: &Party, dispatch: &Party) -> Result<(), CallError> {
    let settings = pb::UpdateTenantSettingsRequest {
        settings: Some(pb::TenantSettings { chat_enabled: true, ..Default::default() }),
        update_mask: Some(FieldMask { paths: vec!["chat_enabled".into()] }),
        reason: REASON.into(),
        idempotency_key: "demo-settings".into(),
    };
    admin.directory().update_tenant_settings(settings).await?;
    for (id, name, kind, role) in [
        ("olga", "Olga (office)", pb::PersonKind::Office, "office"),
        ("tina", "Tina (technician)", pb::PersonKind::Technician, "technician"),
        ("theo", "Theo (technician)", pb::PersonKind::Technician, "technician"),
    ] {
        let person = pb::Person {
            person_id: id.into(),
            kind: kind.into(),
            display_name: name.into(),
            role_id: role.into(),
            ..Default::default()
        };
        let create =
            pb::CreatePersonRequest { person: Some(person), reason: REASON.into(), idempotency_key: format!("demo-person-{id}") };
        admin.directory().create_person(create).await?;
        let permissions = pb::UpdatePermissionsRequest {
            person_id: id.into(),
            view_customer_chats: true,
            allow_full_access_to_customer_chats: id != "theo",
            update_mask: Some(FieldMask {
                paths: vec!["view_customer_chats".into(), "allow_full_access_to_customer_chats".into()],
            }),
            reason: REASON.into(),
            idempotency_key: format!("demo-permissions-{id}"),
            ..Default::default()
        };
        admin.directory().update_permissions(permissions).await?;
    }
    let assign = pb::AssignTechniciansRequest {
        job_id: JOB.into(),
        appointment_id: "1".into(),
        technician_ids: vec!["tina".into(), "theo".into()],
        reason: REASON.into(),
        idempotency_key: "demo-assign".into(),
    };
    dispatch.dispatch().assign_technicians(assign).await?;
    Ok(())
}

async fn start_thread(office: &Party) -> Result<String, CallError> {
    let start = chat::StartThreadRequest { job_id: JOB.into(), contact_number: CUSTOMER.into(), ..Default::default() };
    until_heard(async || match office.threads().start_thread(start.clone()).await {
        Ok(started) => Ok(started.into_inner().thread.unwrap_or_default().thread_id),
        Err(status) if status.code() == Code::AlreadyExists => {
            let info = status.get_details_error_info();
            info.and_then(|info| info.metadata.get("thread_id").cloned()).ok_or(status)
        }
        Err(status) => Err(status),
    })
    .await
}

fn print_introduction(pair: &Pair, endpoints: Endpoints, thread: &str) -> Result<(), Error> {
    let address = |address: Option<std::net::SocketAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let (permissions, chat) = (address(endpoints.permissions), address(endpoints.chat));
    let tina = pair.person("technician", "tina", TENANT)?.token;
    let carrier = pair.service("carrier", TENANT)?.token;
    let admin = pair.person("admin", "ada", TENANT)?.token;
    println!(
        r#"
Crewline runs: permissions on {permissions}, chat on {chat}.
The tenant `{TENANT}` has the technician tina on job {JOB}, and a thread with its customer. The tokens are good for 12 hours.
Paste these lines into a shell; grpcurl comes from https://github.com/fullstorydev/grpcurl.

TINA={tina}
CARRIER={carrier}
ADMIN={admin}

# Watch the thread as the technician (leave it running, and go on in another shell)
grpcurl -plaintext -H "authorization: Bearer $TINA" -d '{{"thread_id": "{thread}"}}' {chat} crewline.chat.v1.ThreadService/WatchThread

# See what waits for the technician, and the red mark of each job (leave it running, too)
grpcurl -plaintext -H "authorization: Bearer $TINA" {chat} crewline.chat.v1.ThreadService/WatchInbox

# Text as the customer
grpcurl -plaintext -H "authorization: Bearer $CARRIER" -d '{{"provider": "shell", "provider_message_id": "'$RANDOM'", "contact_number": "{CUSTOMER}", "body": "When will you be here?"}}' {chat} crewline.chat.v1.CarrierService/ReceiveMessage

# Reply as the technician: a simulated phone takes it, shows it below, and answers the first text of a thread
grpcurl -plaintext -H "authorization: Bearer $TINA" -d '{{"thread_id": "{thread}", "client_message_id": "'$RANDOM'", "body": "In ten minutes."}}' {chat} crewline.chat.v1.ThreadService/SendMessage

# Take the permission away as the admin: the stream ends (with true instead of false it is given back)
grpcurl -plaintext -H "authorization: Bearer $ADMIN" -d '{{"person_id": "tina", "view_customer_chats": false, "allow_full_access_to_customer_chats": false, "update_mask": {{"paths": ["view_customer_chats", "allow_full_access_to_customer_chats"]}}, "reason": "trying it out"}}' {permissions} crewline.permissions.v1.DirectoryService/UpdatePermissions
"#
    );
    Ok(())
}
