//! What the permissions service itself says of a person, for operators. Decisions never wait for it: those are made by the view.

use std::time::Duration;

use chassis::identity::TENANT_HEADER;
use chassis::net;
use chassis::telemetry;
use chassis::token::TokenSource;
use crewline_api::permissions::v1 as pb;
use pb::access_service_client::AccessServiceClient;
use tokio::time::timeout;
use tonic::Request;
use tonic::transport::Endpoint;

use crate::model::{JobId, PersonId, TenantId};

const WITHIN: Duration = Duration::from_secs(2);

/// Asks the permissions service.
#[derive(Clone)]
pub struct Asking {
    /// Where it is.
    pub permissions: Endpoint,
    /// The token that is shown there.
    pub token: TokenSource,
}

impl Asking {
    /// May this person read on this job, and why; or, in words for an operator, why it could not be asked.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        person: &PersonId,
        job: Option<&JobId>,
    ) -> Result<pb::ExplainAccessResponse, String> {
        timeout(WITHIN, self.ask(tenant, person, job))
            .await
            .unwrap_or_else(|_| Err(format!("it did not answer within {WITHIN:?}")))
    }

    async fn ask(&self, tenant: &TenantId, person: &PersonId, job: Option<&JobId>) -> Result<pb::ExplainAccessResponse, String> {
        let question = pb::AccessQuestion {
            person_id: person.as_str().to_owned(),
            job_id: job.map(ToString::to_string).unwrap_or_default(),
            permission: pb::Permission::ViewCustomerChats.into(),
        };
        let mut request = Request::new(pb::ExplainAccessRequest { question: Some(question) });
        let token = self.token.token().map_err(|error| format!("there is no token for it: {error}"))?;
        let unprintable = |_| "the token is not ASCII".to_owned();
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().map_err(unprintable)?);
        request.metadata_mut().insert(TENANT_HEADER, tenant.as_str().parse().map_err(unprintable)?);
        telemetry::pass_on(request.metadata_mut());
        let channel = net::connect(&self.permissions).await.map_err(|_| "it cannot be reached".to_owned())?;
        let explained = AccessServiceClient::new(channel).explain_access(request).await;
        explained.map(tonic::Response::into_inner).map_err(|status| format!("{:?}: {}", status.code(), status.message()))
    }
}
