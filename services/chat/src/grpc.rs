//! The RPCs: decode, identity, one domain call, encode.

pub mod carrier;
pub mod operator;
pub mod records;
mod streaming;
pub mod threads;

use chassis::identity::{Identity, TENANT_HEADER};
use tonic::Request;

use crate::access::guard::Subject;
use crate::error::Error;
use crate::model::TenantId;
use crate::send::Post;

/// The person who calls. A tenant that is not there is told before anything that is wrong with the message.
fn subject<T>(post: &Post, request: &Request<T>) -> Result<Subject, Error> {
    let identity = Identity::of(request)?;
    let tenant = identity.tenant(request.metadata())?;
    tracing::Span::current().record("tenant", tenant);
    let subject = Subject::of(identity, tenant)?;
    post.access.refuse_absent(&subject.tenant)?;
    Ok(subject)
}

/// The tenant for which a service calls.
fn tenant<T>(post: &Post, request: &Request<T>) -> Result<TenantId, Error> {
    let tenant = TenantId::parse(TENANT_HEADER, Identity::of(request)?.tenant(request.metadata())?)?;
    tracing::Span::current().record("tenant", tenant.as_str());
    post.access.refuse_absent(&tenant)?;
    Ok(tenant)
}
