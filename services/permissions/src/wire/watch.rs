//! What the nodes of the chat service are told, and what is told of them.

use std::time::SystemTime;

use chassis::clock::Moment;
use crewline_api::permissions::v1 as pb;

use crate::leases::NodeState;
use crate::model::{JobFacts, PersonFacts, TenantFacts, TenantId};
use crate::store::changes::FeedEntry;

/// The tenant's facts for a node, with the revision of the tenant's newest change.
pub fn tenant_access(id: &TenantId, facts: TenantFacts, revision: u64) -> pb::TenantAccess {
    pb::TenantAccess {
        tenant_id: id.to_string(),
        closed: facts.closed,
        chat_enabled: facts.chat_enabled,
        after_job_end: pb::ChatAccess::from(facts.after_job_end.ceiling()).into(),
        revision,
    }
}

impl From<PersonFacts> for pb::PersonAccess {
    fn from(facts: PersonFacts) -> Self {
        Self {
            person_id: facts.person.to_string(),
            kind: pb::PersonKind::from(facts.kind).into(),
            display_name: facts.display_name,
            active: facts.active,
            mobile_access: facts.mobile_access,
            level: pb::ChatAccess::from(facts.level).into(),
            phone: facts.phone,
        }
    }
}

impl From<JobFacts> for pb::JobAccess {
    fn from(facts: JobFacts) -> Self {
        let technician_ids = facts.technicians.iter().map(ToString::to_string).collect();
        Self { job_id: facts.job.to_string(), technician_ids, ended: facts.ended, under_way: facts.under_way }
    }
}

impl From<FeedEntry> for pb::AccessChange {
    fn from(entry: FeedEntry) -> Self {
        Self {
            revision: entry.revision,
            prev_revision: entry.prev_revision,
            tenant: entry.facts.tenant.map(|facts| tenant_access(&entry.tenant, facts, entry.revision)),
            tenant_id: entry.tenant.to_string(),
            people: entry.facts.people.into_iter().map(Into::into).collect(),
            jobs: entry.facts.jobs.into_iter().map(Into::into).collect(),
        }
    }
}

/// A node, where `newest` is the revision of the database, at a moment that the calendar calls `wall`.
pub fn node(state: NodeState, newest: u64, (now, wall): (Moment, SystemTime)) -> pb::Node {
    let by_calendar = |moment: Moment| (wall + moment.since(now) - now.since(moment)).into();
    pb::Node {
        node_id: state.id.name,
        incarnation: state.id.incarnation,
        connected: state.connected,
        applied: state.applied,
        lag: newest.saturating_sub(state.applied),
        lease_expire_time: state.until.map(by_calendar),
        last_heard_time: Some(by_calendar(state.heard)),
    }
}
