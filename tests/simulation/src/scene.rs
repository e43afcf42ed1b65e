//! Who is there, and how it begins: a tenant with chat enabled, four technicians on two jobs, two in the office, and a
//! thread of each job on each node.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crewline_api::chat::v1 as chat;
use crewline_api::permissions::v1 as pb;
use crewline_client::backoff::Backoff;
use crewline_client::retry::{CallError, Retry};
use crewline_client::services::NotAUrl;
use crewline_client::subscription::Pace;
use crewline_client::{Client, Services};
use prost_types::FieldMask;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::book::Book;
use crate::hosts::{Hosts, PERMISSIONS, url};
use crate::plan::{Plan, node};

/// The tenant.
pub const TENANT: &str = "acme";
/// The technicians, on every job in the beginning.
pub const CREW: [&str; 4] = ["tina", "theo", "vera", "till"];
/// The office employee whose access changes.
pub const OTTO: &str = "otto";
/// The office employee whose access never changes.
pub const OLGA: &str = "olga";
/// The jobs, each with a customer.
pub const JOBS: [&str; 2] = ["1001", "1002"];
const CUSTOMERS: [&str; 2] = ["+15550100001", "+15550100002"];
/// Why everything is done, for the audit log.
pub const REASON: &str = "the simulation";

/// A thread, and where it is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The node.
    pub node: usize,
    /// Its id there.
    pub thread_id: String,
    /// In the book.
    pub thread: usize,
    /// The customer.
    pub contact: &'static str,
}

/// What everybody who does something needs. Clones share it.
#[derive(Clone)]
pub struct Scene {
    /// The seed.
    pub plan: Rc<Plan>,
    /// What happened.
    pub book: Book,
    /// Wakes everybody when access has just been taken away: the moment to try what must not be possible any more.
    pub revoked: Rc<Notify>,
    hosts: Rc<Hosts>,
    places: Rc<RefCell<Vec<Place>>>,
}

impl Scene {
    /// Nothing is there yet.
    pub fn new(hosts: Hosts) -> Self {
        let (plan, book) = (Rc::new(hosts.plan.clone()), hosts.book.clone());
        Self { plan, book, revoked: Rc::default(), hosts: Rc::new(hosts), places: Rc::default() }
    }

