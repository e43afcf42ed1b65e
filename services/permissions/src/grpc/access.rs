//! `AccessService`.

use std::pin::Pin;

use chassis::identity::Identity;
use chassis::page::Page;
use chassis::refusal::Refusal;
use crewline_api::permissions::v1 as pb;
use futures_util::Stream;
use opentelemetry::KeyValue;
use pb::access_service_server::AccessService;
use tonic::{Request, Response, Status, Streaming};

use super::Call;
use crate::decision::{self, CONDITIONS, Condition, Facts};
use crate::error::Error;
use crate::feed::Feed;
use crate::model::{JobId, Level, Overrides, Permissions, PersonId};
use crate::store::facts::Question;
use crate::wire;

const MAX_BATCH: usize = 1_000;

/// The service.
#[derive(Clone)]
pub struct Access(pub Feed);

impl Access {
    /// One decision, with the facts behind it.
    async fn judge<T>(&self, call: &Call<T>, asked: Option<pb::AccessQuestion>) -> Result<(Facts, Level, u64), Error> {
        let (question, wanted) = question(wire::required("question", asked)?, "question.")?;
        let (mut facts, revision) = self.0.store.facts(&call.tenant, std::slice::from_ref(&question)).await?;
        let facts = facts.pop().ok_or(Error::NotFound("answer"))?;
        needs_job(&facts, &question, "question.")?;
        self.count(&facts, wanted);
        Ok((facts, wanted, revision))
    }

    fn count(&self, facts: &Facts, wanted: Level) {
        let allowed = decision::decide(facts, wanted).is_ok();
        self.0.metrics.decisions.add(1, &[KeyValue::new("allowed", allowed)]);
    }
}

/// A question from outside. Without a job it can only be about an office employee.
fn question(asked: pb::AccessQuestion, path: &str) -> Result<(Question, Level), Refusal> {
    let person = PersonId::parse(&format!("{path}person_id"), asked.person_id)?;
    let job = match asked.job_id.as_str() {
        "" => None,
        id => Some(JobId::parse(&format!("{path}job_id"), id)?),
    };
    Ok((Question { person, job }, wire::wanted(&format!("{path}permission"), asked.permission)?))
}

fn needs_job(facts: &Facts, question: &Question, path: &str) -> Result<(), Refusal> {
    let technician = facts.person.as_ref().is_some_and(|person| person.kind == crate::model::PersonKind::Technician);
    if technician && question.job.is_none() {
        return Err(Refusal::invalid(format!("{path}job_id"), "must name the job of a technician"));
    }
    Ok(())
}

/// The present value of what a condition looks at, for a human.
fn value(condition: Condition, facts: &Facts, wanted: Level, sources: Option<(Permissions, Overrides)>) -> String {
    let person = facts.person.as_ref();
    let of_person = |value: fn(&crate::model::PersonFacts) -> String| person.map_or_else(|| "no such person".to_owned(), value);
    match condition {
        Condition::TenantOpen => format!("closed: {}", facts.tenant.closed),
        Condition::PersonKnown => of_person(|person| format!("kind: {:?}", person.kind)),
        Condition::PersonActive => of_person(|person| format!("active: {}", person.active)),
        Condition::MobileAccess => of_person(|person| format!("mobile access: {}", person.mobile_access)),
        Condition::ChatEnabled => format!("chat enabled: {}", facts.tenant.chat_enabled),
        Condition::LevelEnough => {
            let level = of_person(|person| format!("{:?}", person.level));
            let (view, full) =
                sources.map_or_else(Default::default, |(role, own)| (source(role.view, own.view), source(role.full, own.full)));
            format!("level: {level} (view: {view}; full: {full}), wanted: {wanted:?}")
        }
        Condition::OnJob => format!("active assignment to the job: {}", facts.on_job),
        Condition::JobAllows => {
            format!("job ended: {}, policy for ended jobs: {:?}", facts.job_ended, facts.tenant.after_job_end)
        }
    }
}

/// Where one of the two permissions comes from.
fn source(default: bool, own: Option<bool>) -> String {
    let word = |on| if on { "on" } else { "off" };
    match own {
        Some(own) => format!("override {}, role default {}", word(own), word(default)),
        None => format!("role default {}", word(default)),
    }
}

#[tonic::async_trait]
impl AccessService for Access {
    async fn check_access(&self, request: Request<pb::CheckAccessRequest>) -> Result<Response<pb::CheckAccessResponse>, Status> {
        let mut call = Call::of(request)?;
        let asked = call.message.question.take();
        let (facts, wanted, revision) = self.judge(&call, asked).await?;
        let decision = Some(wire::access_decision(decision::decide(&facts, wanted)));
        Ok(Response::new(pb::CheckAccessResponse { decision, revision }))
    }

