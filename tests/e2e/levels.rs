//! The level of a person: from the role's defaults, and the person's own permissions over them.

use std::collections::BTreeMap;

use crewline::party::Pair;
use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use pb::ChatAccess;
use uuid::Uuid;

use crate::changes::{FULL, VIEW, WHY, mask, revision_of};
use crate::company::{Company, JOB, try_send};
use crate::refusals::outcome;
use crate::running::Running;

const OVERRIDES: [Option<bool>; 3] = [None, Some(false), Some(true)];

/// The two permissions of a role by default, and of a person over it.
#[derive(Clone, Copy, Debug)]
struct Held {
    role: (bool, bool),
    own: (Option<bool>, Option<bool>),
}

impl Held {
    fn level(self) -> ChatAccess {
        match (self.own.0.unwrap_or(self.role.0), self.own.1.unwrap_or(self.role.1)) {
            (_, true) => ChatAccess::Full,
            (true, false) => ChatAccess::View,
            (false, false) => ChatAccess::None,
        }
    }
}

fn role_id((view, full): (bool, bool)) -> String {
    format!("role-{}-{}", u8::from(view), u8::from(full))
}

/// Technicians on the job with every way to hold the permissions, by id.
async fn everybody(company: &Company) -> BTreeMap<String, Held> {
    let mut everybody = BTreeMap::new();
    for role in [(false, false), (false, true), (true, false), (true, true)] {
        create_role(company, role).await;
        for own in OVERRIDES.into_iter().flat_map(|view| OVERRIDES.map(|full| (view, full))) {
            let id = format!("p{}", everybody.len());
            create(company, &id, &role_id(role)).await;
            set_own(company, &id, own).await;
            everybody.insert(id, Held { role, own });
        }
    }
    let ids: Vec<&str> = everybody.keys().map(String::as_str).collect();
    company.assign("2", &ids).await;
    everybody
}

async fn create_role(company: &Company, (view, full): (bool, bool)) {
    let role = pb::Role {
        role_id: role_id((view, full)),
        display_name: "Role".into(),
        view_customer_chats: view,
        allow_full_access_to_customer_chats: full,
        ..Default::default()
    };
    let create = pb::CreateRoleRequest { role: Some(role), reason: WHY.into(), ..Default::default() };
    company.admin.directory().create_role(create).await.expect("a role");
}

async fn create(company: &Company, id: &str, role: &str) {
    let person = pb::Person {
        person_id: id.into(),
        kind: pb::PersonKind::Technician.into(),
        display_name: id.into(),
        role_id: role.into(),
        ..Default::default()
    };
    let create = pb::CreatePersonRequest { person: Some(person), reason: WHY.into(), ..Default::default() };
    company.admin.directory().create_person(create).await.expect("a person");
}

/// Sets those of a person's own permissions that there are, and leaves the others to the role.
async fn set_own(company: &Company, id: &str, (view, full): (Option<bool>, Option<bool>)) {
    let paths: Vec<&str> = [view.map(|_| VIEW), full.map(|_| FULL)].into_iter().flatten().collect();
    if paths.is_empty() {
        return;
    }
    let update = pb::UpdatePermissionsRequest {
        person_id: id.into(),
        view_customer_chats: view.unwrap_or_default(),
        allow_full_access_to_customer_chats: full.unwrap_or_default(),
        update_mask: mask(&paths),
        reason: WHY.into(),
        ..Default::default()
    };
    let set = company.admin.directory().update_permissions(update).await.expect("set").into_inner().person.expect("a person");
    assert_eq!((set.view_customer_chats, set.allow_full_access_to_customer_chats), (view, full));
}

/// Both services agree that everybody has the level that they hold.
async fn assert_levels(company: &Company, callers: &Pair, everybody: &BTreeMap<String, Held>, revision: u64) {
    let list = pb::ListJobTechniciansRequest { job_id: JOB.into() };
    let listed = company.admin.access().list_job_technicians(list).await.expect("listed").into_inner().technicians;
    let listed: BTreeMap<&str, ChatAccess> = listed.iter().map(|found| (found.person_id.as_str(), found.access())).collect();
    company.heard(revision).await;
    for (id, held) in everybody {
        let level = held.level();
        assert_eq!(listed.get(id.as_str()), Some(&level), "{id}: {held:?}");
        let party = callers.person("technician", id, &company.tenant).expect("a token");
        let get = chat::GetThreadRequest { thread_id: company.thread.clone() };
        let read = outcome(party.threads().get_thread(get).await);
        let sent = outcome(try_send(&party, &company.thread, &Uuid::new_v4().to_string(), "hello").await);
        let needs = "CHAT_PERMISSION_REQUIRED";
        let expected = match level {
            ChatAccess::Full => ["OK", "OK"],
            ChatAccess::View => ["OK", needs],
            _ => [needs, needs],
        };
        assert_eq!([read, sent], expected, "{id}: {held:?}");
    }
}

#[tokio::test]
async fn a_level_is_full_or_view_by_either_permission_the_persons_own_before_the_roles() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let mut everybody = everybody(&company).await;
    let newest = company.set_role("office", true, true).await;
    assert_levels(&company, &callers, &everybody, newest).await;

    // The defaults of two roles change: those who have no permission of their own follow.
    let given = company.set_role("role-0-0", true, true).await;
    let taken = company.set_role("role-1-1", false, false).await;
    assert!(taken > given);
    for held in everybody.values_mut() {
        held.role = match held.role {
            (false, false) => (true, true),
            (true, true) => (false, false),
            same => same,
        };
    }
    assert_levels(&company, &callers, &everybody, taken).await;

    // Reset, everybody is as the role is.
    let mut newest = 0;
    for (id, held) in &mut everybody {
        held.own = (None, None);
        newest = company.reset(id).await;
    }
    assert_levels(&company, &callers, &everybody, newest).await;
}

#[tokio::test]
async fn a_new_tenants_roles_and_people_hold_nothing() {
    let running = Running::pair().await;
    let callers = running.callers().await;
    let company = Company::open(&callers).await;
    let listed = company.admin.directory().list_roles(pb::ListRolesRequest::default()).await.expect("listed").into_inner();
    let defaults: Vec<(&str, bool, bool)> = listed
        .roles
        .iter()
        .map(|role| (role.role_id.as_str(), role.view_customer_chats, role.allow_full_access_to_customer_chats))
        .collect();
    assert_eq!(defaults, [("office", false, false), ("technician", false, false)]);

    let claims = pb::Person {
        person_id: "nina".into(),
        kind: pb::PersonKind::Technician.into(),
        display_name: "Nina".into(),
        role_id: "technician".into(),
        active: false,
        mobile_access: false,
        view_customer_chats: Some(true),
        allow_full_access_to_customer_chats: Some(true),
        ..Default::default()
    };
    let create = pb::CreatePersonRequest { person: Some(claims), reason: WHY.into(), ..Default::default() };
    let created = company.admin.directory().create_person(create).await.expect("created").into_inner();
    let nina = created.person.expect("a person");
    assert!(nina.active && nina.mobile_access, "a new person starts active");
    assert_eq!((nina.view_customer_chats, nina.allow_full_access_to_customer_chats), (None, None), "permissions are set apart");
    assert!(revision_of(created.receipt) > 0);
}