    /// Somebody who calls the services, one client for each node. Must be made on the host that they are on.
    pub fn caller(&self, subject: &str, kind: &str, scopes: &[&str]) -> Result<Vec<Client>, Box<dyn std::error::Error>> {
        let token = self.hosts.token(subject, kind, scopes, TENANT)?;
        let backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_millis(800) };
        let client = |number| {
            let services = Services::new(&url(&node(number)), Some(PERMISSIONS))?;
            let client = Client::new(services, token.as_str()).with_retry(Retry { backoff, ..Retry::default() });
            Ok(client.with_pace(Pace { backoff, ..Pace::default() }))
        };
        Ok((0..self.plan.nodes).map(client).collect::<Result<_, NotAUrl>>()?)
    }

    /// The threads, once everything is there.
    pub async fn places(&self) -> Vec<Place> {
        while self.places.borrow().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
        self.places.borrow().clone()
    }

    /// Waits as long as somebody thinks before they do the next thing.
    pub async fn think(&self, dice: &mut StdRng) {
        sleep(self.plan.pause.mul_f64(dice.random_range(0.1..2.0))).await;
    }

    /// The same, but that a revocation that has just returned makes them do it at once.
    pub async fn think_or_be_revoked(&self, dice: &mut StdRng) {
        let thought = self.think(dice);
        tokio::select! {
            biased;
            () = self.revoked.notified() => {}
            () = thought => {}
        }
    }

    /// Makes everything.
    pub async fn set(&self) -> Result<(), Box<dyn std::error::Error>> {
        let admin = self.caller("ada", "admin", &[])?.remove(0);
        let provision = self.caller("provisioning", "service", &["provision"])?.remove(0);
        let create = pb::CreateTenantRequest { tenant_id: TENANT.into(), display_name: TENANT.into() };
        // Not keyed: what is made already is as good.
        let made = provision.read(create, |client, request| async move { client.tenants().create_tenant(request).await }).await;
        self.book.open().note(&format!("the tenant is made: {}", made.is_ok()));
        enable_chat(&admin).await?;
        for role in ["technician", "office"] {
            allow_all(&admin, role).await?;
        }
        for technician in CREW {
            hire(&admin, technician, pb::PersonKind::Technician).await?;
        }
        for office in [OTTO, OLGA] {
            hire(&admin, office, pb::PersonKind::Office).await?;
        }
        let dispatch = self.caller("dispatch", "service", &["dispatch"])?.remove(0);
        for job in JOBS {
            assign(&dispatch, job).await?;
        }
        let olga = self.caller(OLGA, "office", &[])?;
        let mut places = Vec::new();
        for (number, client) in olga.iter().enumerate() {
            for (job, contact) in JOBS.into_iter().zip(CUSTOMERS) {
                let thread_id = self.start(client, job, contact).await?;
                places.push(Place { node: number, thread: self.book.open().thread(&thread_id, job), thread_id, contact });
            }
        }
        *self.places.borrow_mut() = places;
        Ok(())
    }

    /// Starts a thread, as soon as the node has heard of the office.
    async fn start(&self, olga: &Client, job: &str, contact: &str) -> Result<String, CallError> {
        let start = chat::StartThreadRequest { job_id: job.into(), contact_number: contact.into(), ..Default::default() };
        loop {
            let list = chat::ListThreadsRequest { job_id: job.into(), ..Default::default() };
            let listed = olga.read(list, |client, request| async move { client.threads().list_threads(request).await }).await;
            if let Some(thread) = listed.ok().and_then(|mut listed| listed.threads.pop()) {
                return Ok(thread.thread_id);
            }
            let started = olga.read(start.clone(), |client, request| async move { client.threads().start_thread(request).await });
            if let Ok(Some(thread)) = started.await.map(|started| started.thread) {
                return Ok(thread.thread_id);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn enable_chat(admin: &Client) -> Result<(), CallError> {
    let update = pb::UpdateTenantSettingsRequest {
        settings: Some(pb::TenantSettings {
            chat_enabled: true,
            technician_access_after_job_end: pb::AccessAfterJobEnd::None.into(),
            ..Default::default()
        }),
        update_mask: mask(&["chat_enabled", "technician_access_after_job_end"]),
        reason: REASON.into(),
        ..Default::default()
    };
    admin.write(update, |client, request| async move { client.directory().update_tenant_settings(request).await }).await?;
    Ok(())
}

async fn allow_all(admin: &Client, role: &str) -> Result<(), CallError> {
    let role = pb::Role {
        role_id: role.into(),
        view_customer_chats: true,
        allow_full_access_to_customer_chats: true,
        ..Default::default()
    };
    let update = pb::UpdateRoleRequest {
        role: Some(role),
        update_mask: mask(&["view_customer_chats", "allow_full_access_to_customer_chats"]),
        reason: REASON.into(),
        ..Default::default()
    };
    admin.write(update, |client, request| async move { client.directory().update_role(request).await }).await?;
    Ok(())
}

async fn hire(admin: &Client, id: &str, kind: pb::PersonKind) -> Result<(), CallError> {
    let role = if kind == pb::PersonKind::Office { "office" } else { "technician" };
    let person = pb::Person {
        person_id: id.into(),
        kind: kind.into(),
        display_name: id.into(),
        role_id: role.into(),
        ..Default::default()
    };
    let create = pb::CreatePersonRequest { person: Some(person), reason: REASON.into(), ..Default::default() };
    admin.write(create, |client, request| async move { client.directory().create_person(request).await }).await?;
    Ok(())
}

async fn assign(dispatch: &Client, job: &str) -> Result<(), CallError> {
    let assign = pb::AssignTechniciansRequest {
        job_id: job.into(),
        appointment_id: "1".into(),
        technician_ids: CREW.map(Into::into).to_vec(),
        ..Default::default()
    };
    dispatch.write(assign, |client, request| async move { client.dispatch().assign_technicians(request).await }).await?;
    Ok(())
}

/// Which fields a change is about.
pub fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}
