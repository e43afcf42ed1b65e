//! `CarrierService`.

use chassis::identity::{Identity, TENANT_HEADER};
use crewline_api::chat::v1 as pb;
use pb::carrier_service_server::CarrierService;
use tonic::{Request, Response, Status};

use crate::model::{Body, ContactNumber, Provider, ProviderMessageId, TenantId};
use crate::send::Post;
use crate::store::messages::Incoming;

/// The service.
#[derive(Clone)]
pub struct Carrier(pub Post);

#[tonic::async_trait]
impl CarrierService for Carrier {
    async fn receive_message(
        &self,
        request: Request<pb::ReceiveMessageRequest>,
    ) -> Result<Response<pb::ReceiveMessageResponse>, Status> {
        let tenant = TenantId::parse(TENANT_HEADER, Identity::of(&request)?.tenant(request.metadata())?)?;
        tracing::Span::current().record("tenant", tenant.as_str());
        self.0.access.refuse_absent(&tenant)?;
        let text = request.into_inner();
        let incoming = Incoming {
            tenant,
            provider: Provider::parse("provider", text.provider)?,
            id: ProviderMessageId::parse("provider_message_id", text.provider_message_id)?,
            contact: ContactNumber::parse("contact_number", text.contact_number)?,
            body: Body::received("body", &text.body)?,
        };
        let received = self.0.receive(incoming).await?;
        Ok(Response::new(pb::ReceiveMessageResponse {
            thread_id: received.key.thread.to_string(),
            seq: received.message.seq,
            duplicate: received.duplicate,
        }))
    }
}
