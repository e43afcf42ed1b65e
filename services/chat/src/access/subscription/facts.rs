//! The facts as the permissions service tells them.

use std::collections::HashMap;

use crewline_api::permissions::v1 as pb;

use super::Ended;
use crate::access::view::{Change, JobFacts, Level, PersonFacts, TenantFacts, TenantView, View};
use crate::model::{JobId, PersonId, PersonKind, TenantId};

/// A snapshot under way.
pub(super) struct Snapshot {
    epoch: u64,
    revision: u64,
    tenants: HashMap<TenantId, TenantView>,
}

impl Snapshot {
    pub(super) fn begin(begin: &pb::SnapshotBegin) -> Self {
        Self { epoch: begin.epoch, revision: begin.revision, tenants: HashMap::new() }
    }

    /// The view, now that it is whole.
    pub(super) fn end(self) -> View {
        View::of_snapshot(self.epoch, self.revision, self.tenants)
    }

    pub(super) fn add(&mut self, part: pb::SnapshotPart) -> Result<(), Ended> {
        let id = TenantId::trusted(part.tenant_id);
        if let Some(own) = part.tenant {
            let facts = read_tenant(&own)?;
            self.tenants.insert(id.clone(), TenantView::new(facts, own.revision));
        }
        let tenant = self.tenants.get_mut(&id).ok_or(Ended::Protocol("a part before the tenant's own"))?;
        for person in part.people {
            let (person, facts) = read_person(person)?;
            tenant.put_person(person, facts);
        }
        for (job, facts) in part.jobs.into_iter().map(read_job) {
            tenant.put_job(job, facts);
        }
        Ok(())
    }
}

pub(super) fn read_change(change: pb::AccessChange) -> Result<Change, Ended> {
    Ok(Change {
        revision: change.revision,
        prev_revision: change.prev_revision,
        tenant: TenantId::trusted(change.tenant_id),
        facts: change.tenant.as_ref().map(read_tenant).transpose()?,
        people: change.people.into_iter().map(read_person).collect::<Result<_, _>>()?,
        jobs: change.jobs.into_iter().map(read_job).collect(),
    })
}

fn read_tenant(own: &pb::TenantAccess) -> Result<TenantFacts, Ended> {
    Ok(TenantFacts { closed: own.closed, chat_enabled: own.chat_enabled, after_job_end: read_level(own.after_job_end)? })
}

fn read_person(person: pb::PersonAccess) -> Result<(PersonId, PersonFacts), Ended> {
    let kind = match pb::PersonKind::try_from(person.kind) {
        Ok(pb::PersonKind::Technician) => PersonKind::Technician,
        Ok(pb::PersonKind::Office) => PersonKind::Office,
        Ok(pb::PersonKind::Unspecified) | Err(_) => return Err(Ended::Protocol("a person of no kind")),
    };
    let facts = PersonFacts {
        kind,
        display_name: person.display_name,
        active: person.active,
        mobile_access: person.mobile_access,
        level: read_level(person.level)?,
        phone: person.phone,
    };
    Ok((PersonId::trusted(person.person_id), facts))
}

fn read_job(job: pb::JobAccess) -> (JobId, JobFacts) {
    let technicians = job.technician_ids.into_iter().map(PersonId::trusted).collect();
    (JobId::trusted(job.job_id), JobFacts { technicians, ended: job.ended, under_way: job.under_way })
}

fn read_level(level: i32) -> Result<Level, Ended> {
    match pb::ChatAccess::try_from(level) {
        Ok(pb::ChatAccess::None) => Ok(Level::None),
        Ok(pb::ChatAccess::View) => Ok(Level::View),
        Ok(pb::ChatAccess::Full) => Ok(Level::Full),
        Ok(pb::ChatAccess::Unspecified) | Err(_) => Err(Ended::Protocol("no level")),
    }
}
