//! The RPCs: decode, identity, one store call, encode.

pub mod access;
pub mod audit;
pub mod directory;
pub mod dispatch;
pub mod tenants;

use std::future::Future;

use chassis::db::to_completion;
use chassis::identity::Identity;
use chassis::refusal::Refusal;
use tonic::Request;
use tonic::metadata::MetadataMap;

use crate::error::Error;
use crate::in_force::until_in_force;
use crate::model::TenantId;
use crate::store::Store;
use crate::store::changes::Receipt;

/// Who calls, for which tenant, and what they say.
struct Call<T> {
    identity: Identity,
    tenant: TenantId,
    message: T,
}

impl<T> Call<T> {
    fn of(request: Request<T>) -> Result<Self, Refusal> {
        let identity = Identity::of(&request)?.clone();
        let (metadata, _, message): (MetadataMap, _, T) = request.into_parts();
        let tenant = TenantId::parse(chassis::identity::TENANT_HEADER, identity.tenant(&metadata)?)?;
        tracing::Span::current().record("tenant", tenant.as_str());
        Ok(Self { identity, tenant, message })
    }

    /// The same, for a tenant that is there and open: that is told before anything that is wrong with the message.
    async fn for_open_tenant(store: &Store, request: Request<T>) -> Result<Self, Error> {
        let call = Self::of(request)?;
        store.tenant(&call.tenant).await?;
        Ok(call)
    }
}

/// Runs a change to its end, whether or not the caller waits for it, and waits until it is in force.
async fn change<T: Send + 'static>(
    store: &Store,
    work: impl Future<Output = Result<(T, Receipt), Error>> + Send + 'static,
) -> Result<(T, Receipt), Error> {
    let (done, receipt) = to_completion(work).await??;
    Ok((done, until_in_force(store, receipt).await?))
}
