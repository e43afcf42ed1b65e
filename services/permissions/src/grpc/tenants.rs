//! `TenantService`: the request names the tenant, and the token must name it or `*`.

use chassis::identity::Identity;
use chassis::page::Page;
use chassis::refusal::Refusal;
use crewline_api::errors::v1::ErrorReason;
use crewline_api::permissions::v1 as pb;
use pb::tenant_service_server::TenantService;
use tonic::{Request, Response, Status};

use super::change;
use crate::model::TenantId;
use crate::store::Store;
use crate::wire::{self, Reason};

/// The service.
#[derive(Clone)]
pub struct Tenants(pub Store);

fn named(identity: &Identity, tenant: &str) -> Result<TenantId, Refusal> {
    let tenant = TenantId::parse("tenant_id", tenant)?;
    if !identity.names(tenant.as_str()) {
        return Err(Refusal::new(ErrorReason::TenantNotAllowed, "the token does not name this tenant"));
    }
    tracing::Span::current().record("tenant", tenant.as_str());
    Ok(tenant)
}

#[tonic::async_trait]
impl TenantService for Tenants {
    async fn create_tenant(
        &self,
        request: Request<pb::CreateTenantRequest>,
    ) -> Result<Response<pb::CreateTenantResponse>, Status> {
        let identity = Identity::of(&request)?.clone();
        let message = request.into_inner();
        let tenant = named(&identity, &message.tenant_id)?;
        let intent = wire::intent(&identity, tenant, ("", Reason::Optional), "", &message)?;
        let display_name = wire::display_name("display_name", message.display_name)?;
        let store = self.0.clone();
        let (tenant, receipt) = change(&self.0, async move { store.create_tenant(intent, display_name).await }).await?;
        Ok(Response::new(pb::CreateTenantResponse { tenant: Some(tenant.into()), receipt: Some(receipt.into()) }))
    }

    async fn close_tenant(&self, request: Request<pb::CloseTenantRequest>) -> Result<Response<pb::CloseTenantResponse>, Status> {
        let identity = Identity::of(&request)?.clone();
        let message = request.into_inner();
        let tenant = named(&identity, &message.tenant_id)?;
        let intent = wire::intent(&identity, tenant, (&message.reason, Reason::Required), "", &message)?;
        let store = self.0.clone();
        let (tenant, receipt) = change(&self.0, async move { store.close_tenant(intent).await }).await?;
        Ok(Response::new(pb::CloseTenantResponse { tenant: Some(tenant.into()), receipt: Some(receipt.into()) }))
    }

    async fn get_tenant(&self, request: Request<pb::GetTenantRequest>) -> Result<Response<pb::GetTenantResponse>, Status> {
        let tenant = named(Identity::of(&request)?, &request.get_ref().tenant_id)?;
        let tenant = self.0.any_tenant(&tenant).await?;
        Ok(Response::new(pb::GetTenantResponse { tenant: Some(tenant.into()) }))
    }

    async fn list_tenants(&self, request: Request<pb::ListTenantsRequest>) -> Result<Response<pb::ListTenantsResponse>, Status> {
        let identity = Identity::of(&request)?;
        let all = identity.tenants.iter().any(|tenant| tenant == "*");
        let message = request.get_ref();
        let page = Page::read(format!("tenants/{}", identity.tenants.join(",")), message.page_size, &message.page_token)?;
        let mut tenants = self.0.tenants((!all).then_some(identity.tenants.as_slice()), &page).await?;
        let next_page_token = page.cut(&mut tenants, |tenant| tenant.id.to_string());
        let tenants = tenants.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListTenantsResponse { tenants, next_page_token }))
    }
}
