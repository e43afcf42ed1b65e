//! Between the proto and the model: what comes in is checked here, field by field; what goes out is only written down.

mod watch;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chassis::identity::Identity;
use chassis::refusal::Refusal;
use chassis::text::{is_e164, is_storable, is_visible_ascii};
use crewline_api::permissions::v1 as pb;
use prost::{Message, Name};
use prost_types::value::Kind;
use prost_types::{FieldMask, ListValue, Struct, Timestamp, Value};
use sha2::{Digest, Sha256};

pub use self::watch::{node, tenant_access};
use crate::decision::Condition;
use crate::model::{
    AfterJobEnd, Assignment, AssignmentStatus, JobStatus, Level, Person, PersonId, PersonKind, Role, Tenant, TenantId,
};
use crate::store::changes::{AuditRow, Intent, Receipt, RequestKey};

const MAX_NAME: usize = 100;
const MAX_REASON: usize = 500;
const MAX_KEY: usize = 64;
/// Longer than any: an assignment's has three ids.
const MAX_SUBJECT: usize = 256;
const MAX_ASSIGNED_AT_ONCE: usize = 50;

// ---- what comes in ----

/// Whether a change may come without a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// People say why.
    Required,
    /// Machines need not.
    Optional,
}

/// The intent of a request that changes something. The idempotency key stands for the whole message and its kind: two RPCs may
/// have messages with the same fields.
pub fn intent<T: Message + Name>(
    identity: &Identity,
    tenant: TenantId,
    (reason, required): (&str, Reason),
    key: &str,
    request: &T,
) -> Result<Intent, Refusal> {
    if required == Reason::Required && reason.trim().is_empty() {
        return Err(Refusal::invalid("reason", "must say why"));
    }
    if reason.chars().count() > MAX_REASON || !is_storable(reason) {
        return Err(Refusal::invalid("reason", "must be at most 500 characters, none of them NUL"));
    }
    let key = match key {
        "" => None,
        key if is_visible_ascii(key, MAX_KEY) => Some(RequestKey {
            key: key.to_owned(),
            request_hash: Sha256::new_with_prefix(T::full_name()).chain_update(request.encode_to_vec()).finalize().to_vec(),
        }),
        _ => return Err(Refusal::invalid("idempotency_key", "must be up to 64 visible ASCII characters")),
    };
    let actor = format!("{}/{}", identity.kind, identity.subject);
    Ok(Intent { tenant, actor, reason: reason.to_owned(), key })
}

/// A name that people read.
pub fn display_name(field: &str, text: String) -> Result<String, Refusal> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > MAX_NAME || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(field, "must be 1 to 100 characters without control characters"));
    }
    Ok(text)
}

/// A phone number in E.164 form, or nothing.
pub fn phone(field: &str, text: String) -> Result<String, Refusal> {
    if text.is_empty() || is_e164(&text) {
        Ok(text)
    } else {
        Err(Refusal::invalid(field, "must be E.164: + and 7 to 15 digits, or empty"))
    }
}

/// The subject that changes are looked for by, or nothing.
pub fn subject(field: &str, text: String) -> Result<String, Refusal> {
    if text.chars().count() > MAX_SUBJECT || !is_storable(&text) {
        return Err(Refusal::invalid(field, "must be at most 256 characters, none of them NUL"));
    }
    Ok(text)
}

/// The technicians of a request, each once.
pub fn technicians(ids: Vec<String>) -> Result<Vec<PersonId>, Refusal> {
    if !(1..=MAX_ASSIGNED_AT_ONCE).contains(&ids.len()) {
        return Err(Refusal::invalid("technician_ids", "must name 1 to 50 technicians"));
    }
    let parse = |(index, id)| PersonId::parse(&format!("technician_ids[{index}]"), id);
    let mut people: Vec<PersonId> = ids.into_iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    people.sort();
    people.dedup();
    Ok(people)
}

/// The fields that an update names, each of which must be one of `known`.
pub fn mask(mask: Option<FieldMask>, known: &[&str]) -> Result<Vec<String>, Refusal> {
    let paths = mask.unwrap_or_default().paths;
    if paths.is_empty() {
        return Err(Refusal::invalid("update_mask", format!("must name at least one of {}", known.join(", "))));
    }
    match paths.iter().position(|path| !known.contains(&path.as_str())) {
        None => Ok(paths),
        Some(index) => {
            Err(Refusal::invalid(format!("update_mask.paths[{index}]"), format!("must be one of {}", known.join(", "))))
        }
    }
}

/// The message in a field that must be there.
pub fn required<T>(field: &str, message: Option<T>) -> Result<T, Refusal> {
    message.ok_or_else(|| Refusal::invalid(field, "must be set"))
}

