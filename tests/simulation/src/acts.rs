//! What changes access, and which switches of whom it turns.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::permissions::v1 as pb;
use crewline_checkers::history::Switch;
use crewline_client::Client;
use crewline_client::retry::CallError;

use crate::scene::{CREW, JOBS, OTTO, REASON, mask};

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A person's own permissions: to view, and for full access.
    Permit(&'static str, Level),
    /// A person follows their role again.
    Reset(&'static str),
    /// The default of the technicians' role.
    Role(Level),
    /// A person is deactivated, or active again.
    Active(&'static str, bool),
    /// A technician's mobile access.
    Mobile(&'static str, bool),
    /// Chat for the whole tenant.
    Chat(bool),
    /// A technician on an appointment of a job.
    Assign(&'static str, &'static str, &'static str, bool),
    /// A job ends, or goes on.
    Ended(&'static str, bool),
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    None,
    /// Read.
    View,
    /// Read and reply.
    Full,
}

/// Everything that decides access, as those believe it who change it. Each part has one caller who changes it, one call after the other.
#[derive(Clone, Debug)]
pub struct Facts {
    own: BTreeMap<&'static str, Level>,
    role: Level,
    inactive: BTreeSet<&'static str>,
    without_mobile: BTreeSet<&'static str>,
    chat: bool,
    assigned: BTreeSet<(&'static str, &'static str, &'static str)>,
    ended: BTreeSet<&'static str>,
}

impl Default for Facts {
    /// As the scene is set.
    fn default() -> Self {
        Self {
            own: BTreeMap::new(),
            role: Level::Full,
            inactive: BTreeSet::new(),
            without_mobile: BTreeSet::new(),
            chat: true,
            assigned: CREW.iter().flat_map(|person| JOBS.map(|job| (*person, job, "1"))).collect(),
            ended: BTreeSet::new(),
        }
    }
}

impl Facts {
    /// Takes an act in, and tells which switches it turns: `true` takes away. A switch that was off and stays off is taken away once more.
    pub fn take(&mut self, act: &Act) -> Vec<(Switch, bool)> {
        let before = self.clone();
        match *act {
            Act::Permit(person, level) => drop(self.own.insert(person, level)),
            Act::Reset(person) => drop(self.own.remove(person)),
            Act::Role(level) => self.role = level,
            Act::Active(person, on) => turn(&mut self.inactive, person, !on),
            Act::Mobile(person, on) => turn(&mut self.without_mobile, person, !on),
            Act::Chat(on) => self.chat = on,
            Act::Assign(person, job, appointment, on) => turn(&mut self.assigned, (person, job, appointment), on),
            Act::Ended(job, ended) => turn(&mut self.ended, job, ended),
        }
        let concerned = self.concerned(act).into_iter();
        concerned
            .filter_map(|switch| match (before.is_on(&switch), self.is_on(&switch)) {
                (false, true) => Some((switch, false)),
                (_, false) => Some((switch, true)),
                (true, true) => None,
            })
            .collect()
    }

    /// The acts that give everything back that was taken.
    pub fn to_restore(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        acts.extend((self.role < Level::Full).then_some(Act::Role(Level::Full)));
        acts.extend(
            self.own.iter().filter(|(_, level)| **level < Level::Full).map(|(person, _)| Act::Permit(person, Level::Full)),
        );
        acts.extend(self.inactive.iter().map(|person| Act::Active(person, true)));
        acts.extend(self.without_mobile.iter().map(|person| Act::Mobile(person, true)));
        acts.extend((!self.chat).then_some(Act::Chat(true)));
        acts.extend(self.ended.iter().map(|job| Act::Ended(job, false)));
        for job in JOBS {
            let off = CREW.iter().filter(|person| !self.is_on(&Switch::OnJob((**person).into(), job.into())));
            acts.extend(off.map(|person| Act::Assign(person, job, "1", true)));
        }
        acts
    }

    fn concerned(&self, act: &Act) -> Vec<Switch> {
        let levels = |person: &str| [Switch::View(person.into()), Switch::Full(person.into())];
        match *act {
            Act::Permit(person, _) | Act::Reset(person) => levels(person).to_vec(),
            Act::Role(_) => CREW.into_iter().filter(|person| !self.own.contains_key(person)).flat_map(levels).collect(),
            Act::Active(person, _) => vec![Switch::Active(person.into())],
            Act::Mobile(person, _) => vec![Switch::MobileAccess(person.into())],
            Act::Chat(_) => vec![Switch::Chat],
            Act::Assign(person, job, ..) => vec![Switch::OnJob(person.into(), job.into())],
            Act::Ended(job, _) => vec![Switch::JobOpen(job.into())],
        }
    }

    fn is_on(&self, switch: &Switch) -> bool {
        match switch {
            Switch::View(person) => self.level(person) >= Level::View,
            Switch::Full(person) => self.level(person) >= Level::Full,
            Switch::Active(person) => !self.inactive.contains(person.as_str()),
            Switch::MobileAccess(person) => !self.without_mobile.contains(person.as_str()),
            Switch::OnJob(person, job) => self.assigned.iter().any(|(who, what, _)| who == person && what == job),
            Switch::JobOpen(job) => !self.ended.contains(job.as_str()),
            Switch::Chat => self.chat,
        }
    }

    fn level(&self, person: &str) -> Level {
        // The office's role is never changed.
        let role = if person == OTTO { Level::Full } else { self.role };
        self.own.get(person).copied().unwrap_or(role)
    }
}

impl Act {
    /// Whether it turns nothing that the other one turns, so that both can be under way.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Permit(one, _) | Self::Reset(one), Self::Permit(other, _) | Self::Reset(other)) => one != other,
            (Self::Active(one, _), Self::Active(other, _)) | (Self::Mobile(one, _), Self::Mobile(other, _)) => one != other,
            (Self::Active(..), Self::Mobile(..)) | (Self::Mobile(..), Self::Active(..)) => true,
            (Self::Assign(one, job, ..), Self::Assign(other, another_job, ..)) => (one, job) != (other, another_job),
            _ => false,
        }
    }

    /// Calls, and tries again until somebody answers.
    pub async fn call(&self, client: &Client, key: &str) -> Result<pb::ChangeReceipt, CallError> {
        let receipt = match *self {
            Self::Permit(person, level) => permit(client, key, person, level).await?,
            Self::Reset(person) => reset(client, key, person).await?,
            Self::Role(level) => role(client, key, level).await?,
            Self::Active(person, active) => {
                update_person(client, key, pb::Person { person_id: person.into(), active, ..Default::default() }, "active")
                    .await?
            }
            Self::Mobile(person, mobile_access) => {
                let person = pb::Person { person_id: person.into(), mobile_access, ..Default::default() };
                update_person(client, key, person, "mobile_access").await?
            }
            Self::Chat(on) => chat(client, key, on).await?,
            Self::Assign(person, job, appointment, true) => assign(client, key, person, job, appointment).await?,
            Self::Assign(person, job, appointment, false) => unassign(client, key, person, job, appointment).await?,
            Self::Ended(job, ended) => report(client, key, job, ended).await?,
        };
        Ok(receipt.unwrap_or_default())
    }
}

async fn permit(client: &Client, key: &str, person: &str, level: Level) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let update = pb::UpdatePermissionsRequest {
        person_id: person.into(),
        view_customer_chats: level >= Level::View,
        allow_full_access_to_customer_chats: level >= Level::Full,
        update_mask: mask(&["view_customer_chats", "allow_full_access_to_customer_chats"]),
        reason: REASON.into(),
        idempotency_key: key.into(),
        ..Default::default()
    };
    Ok(client.write(update, |client, request| async move { client.directory().update_permissions(request).await }).await?.receipt)
}

async fn reset(client: &Client, key: &str, person: &str) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let reset = pb::ResetToRoleRequest {
        person_id: person.into(),
        reason: REASON.into(),
        idempotency_key: key.into(),
        ..Default::default()
    };
    Ok(client.write(reset, |client, request| async move { client.directory().reset_to_role(request).await }).await?.receipt)
}

async fn role(client: &Client, key: &str, level: Level) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let role = pb::Role {
        role_id: "technician".into(),
        view_customer_chats: level >= Level::View,
        allow_full_access_to_customer_chats: level >= Level::Full,
        ..Default::default()
    };
    let update = pb::UpdateRoleRequest {
        role: Some(role),
        update_mask: mask(&["view_customer_chats", "allow_full_access_to_customer_chats"]),
        reason: REASON.into(),
        idempotency_key: key.into(),
    };
    Ok(client.write(update, |client, request| async move { client.directory().update_role(request).await }).await?.receipt)
}

async fn update_person(
    client: &Client,
    key: &str,
    person: pb::Person,
    field: &str,
) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let update = pb::UpdatePersonRequest {
        person: Some(person),
        update_mask: mask(&[field]),
        reason: REASON.into(),
        idempotency_key: key.into(),
    };
    Ok(client.write(update, |client, request| async move { client.directory().update_person(request).await }).await?.receipt)
}

