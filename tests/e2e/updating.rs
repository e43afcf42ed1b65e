//! Changes of settings, roles and people: conditional by etag, limited by a field mask, with a reason.

use crewline_api::permissions::v1 as pb;
use pb::{Person, PersonKind};
use tonic::Status;

use crate::changes::{FULL, VIEW, WHY, mask, revision_of};
use crate::company::{Company, refusal};
use crate::running::Running;

pub fn update_person(person: Person, paths: &[&str]) -> pb::UpdatePersonRequest {
    pb::UpdatePersonRequest { person: Some(person), update_mask: mask(paths), reason: WHY.into(), ..Default::default() }
}

pub fn named(id: &str, name: &str) -> Person {
    Person { person_id: id.into(), display_name: name.into(), ..Default::default() }
}

impl Company {
    pub async fn person(&self, id: &str) -> Person {
        let get = pb::GetPersonRequest { person_id: id.into() };
        self.admin.directory().get_person(get).await.expect("found").into_inner().person.expect("a person")
    }

    async fn settings(&self) -> pb::TenantSettings {
        let get = self.admin.directory().get_tenant_settings(pb::GetTenantSettingsRequest {}).await;
        get.expect("found").into_inner().settings.expect("settings")
    }

    async fn role(&self, id: &str) -> pb::Role {
        let listed = self.admin.directory().list_roles(pb::ListRolesRequest::default()).await.expect("listed");
        listed.into_inner().roles.into_iter().find(|role| role.role_id == id).expect("the role")
    }

    async fn changes_of_the_person(&self, etag: &str) -> [Result<(), Status>; 3] {
        let mut directory = self.admin.directory();
        let update = update_person(Person { etag: etag.into(), ..named("tina", "Tina the second") }, &["display_name"]);
        let permissions = pb::UpdatePermissionsRequest {
            person_id: "tina".into(),
            update_mask: mask(&[FULL]),
            etag: etag.into(),
            reason: WHY.into(),
            ..Default::default()
        };
        let reset =
            pb::ResetToRoleRequest { person_id: "tina".into(), etag: etag.into(), reason: WHY.into(), ..Default::default() };
        [
            directory.update_person(update).await.map(|_| ()),
            directory.update_permissions(permissions).await.map(|_| ()),
            directory.reset_to_role(reset).await.map(|_| ()),
        ]
    }
}

#[tokio::test]
async fn a_change_with_a_stale_etag_is_aborted_and_changes_nothing() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let (settings, role, tina) = (company.settings().await, company.role("technician").await, company.person("tina").await);
    company.set_chat(false).await;
    company.set_role("technician", true, false).await;
    company.set_person(Person { phone: "+15550100001".into(), ..named("tina", "") }, "phone").await;
    let after = (company.settings().await, company.role("technician").await, company.person("tina").await);
    assert!(after.0.etag != settings.etag && after.1.etag != role.etag && after.2.etag != tina.etag, "each changed");

    let update = pb::UpdateTenantSettingsRequest {
        settings: Some(pb::TenantSettings { chat_enabled: true, ..settings }),
        update_mask: mask(&["chat_enabled"]),
        reason: WHY.into(),
        ..Default::default()
    };
    assert_eq!(refusal(company.admin.directory().update_tenant_settings(update).await), "ETAG_MISMATCH");
    let update = pb::UpdateRoleRequest { role: Some(role), update_mask: mask(&[VIEW]), reason: WHY.into(), ..Default::default() };
    assert_eq!(refusal(company.admin.directory().update_role(update).await), "ETAG_MISMATCH");
    for stale in company.changes_of_the_person(&tina.etag).await {
        assert_eq!(refusal(stale), "ETAG_MISMATCH");
    }
    let unchanged = (company.settings().await, company.role("technician").await, company.person("tina").await);
    assert_eq!(unchanged, after);
}