/// The level that a permission asks for.
pub fn wanted(field: &str, permission: i32) -> Result<Level, Refusal> {
    match pb::Permission::try_from(permission) {
        Ok(pb::Permission::ViewCustomerChats) => Ok(Level::View),
        Ok(pb::Permission::AllowFullAccessToCustomerChats) => Ok(Level::Full),
        Ok(pb::Permission::Unspecified) | Err(_) => Err(Refusal::invalid(field, "must be one of the two permissions")),
    }
}

/// Technician or office employee.
pub fn person_kind(field: &str, kind: i32) -> Result<PersonKind, Refusal> {
    match pb::PersonKind::try_from(kind) {
        Ok(pb::PersonKind::Technician) => Ok(PersonKind::Technician),
        Ok(pb::PersonKind::Office) => Ok(PersonKind::Office),
        Ok(pb::PersonKind::Unspecified) | Err(_) => Err(Refusal::invalid(field, "must be a kind of person")),
    }
}

/// The policy for jobs that have ended.
pub fn after_job_end(field: &str, policy: i32) -> Result<AfterJobEnd, Refusal> {
    match pb::AccessAfterJobEnd::try_from(policy) {
        Ok(pb::AccessAfterJobEnd::Keep) => Ok(AfterJobEnd::Keep),
        Ok(pb::AccessAfterJobEnd::ReadOnly) => Ok(AfterJobEnd::ReadOnly),
        Ok(pb::AccessAfterJobEnd::None) => Ok(AfterJobEnd::None),
        Ok(pb::AccessAfterJobEnd::Unspecified) | Err(_) => Err(Refusal::invalid(field, "must be a policy")),
    }
}

/// The status of a job.
pub fn job_status(field: &str, status: i32) -> Result<JobStatus, Refusal> {
    match pb::JobStatus::try_from(status) {
        Ok(pb::JobStatus::Scheduled) => Ok(JobStatus::Scheduled),
        Ok(pb::JobStatus::Dispatched) => Ok(JobStatus::Dispatched),
        Ok(pb::JobStatus::InProgress) => Ok(JobStatus::InProgress),
        Ok(pb::JobStatus::Hold) => Ok(JobStatus::Hold),
        Ok(pb::JobStatus::Completed) => Ok(JobStatus::Completed),
        Ok(pb::JobStatus::Canceled) => Ok(JobStatus::Canceled),
        Ok(pb::JobStatus::Unspecified) | Err(_) => Err(Refusal::invalid(field, "must be a status of a job")),
    }
}

/// The status of an assignment.
pub fn assignment_status(field: &str, status: i32) -> Result<AssignmentStatus, Refusal> {
    match pb::AssignmentStatus::try_from(status) {
        Ok(pb::AssignmentStatus::Scheduled) => Ok(AssignmentStatus::Scheduled),
        Ok(pb::AssignmentStatus::Dispatched) => Ok(AssignmentStatus::Dispatched),
        Ok(pb::AssignmentStatus::Working) => Ok(AssignmentStatus::Working),
        Ok(pb::AssignmentStatus::Done) => Ok(AssignmentStatus::Done),
        Ok(pb::AssignmentStatus::Unspecified) | Err(_) => Err(Refusal::invalid(field, "must be a status of an assignment")),
    }
}

// ---- what goes out ----

impl From<Receipt> for pb::ChangeReceipt {
    fn from(receipt: Receipt) -> Self {
        Self {
            revision: receipt.revision,
            replayed: receipt.replayed,
            in_force_time: receipt.in_force.map(|in_force| timestamp(in_force.at)),
            nodes_confirmed: receipt.in_force.map_or(0, |in_force| in_force.confirmed),
            nodes_waited_out: receipt.in_force.map_or(0, |in_force| in_force.waited_out),
        }
    }
}

impl From<Level> for pb::ChatAccess {
    fn from(level: Level) -> Self {
        match level {
            Level::None => Self::None,
            Level::View => Self::View,
            Level::Full => Self::Full,
        }
    }
}

impl From<PersonKind> for pb::PersonKind {
    fn from(kind: PersonKind) -> Self {
        match kind {
            PersonKind::Technician => Self::Technician,
            PersonKind::Office => Self::Office,
        }
    }
}

impl From<AfterJobEnd> for pb::AccessAfterJobEnd {
    fn from(policy: AfterJobEnd) -> Self {
        match policy {
            AfterJobEnd::Keep => Self::Keep,
            AfterJobEnd::ReadOnly => Self::ReadOnly,
            AfterJobEnd::None => Self::None,
        }
    }
}

