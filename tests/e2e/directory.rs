//! Roles and people: what is not there, what is there already, and whom the dispatch system reaches.

use crewline_api::permissions::v1 as pb;
use pb::{Person, PersonKind};

use crate::changes::{VIEW, WHY, mask};
use crate::company::{Company, refusal};
use crate::running::Running;
use crate::updating::{named, update_person};

fn new_person(id: &str, role: &str, kind: PersonKind) -> pb::CreatePersonRequest {
    let person = Person { kind: kind.into(), role_id: role.into(), ..named(id, id) };
    pb::CreatePersonRequest { person: Some(person), reason: WHY.into(), ..Default::default() }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_there_is_not_made_again() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let mut directory = company.admin.directory();
    let missing = "RESOURCE_NOT_FOUND";
    let get = pb::GetPersonRequest { person_id: "nobody".into() };
    assert_eq!(refusal(directory.get_person(get).await), missing);
    let update = update_person(named("nobody", "Nobody"), &["display_name"]);
    assert_eq!(refusal(directory.update_person(update).await), missing);
    let permissions = pb::UpdatePermissionsRequest {
        person_id: "nobody".into(),
        update_mask: mask(&[VIEW]),
        reason: WHY.into(),
        ..Default::default()
    };
    assert_eq!(refusal(directory.update_permissions(permissions).await), missing);
    let reset = pb::ResetToRoleRequest { person_id: "nobody".into(), reason: WHY.into(), ..Default::default() };
    assert_eq!(refusal(directory.reset_to_role(reset).await), missing);
    assert_eq!(refusal(directory.create_person(new_person("new", "no-role", PersonKind::Technician)).await), missing);
    let update = update_person(Person { role_id: "no-role".into(), ..named("tina", "") }, &["role_id"]);
    assert_eq!(refusal(directory.update_person(update).await), missing);
    let role = pb::Role { role_id: "no-role".into(), display_name: "Role".into(), ..Default::default() };
    let update =
        pb::UpdateRoleRequest { role: Some(role.clone()), update_mask: mask(&[VIEW]), reason: WHY.into(), ..Default::default() };
    assert_eq!(refusal(directory.update_role(update).await), missing);

    assert_eq!(
        refusal(directory.create_person(new_person("tina", "technician", PersonKind::Technician)).await),
        "RESOURCE_EXISTS"
    );
    let create = pb::CreateRoleRequest {
        role: Some(pb::Role { role_id: "office".into(), ..role }),
        reason: WHY.into(),
        ..Default::default()
    };
    assert_eq!(refusal(directory.create_role(create).await), "RESOURCE_EXISTS");

    let provision = callers.service("provision", "*").expect("a token");
    let (get, close) = (
        pb::GetTenantRequest { tenant_id: "nowhere".into() },
        pb::CloseTenantRequest { tenant_id: "nowhere".into(), reason: WHY.into() },
    );
    assert_eq!(refusal(provision.tenants().get_tenant(get).await), missing);
    assert_eq!(refusal(provision.tenants().close_tenant(close).await), missing);
    let again = |name: &str| pb::CreateTenantRequest { tenant_id: company.tenant.clone(), display_name: name.into() };
    assert_eq!(refusal(provision.tenants().create_tenant(again("Other")).await), "RESOURCE_EXISTS");
    let same = provision.tenants().create_tenant(again("Test")).await.expect("the same tenant").into_inner();
    assert_eq!(same.tenant.expect("a tenant").tenant_id, company.tenant);
}

#[tokio::test]
async fn the_dispatch_system_reaches_technicians_alone_and_not_what_they_may_do() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut directory = company.dispatch.directory();
    directory.create_person(new_person("nina", "technician", PersonKind::Technician)).await.expect("a technician");
    let renamed = directory.update_person(update_person(named("nina", "Nina"), &["display_name", "mobile_access"])).await;
    let nina = renamed.expect("updated").into_inner().person.expect("a person");
    assert_eq!((nina.display_name.as_str(), nina.mobile_access, nina.active), ("Nina", false, true));

    let missing = "RESOURCE_NOT_FOUND";
    let oleg = new_person("oleg", "office", PersonKind::Office);
    assert_eq!(refusal(directory.create_person(oleg).await), "INVALID_FIELD", "dispatch makes technicians");
    let mole = new_person("mole", "office", PersonKind::Technician);
    assert_eq!(refusal(directory.create_person(mole).await), "INVALID_FIELD", "roles are the administrator's");
    let update = update_person(Person { active: false, ..named("olga", "") }, &["active"]);
    assert_eq!(refusal(directory.update_person(update).await), missing);
    let update = update_person(Person { role_id: "office".into(), ..named("nina", "") }, &["role_id"]);
    assert_eq!(refusal(directory.update_person(update).await), "INVALID_FIELD", "roles are the administrator's");
    assert!(company.person("olga").await.active);
}

#[tokio::test]
async fn the_dispatch_system_sees_technicians_alone() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut directory = company.dispatch.directory();
    let get = |id: &str| pb::GetPersonRequest { person_id: id.into() };
    directory.get_person(get("tina")).await.expect("a technician");
    let listed = directory.list_people(pb::ListPeopleRequest::default()).await.expect("listed").into_inner().people;
    let listed: Vec<&str> = listed.iter().map(|person| person.person_id.as_str()).collect();
    assert_eq!(listed, ["theo", "tina", "vera"]);
    assert_eq!(refusal(directory.get_person(get("olga")).await), "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn a_tenant_holds_at_most_200_roles() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let create = async |number: usize| {
        let role = pb::Role { role_id: format!("r{number}"), display_name: "Role".into(), ..Default::default() };
        let create = pb::CreateRoleRequest { role: Some(role), reason: WHY.into(), ..Default::default() };
        company.admin.directory().create_role(create).await
    };
    for number in 2..200 {
        create(number).await.expect("a role");
    }
    assert_eq!(refusal(create(200).await), "STORAGE_FULL");
}
