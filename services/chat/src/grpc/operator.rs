//! `OperatorService`.

use chassis::identity::Identity;
use chassis::page::Page;
use crewline_api::chat::v1 as pb;
use pb::operator_service_server::OperatorService;
use tonic::{Request, Response, Status};

use crate::access::guard::Place;
use crate::asking::Asking;
use crate::error::Error;
use crate::model::{PersonId, ReadReason, TenantId, ThreadId};
use crate::send::Post;
use crate::store::operator_reads::OperatorRead;
use crate::streams::Streams;
use crate::wire;

/// The service.
#[derive(Clone)]
pub struct Operator {
    /// What this node knows.
    pub post: Post,
    /// The open streams.
    pub streams: Streams,
    /// What the permissions service knows.
    pub asking: Asking,
}

impl Operator {
    /// Writes down that an operator looks at this.
    async fn note<T>(
        &self,
        request: &Request<T>,
        tenant: &TenantId,
        rpc: &'static str,
        about: String,
        reason: ReadReason,
    ) -> Result<(), Error> {
        let operator = Identity::of(request)?.subject.clone();
        self.post.store.note_operator_read(tenant, OperatorRead { operator, rpc, about, reason }).await
    }
}

#[tonic::async_trait]
impl OperatorService for Operator {
    async fn explain_thread(
        &self,
        request: Request<pb::ExplainThreadRequest>,
    ) -> Result<Response<pb::ExplainThreadResponse>, Status> {
        let asked = request.get_ref();
        let tenant = super::tenant(&self.post, &request)?;
        let id = ThreadId::parse("thread_id", &asked.thread_id)?;
        let person = PersonId::parse("person_id", asked.person_id.as_str())?;
        let reason = ReadReason::parse("reason", asked.reason.as_str())?;
        let thread = self.post.store.thread(&tenant, id).await?.ok_or(Error::NotFound("thread"))?;
        self.note(&request, &tenant, "ExplainThread", format!("thread {id} person {person}"), reason).await?;
        let permissions = self.asking.explain(&tenant, &person, thread.job.as_ref()).await;
        let explained = self.post.access.explain(&tenant, &person, &Place::from(&thread));
        Ok(Response::new(wire::operator::explained(&thread, &explained, permissions)))
    }

    async fn describe_streams(
        &self,
        request: Request<pb::DescribeStreamsRequest>,
    ) -> Result<Response<pb::DescribeStreamsResponse>, Status> {
        let asked = request.get_ref();
        let tenant = super::tenant(&self.post, &request)?;
        let holder = wire::operator::holder("holder_id", &asked.holder_id)?;
        let reason = ReadReason::parse("reason", asked.reason.as_str())?;
        let page = Page::read(format!("streams/{tenant}/{holder}"), asked.page_size, &asked.page_token)?;
        let about = if holder.is_empty() { "all streams".to_owned() } else { format!("streams of {holder}") };
        self.note(&request, &tenant, "DescribeStreams", about, reason).await?;
        let after = page.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or_default();
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let mut open = self.streams.open(&tenant, &holder, after, limit);
        let next_page_token = page.cut(&mut open, |(id, _)| id.to_string());
        let streams = open.iter().map(|(_, open)| wire::operator::open_stream(open)).collect();
        Ok(Response::new(pb::DescribeStreamsResponse { streams, next_page_token }))
    }

    async fn list_operator_reads(
        &self,
        request: Request<pb::ListOperatorReadsRequest>,
    ) -> Result<Response<pb::ListOperatorReadsResponse>, Status> {
        let tenant = super::tenant(&self.post, &request)?;
        let asked = request.into_inner();
        let page = Page::read(format!("operator-reads/{tenant}"), asked.page_size, &asked.page_token)?;
        let before = page.after.as_deref().and_then(|before| before.parse().ok());
        let mut reads = self.post.store.operator_reads(&tenant, before, page.limit()).await?;
        let next_page_token = page.cut(&mut reads, |read| read.read_id.to_string());
        let reads = reads.into_iter().map(wire::operator::read).collect();
        Ok(Response::new(pb::ListOperatorReadsResponse { reads, next_page_token }))
    }
}
