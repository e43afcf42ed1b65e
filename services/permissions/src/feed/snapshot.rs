//! The facts of the tenants that a node watches, piece by piece.
//!
//! They are read while changes go on. Each piece may be newer than the revision that the snapshot names; the changes after that revision
//! follow, and a node skips those that a tenant's own part has in it.

use async_stream::try_stream;
use crewline_api::permissions::v1 as pb;
use futures_util::Stream;
use pb::watch_access_response::Frame as Told;

use super::{Feed, Watched, response};
use crate::error::Error;
use crate::model::{JobFacts, PersonFacts, TenantId};
use crate::wire::tenant_access;

/// Technicians in one part of a snapshot, counted once for each job that they are on; one job may have more.
const PART_TECHNICIANS: usize = 10_000;

impl Feed {
    /// The parts of a snapshot, tenant by tenant.
    pub(super) fn parts<'a>(
        &'a self,
        watched: &'a Watched,
    ) -> impl Stream<Item = Result<pb::WatchAccessResponse, Error>> + Send + 'a {
        try_stream! {
            let mut after = String::new();
            while let Some((tenant, revision)) = self.read(move |store| async move { store.tenant_after(&after).await }).await? {
                after = tenant.id.to_string();
                if !watched.includes(&after) {
                    continue;
                }
                yield part(&tenant.id, Some(tenant_access(&tenant.id, tenant.facts(), revision)), Vec::new(), Vec::new());
                let mut next = Some(String::new());
                while let Some(from) = next {
                    let id = tenant.id.clone();
                    let page = self.read(move |store| async move { store.people_facts(&id, &from).await }).await?;
                    next = page.next;
                    yield part(&tenant.id, None, page.facts, Vec::new());
                }
                let mut next = Some(String::new());
                while let Some(from) = next {
                    let id = tenant.id.clone();
                    let page = self.read(move |store| async move { store.jobs_facts(&id, &from).await }).await?;
                    next = page.next;
                    for jobs in by_size(page.facts) {
                        yield part(&tenant.id, None, Vec::new(), jobs);
                    }
                }
            }
        }
    }
}

fn part(
    id: &TenantId,
    tenant: Option<pb::TenantAccess>,
    people: Vec<PersonFacts>,
    jobs: Vec<JobFacts>,
) -> pb::WatchAccessResponse {
    let people = people.into_iter().map(Into::into).collect();
    let jobs = jobs.into_iter().map(Into::into).collect();
    response(Told::SnapshotPart(pb::SnapshotPart { tenant_id: id.to_string(), tenant, people, jobs }))
}

/// Cuts jobs into parts whose crews fit into one frame.
fn by_size(jobs: Vec<JobFacts>) -> Vec<Vec<JobFacts>> {
    let mut parts: Vec<Vec<JobFacts>> = Vec::new();
    let mut technicians = PART_TECHNICIANS;
    for job in jobs {
        technicians += job.technicians.len();
        match parts.last_mut() {
            Some(part) if technicians <= PART_TECHNICIANS => part.push(job),
            _ => {
                technicians = job.technicians.len();
                parts.push(vec![job]);
            }
        }
    }
    parts
}