#[tokio::test]
async fn a_change_with_the_present_etag_or_none_is_made() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut etag = company.person("tina").await.etag;
    let update = update_person(Person { etag: etag.clone(), ..named("tina", "Tina the second") }, &["display_name"]);
    let updated = company.admin.directory().update_person(update).await.expect("updated").into_inner();
    assert_ne!(updated.person.as_ref().expect("a person").etag, etag);
    etag = updated.person.expect("a person").etag;
    let reset = pb::ResetToRoleRequest { person_id: "tina".into(), etag, reason: WHY.into(), ..Default::default() };
    let reset = company.admin.directory().reset_to_role(reset).await.expect("reset").into_inner().person.expect("a person");
    assert_eq!(reset, company.person("tina").await);
    assert_eq!((reset.view_customer_chats, reset.display_name.as_str()), (None, "Tina the second"));
    for unconditional in company.changes_of_the_person("").await {
        unconditional.expect("an empty etag asks for nothing");
    }
}

#[tokio::test]
async fn only_what_the_mask_names_changes_and_it_must_name_something_known() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let before = company.person("tina").await;
    let other = Person {
        person_id: "tina".into(),
        display_name: "Other".into(),
        kind: PersonKind::Office.into(),
        role_id: "office".into(),
        phone: "+15550100001".into(),
        ..Default::default()
    };
    let updated = company.admin.directory().update_person(update_person(other.clone(), &["phone"])).await.expect("updated");
    let after = updated.into_inner().person.expect("a person");
    assert_eq!(after, Person { phone: other.phone.clone(), etag: after.etag.clone(), ..before });

    for paths in [&[][..], &["shoe_size"], &["phone", "kind"], &["person_id"], &["view_customer_chats"], &["etag"], &["*"]] {
        let refused = company.admin.directory().update_person(update_person(other.clone(), paths)).await;
        assert_eq!(refusal(refused), "INVALID_FIELD", "{paths:?}");
    }
    let no_mask = pb::UpdatePersonRequest { update_mask: None, ..update_person(other, &[]) };
    assert_eq!(refusal(company.admin.directory().update_person(no_mask).await), "INVALID_FIELD");
    let settings = pb::UpdateTenantSettingsRequest {
        settings: Some(pb::TenantSettings::default()),
        update_mask: mask(&["technician_access_after_job_end"]),
        reason: WHY.into(),
        ..Default::default()
    };
    let refused = company.admin.directory().update_tenant_settings(settings).await;
    assert_eq!(refusal(refused), "INVALID_FIELD", "a policy must be one");
    assert_eq!(company.person("tina").await, after);
}

#[tokio::test]
async fn an_administrator_says_why_in_1_to_500_characters() {
    let running = Running::pair().await;
    let company = Company::open(&running.callers().await).await;
    let mut expected = Vec::new();
    for (why, good) in
        [("", false), ("  ", false), (&"ü".repeat(501), false), ("no\0", false), (&"ü".repeat(500), true), ("x", true)]
    {
        let update = pb::UpdatePersonRequest {
            reason: why.into(),
            ..update_person(named("tina", &format!("Tina {}", expected.len())), &["display_name"])
        };
        let outcome = company.admin.directory().update_person(update).await;
        expected.push(good);
        if good { outcome.map(|_| ()).expect("good") } else { assert_eq!(refusal(outcome), "INVALID_FIELD", "{why:?}") }
    }
}

#[tokio::test]
async fn what_changes_nothing_makes_no_revision() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    company.reset("theo").await;
    let newest = company.set_person(Person { phone: "+15550100001".into(), ..named("tina", "") }, "phone").await;
    let provision = callers.service("provision", &company.tenant).expect("a token");
    let create = pb::CreateTenantRequest { tenant_id: company.tenant.clone(), display_name: "Test".into() };
    let unchanged = [
        company.set_chat(true).await,
        company.set_policy(pb::AccessAfterJobEnd::Keep).await,
        company.set_role("technician", false, false).await,
        company.permit("tina", true, true).await,
        company.reset("theo").await,
        company.set_active("tina", true).await,
        company.set_mobile_access("tina", true).await,
        company.set_person(Person { phone: "+15550100001".into(), ..named("tina", "") }, "phone").await,
        company.assign("1", &["tina", "vera"]).await,
        revision_of(provision.tenants().create_tenant(create).await.expect("the same").into_inner().receipt),
    ];
    assert_eq!(unchanged, [newest; 10]);
    assert_eq!(company.set_chat(false).await, newest + 1, "no revision was taken");
}
