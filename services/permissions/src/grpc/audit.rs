//! `AuditService`.

use chassis::page::Page;
use chassis::refusal::Refusal;
use crewline_api::permissions::v1 as pb;
use pb::audit_service_server::AuditService;
use tonic::{Request, Response, Status};

use super::Call;
use crate::store::Store;
use crate::wire;

/// The service.
#[derive(Clone)]
pub struct Audit(pub Store);

#[tonic::async_trait]
impl AuditService for Audit {
    async fn list_changes(&self, request: Request<pb::ListChangesRequest>) -> Result<Response<pb::ListChangesResponse>, Status> {
        let call = Call::of(request)?;
        let subject = wire::subject("subject", call.message.subject)?;
        let list = format!("changes/{}/{subject}", call.tenant);
        let page = Page::read(list, call.message.page_size, &call.message.page_token)?;
        let mut rows = self.0.changes(&call.tenant, &subject, &page).await?;
        let next_page_token = page.cut(&mut rows, |row| row.revision.to_string());
        let changes = rows.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListChangesResponse { changes, next_page_token }))
    }

    async fn get_change(&self, request: Request<pb::GetChangeRequest>) -> Result<Response<pb::GetChangeResponse>, Status> {
        let call = Call::of(request)?;
        if call.message.revision == 0 {
            return Err(Refusal::invalid("revision", "must be at least 1").into());
        }
        let row = self.0.audited(&call.tenant, call.message.revision).await?;
        Ok(Response::new(pb::GetChangeResponse { change: Some(row.into()) }))
    }
}
