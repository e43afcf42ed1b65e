//! The words of this service: people, roles, jobs, and the facts that decide access.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

chassis::external_id!(
    /// A company.
    TenantId
);
chassis::external_id!(
    /// A technician or office employee.
    PersonId
);
chassis::external_id!(
    /// A named set of defaults of the two permissions.
    RoleId
);
chassis::external_id!(
    /// A record of work for a customer.
    JobId
);
chassis::external_id!(
    /// A scheduled visit of a job.
    AppointmentId
);

/// What a person may do with customer chats. Each level includes the one before (choice A2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    None,
    /// Read.
    View,
    /// Read and reply.
    Full,
}

/// Technician or office employee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PersonKind {
    /// Works in the field.
    Technician,
    /// Works in the office.
    Office,
}

/// What technicians may do on a job that has ended (choice A4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AfterJobEnd {
    /// What they could before.
    Keep,
    /// Read.
    ReadOnly,
    /// Nothing.
    None,
}

/// The status of a job (rule R21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[allow(missing_docs)] // Said in the proto.
pub enum JobStatus {
    Scheduled,
    Dispatched,
    InProgress,
    Hold,
    Completed,
    Canceled,
}

/// The status of an appointment assignment (rule R21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[allow(missing_docs)] // Said in the proto.
pub enum AssignmentStatus {
    Scheduled,
    Dispatched,
    Working,
    Done,
}

/// The two permissions of rule R2, as a role has them by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// *View customer chats*.
    pub view: bool,
    /// *Allow full access to customer chats*.
    pub full: bool,
}

/// A person's own permissions over the role's; `None` follows the role (choice A21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// *View customer chats*.
    pub view: Option<bool>,
    /// *Allow full access to customer chats*.
    pub full: Option<bool>,
}

/// A tenant and its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub display_name: String,
    /// No call for it is accepted any more.
    pub closed: bool,
    /// Chat is enabled (rule R1).
    pub chat_enabled: bool,
    /// For jobs that have ended.
    pub after_job_end: AfterJobEnd,
    /// When it was made, in microseconds since 1970.
    #[serde(skip)]
    pub created_at: i64,
    /// Of the newest change of the tenant itself: its etag.
    #[serde(skip)]
    pub revision: u64,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub display_name: String,
    /// The defaults.
    pub defaults: Permissions,
    /// Of its newest change: its etag.
    #[serde(skip)]
    pub revision: u64,
}

/// A technician or office employee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Technician or office employee.
    pub kind: PersonKind,
    /// Their name.
    pub display_name: String,
    /// Their role.
    pub role: RoleId,
    /// Not deactivated.
    pub active: bool,
    /// May use the mobile app.
    pub mobile_access: bool,
    /// Their own number, or empty.
    pub phone: String,
    /// Their own permissions.
    pub overrides: Overrides,
    /// Of their newest change: their etag.
    #[serde(skip)]
    pub revision: u64,
}

/// A technician on an appointment of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The job.
    pub job: JobId,
    /// The appointment.
    pub appointment: AppointmentId,
    /// The technician.
    pub technician: PersonId,
    /// Where they are with it.
    pub status: AssignmentStatus,
    /// Not taken off.
    pub active: bool,
    /// Paused.
    pub paused: bool,
}

/// The facts of a tenant that decide access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantFacts {
    /// No call for it is accepted any more.
    pub closed: bool,
    /// Chat is enabled.
    pub chat_enabled: bool,
    /// For jobs that have ended.
    pub after_job_end: AfterJobEnd,
}

/// The facts of a person that decide access, with the name that stands beside their messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonFacts {
    /// Who.
    pub person: PersonId,
    /// Technician or office employee.
    pub kind: PersonKind,
    /// Their name.
    pub display_name: String,
    /// Not deactivated.
    pub active: bool,
    /// May use the mobile app.
    pub mobile_access: bool,
    /// What they may do.
    pub level: Level,
    /// Their own number, or empty. Changes from before it was told have none.
    #[serde(default)]
    pub phone: String,
}

/// The facts of a job that decide access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFacts {
    /// Which.
    pub job: JobId,
    /// Who has an active assignment to any of its appointments (rule R16).
    pub technicians: Vec<PersonId>,
    /// Completed or canceled.
    pub ended: bool,
    /// One of them is dispatched or working there now.
    #[serde(default)]
    pub under_way: bool,
}

impl Permissions {
    /// The level that these two give: full access includes viewing (choice A2).
    pub fn level(self) -> Level {
        match (self.full, self.view) {
            (true, _) => Level::Full,
            (false, true) => Level::View,
            (false, false) => Level::None,
        }
    }

    /// These, where a person has none of their own.
    pub fn under(self, overrides: Overrides) -> Self {
        Self { view: overrides.view.unwrap_or(self.view), full: overrides.full.unwrap_or(self.full) }
    }
}

impl AfterJobEnd {
    /// The most that a technician may do on a job that has ended.
    pub fn ceiling(self) -> Level {
        match self {
            Self::Keep => Level::Full,
            Self::ReadOnly => Level::View,
            Self::None => Level::None,
        }
    }
}

impl JobStatus {
    /// Whether nothing follows. A hold never takes access away (choice A4).
    pub fn ended(self) -> bool {
        match self {
            Self::Completed | Self::Canceled => true,
            Self::Scheduled | Self::Dispatched | Self::InProgress | Self::Hold => false,
        }
    }
}

impl Tenant {
    /// What decides access.
    pub fn facts(&self) -> TenantFacts {
        TenantFacts { closed: self.closed, chat_enabled: self.chat_enabled, after_job_end: self.after_job_end }
    }
}

impl Person {
    /// What decides access, given the defaults of the person's role.
    pub fn facts(&self, defaults: Permissions) -> PersonFacts {
        PersonFacts {
            person: self.id.clone(),
            kind: self.kind,
            display_name: self.display_name.clone(),
            active: self.active,
            mobile_access: self.mobile_access,
            level: defaults.under(self.overrides).level(),
            phone: self.phone.clone(),
        }
    }
}