    async fn batch_check_access(
        &self,
        request: Request<pb::BatchCheckAccessRequest>,
    ) -> Result<Response<pb::BatchCheckAccessResponse>, Status> {
        let call = Call::of(request)?;
        if !(1..=MAX_BATCH).contains(&call.message.questions.len()) {
            return Err(Refusal::invalid("questions", "must be 1 to 1,000").into());
        }
        let read: Vec<Result<(Question, Level), Refusal>> =
            call.message.questions.into_iter().map(|asked| question(asked, "")).collect();
        let good: Vec<Question> = read.iter().flatten().map(|(question, _)| question.clone()).collect();
        let (facts, revision) = self.0.store.facts(&call.tenant, &good).await?;
        let mut facts = facts.into_iter();
        let judged = read.into_iter().map(|read| {
            let (question, wanted) = read?;
            let Some(facts) = facts.next() else { return Err(Refusal::invalid("", "was not judged")) };
            needs_job(&facts, &question, "")?;
            self.count(&facts, wanted);
            Ok(wire::access_decision(decision::decide(&facts, wanted)))
        });
        let results = judged.map(batch_result).collect();
        Ok(Response::new(pb::BatchCheckAccessResponse { results, revision }))
    }

    async fn explain_access(
        &self,
        request: Request<pb::ExplainAccessRequest>,
    ) -> Result<Response<pb::ExplainAccessResponse>, Status> {
        let mut call = Call::of(request)?;
        let asked = call.message.question.take();
        let (facts, wanted, revision) = self.judge(&call, asked).await?;
        let sources = match &facts.person {
            Some(person) => self.0.store.level_sources(&call.tenant, &person.person).await?,
            None => None,
        };
        let conditions = CONDITIONS.map(|condition| pb::AccessCondition {
            reason: pb::AccessReason::from(condition).into(),
            holds: decision::holds(condition, &facts, wanted),
            value: value(condition, &facts, wanted, sources),
        });
        let decision = Some(wire::access_decision(decision::decide(&facts, wanted)));
        Ok(Response::new(pb::ExplainAccessResponse { decision, conditions: conditions.into(), revision }))
    }

    async fn list_accessible_jobs(
        &self,
        request: Request<pb::ListAccessibleJobsRequest>,
    ) -> Result<Response<pb::ListAccessibleJobsResponse>, Status> {
        let call = Call::of(request)?;
        let person = PersonId::parse("person_id", call.message.person_id)?;
        let page = Page::read(format!("jobs/{}/{person}", call.tenant), call.message.page_size, &call.message.page_token)?;
        let (mut jobs, revision) = self.0.store.jobs_of(&call.tenant, &person, page.after.as_deref(), page.limit()).await?;
        let next_page_token = page.cut(&mut jobs, |(job, _)| job.to_string());
        let levels = jobs.into_iter().map(|(job, facts)| (job, decision::level(&facts)));
        let jobs = levels
            .filter(|(_, level)| *level > Level::None)
            .map(|(job, level)| pb::AccessibleJob { job_id: job.to_string(), access: pb::ChatAccess::from(level).into() })
            .collect();
        Ok(Response::new(pb::ListAccessibleJobsResponse { jobs, next_page_token, revision }))
    }

    async fn list_job_technicians(
        &self,
        request: Request<pb::ListJobTechniciansRequest>,
    ) -> Result<Response<pb::ListJobTechniciansResponse>, Status> {
        let call = Call::of(request)?;
        let job = JobId::parse("job_id", call.message.job_id)?;
        let (crew, revision) = self.0.store.technicians_of(&call.tenant, &job).await?;
        let technician = |(person, facts): (PersonId, Facts)| pb::JobTechnician {
            person_id: person.to_string(),
            access: pb::ChatAccess::from(decision::level(&facts)).into(),
        };
        let technicians = crew.into_iter().map(technician).collect();
        Ok(Response::new(pb::ListJobTechniciansResponse { technicians, revision }))
    }

    type WatchAccessStream = Pin<Box<dyn Stream<Item = Result<pb::WatchAccessResponse, Status>> + Send>>;

    async fn list_nodes(&self, _request: Request<pb::ListNodesRequest>) -> Result<Response<pb::ListNodesResponse>, Status> {
        let (_, revision) = self.0.store.newest().await?;
        let (nodes, now) = self.0.leases.nodes();
        let wall = self.0.clock.wall();
        let nodes = nodes.into_iter().map(|node| wire::node(node, revision, (now, wall))).collect();
        Ok(Response::new(pb::ListNodesResponse { nodes, revision }))
    }

    async fn watch_access(
        &self,
        request: Request<Streaming<pb::WatchAccessRequest>>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        let identity = Identity::of(&request)?.clone();
        let place = self.0.take_place()?;
        Ok(Response::new(Box::pin(self.0.clone().watch(identity, request.into_inner(), place))))
    }
}

fn batch_result(judged: Result<pb::AccessDecision, Refusal>) -> pb::BatchCheckResult {
    use pb::batch_check_result::Result as Outcome;
    let outcome = match judged {
        Ok(decision) => Outcome::Decision(decision),
        Err(refusal) => {
            let (field, description) = refusal.field().unwrap_or_default();
            Outcome::Invalid(pb::InvalidQuestion { field: field.to_owned(), description: description.to_owned() })
        }
    };
    pb::BatchCheckResult { result: Some(outcome) }
}
