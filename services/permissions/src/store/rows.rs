//! Rows into the model.

use super::entities::{appointment_assignments, people, roles, tenants};
use crate::error::Error;
use crate::model::{AppointmentId, Assignment, JobId, Overrides, Permissions, Person, PersonId, Role, RoleId, Tenant, TenantId};

/// A revision as the database keeps it.
pub(super) fn revision(stored: i64) -> u64 {
    stored.unsigned_abs()
}

impl TryFrom<tenants::Model> for Tenant {
    type Error = Error;

    fn try_from(row: tenants::Model) -> Result<Self, Error> {
        Ok(Self {
            id: TenantId::trusted(row.tenant_id),
            display_name: row.display_name,
            closed: row.closed,
            chat_enabled: row.chat_enabled,
            after_job_end: row.after_job_end.parse().map_err(|_| Error::Corrupt("tenants.after_job_end"))?,
            created_at: row.created_at,
            revision: revision(row.revision),
        })
    }
}

impl From<roles::Model> for Role {
    fn from(row: roles::Model) -> Self {
        Self {
            id: RoleId::trusted(row.role_id),
            display_name: row.display_name,
            defaults: Permissions { view: row.view_default, full: row.full_default },
            revision: revision(row.revision),
        }
    }
}

impl TryFrom<people::Model> for Person {
    type Error = Error;

    fn try_from(row: people::Model) -> Result<Self, Error> {
        Ok(Self {
            id: PersonId::trusted(row.person_id),
            kind: row.kind.parse().map_err(|_| Error::Corrupt("people.kind"))?,
            display_name: row.display_name,
            role: RoleId::trusted(row.role_id),
            active: row.active,
            mobile_access: row.mobile_access,
            phone: row.phone,
            overrides: Overrides { view: row.view_override, full: row.full_override },
            revision: revision(row.revision),
        })
    }
}

impl TryFrom<appointment_assignments::Model> for Assignment {
    type Error = Error;

    fn try_from(row: appointment_assignments::Model) -> Result<Self, Error> {
        Ok(Self {
            job: JobId::trusted(row.job_id),
            appointment: AppointmentId::trusted(row.appointment_id),
            technician: PersonId::trusted(row.technician_id),
            status: row.status.parse().map_err(|_| Error::Corrupt("appointment_assignments.status"))?,
            active: row.active,
            paused: row.paused,
        })
    }
}