impl From<JobStatus> for pb::JobStatus {
    fn from(status: JobStatus) -> Self {
        match status {
            JobStatus::Scheduled => Self::Scheduled,
            JobStatus::Dispatched => Self::Dispatched,
            JobStatus::InProgress => Self::InProgress,
            JobStatus::Hold => Self::Hold,
            JobStatus::Completed => Self::Completed,
            JobStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<AssignmentStatus> for pb::AssignmentStatus {
    fn from(status: AssignmentStatus) -> Self {
        match status {
            AssignmentStatus::Scheduled => Self::Scheduled,
            AssignmentStatus::Dispatched => Self::Dispatched,
            AssignmentStatus::Working => Self::Working,
            AssignmentStatus::Done => Self::Done,
        }
    }
}

impl From<Condition> for pb::AccessReason {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::TenantOpen => Self::TenantClosed,
            Condition::PersonKnown => Self::PersonUnknown,
            Condition::PersonActive => Self::PersonInactive,
            Condition::MobileAccess => Self::MobileAccessOff,
            Condition::ChatEnabled => Self::ChatDisabled,
            Condition::LevelEnough => Self::LevelTooLow,
            Condition::OnJob => Self::NotOnJob,
            Condition::JobAllows => Self::JobEnded,
        }
    }
}

/// The outcome of a decision.
pub fn access_decision(decision: Result<(), Condition>) -> pb::AccessDecision {
    let reason = decision.map_or_else(pb::AccessReason::from, |()| pb::AccessReason::Allowed);
    pb::AccessDecision { allowed: decision.is_ok(), reason: reason.into() }
}

impl From<Tenant> for pb::TenantSettings {
    fn from(tenant: Tenant) -> Self {
        Self {
            chat_enabled: tenant.chat_enabled,
            technician_access_after_job_end: pb::AccessAfterJobEnd::from(tenant.after_job_end).into(),
            etag: tenant.revision.to_string(),
        }
    }
}

impl From<Tenant> for pb::Tenant {
    fn from(tenant: Tenant) -> Self {
        Self {
            tenant_id: tenant.id.to_string(),
            display_name: tenant.display_name,
            closed: tenant.closed,
            create_time: Some(timestamp(tenant.created_at)),
        }
    }
}

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        Self {
            role_id: role.id.to_string(),
            display_name: role.display_name,
            view_customer_chats: role.defaults.view,
            allow_full_access_to_customer_chats: role.defaults.full,
            etag: role.revision.to_string(),
        }
    }
}

impl From<Person> for pb::Person {
    fn from(person: Person) -> Self {
        Self {
            person_id: person.id.to_string(),
            kind: pb::PersonKind::from(person.kind).into(),
            display_name: person.display_name,
            role_id: person.role.to_string(),
            active: person.active,
            mobile_access: person.mobile_access,
            phone: person.phone,
            view_customer_chats: person.overrides.view,
            allow_full_access_to_customer_chats: person.overrides.full,
            etag: person.revision.to_string(),
        }
    }
}

impl From<Assignment> for pb::AppointmentAssignment {
    fn from(assignment: Assignment) -> Self {
        Self {
            job_id: assignment.job.to_string(),
            appointment_id: assignment.appointment.to_string(),
            technician_id: assignment.technician.to_string(),
            status: pb::AssignmentStatus::from(assignment.status).into(),
            active: assignment.active,
            paused: assignment.paused,
        }
    }
}

impl From<AuditRow> for pb::Change {
    fn from(row: AuditRow) -> Self {
        Self {
            revision: row.revision.unsigned_abs(),
            commit_time: Some(timestamp(row.committed_at)),
            kind: row.kind,
            subject: row.subject,
            actor: row.actor,
            reason: row.reason,
            before: row.before.as_deref().and_then(structure),
            after: structure(&row.after),
            idempotency_key: row.idempotency_key.unwrap_or_default(),
            in_force_time: row.in_force_at.map(timestamp),
            nodes_confirmed: row.nodes_confirmed.unsigned_abs(),
            nodes_waited_out: row.nodes_waited_out.unsigned_abs(),
        }
    }
}

fn timestamp(micros: i64) -> Timestamp {
    (SystemTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())).into()
}

/// JSON as a `Struct`; what is not an object stands under `value`.
fn structure(json: &str) -> Option<Struct> {
    let fields = match serde_json::from_str(json).ok()? {
        serde_json::Value::Object(object) => object.into_iter().map(|(key, value)| (key, json_value(value))).collect(),
        other => BTreeMap::from([("value".to_owned(), json_value(other))]),
    };
    Some(Struct { fields })
}

fn json_value(json: serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        serde_json::Value::String(value) => Kind::StringValue(value),
        serde_json::Value::Array(values) => Kind::ListValue(ListValue { values: values.into_iter().map(json_value).collect() }),
        serde_json::Value::Object(object) => {
            Kind::StructValue(Struct { fields: object.into_iter().map(|(key, value)| (key, json_value(value))).collect() })
        }
    };
    Value { kind: Some(kind) }
}