async fn chat(client: &Client, key: &str, chat_enabled: bool) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let update = pb::UpdateTenantSettingsRequest {
        settings: Some(pb::TenantSettings { chat_enabled, ..Default::default() }),
        update_mask: mask(&["chat_enabled"]),
        reason: REASON.into(),
        idempotency_key: key.into(),
    };
    let updated = client.write(update, |client, request| async move { client.directory().update_tenant_settings(request).await });
    Ok(updated.await?.receipt)
}

async fn assign(
    client: &Client,
    key: &str,
    person: &str,
    job: &str,
    appointment: &str,
) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let assign = pb::AssignTechniciansRequest {
        job_id: job.into(),
        appointment_id: appointment.into(),
        technician_ids: vec![person.into()],
        reason: REASON.into(),
        idempotency_key: key.into(),
    };
    Ok(client.write(assign, |client, request| async move { client.dispatch().assign_technicians(request).await }).await?.receipt)
}

async fn unassign(
    client: &Client,
    key: &str,
    person: &str,
    job: &str,
    appointment: &str,
) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let unassign = pb::UnassignTechniciansRequest {
        job_id: job.into(),
        appointment_id: appointment.into(),
        technician_ids: vec![person.into()],
        reason: REASON.into(),
        idempotency_key: key.into(),
    };
    Ok(client
        .write(unassign, |client, request| async move { client.dispatch().unassign_technicians(request).await })
        .await?
        .receipt)
}

async fn report(client: &Client, key: &str, job: &str, ended: bool) -> Result<Option<pb::ChangeReceipt>, CallError> {
    let status = if ended { pb::JobStatus::Completed } else { pb::JobStatus::InProgress };
    let report = pb::ReportJobStatusRequest {
        job_id: job.into(),
        status: status.into(),
        reason: REASON.into(),
        idempotency_key: key.into(),
    };
    Ok(client.write(report, |client, request| async move { client.dispatch().report_job_status(request).await }).await?.receipt)
}

fn turn<T: Ord>(set: &mut BTreeSet<T>, entry: T, on: bool) {
    if on {
        set.insert(entry);
    } else {
        set.remove(&entry);
    }
}
