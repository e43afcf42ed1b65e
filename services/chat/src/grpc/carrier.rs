//! `CarrierService`.

use std::pin::Pin;

use chassis::identity::Identity;
use crewline_api::chat::v1 as pb;
use futures_util::Stream;
use pb::carrier_service_server::CarrierService;
use tonic::{Request, Response, Status};

use crate::error::Error;
use crate::gated::{self, Node};
use crate::model::{AttachmentId, Body, BusinessNumber, ContactNumber, DeliveryStatus, Provider, ProviderMessageId, parse_uuid};
use crate::outbox::OutboundWatch;
use crate::send::Post;
use crate::store::deliveries::Report;
use crate::store::incoming::{Incoming, Notification};
use crate::streams::{Holder, Kind, Streams};
use crate::wire;

/// The service.
#[derive(Clone)]
pub struct Carrier {
    /// Writes.
    pub post: Post,
    /// What streams share.
    pub node: Node,
    /// How many streams a gateway holds.
    pub streams: Streams,
}

#[tonic::async_trait]
impl CarrierService for Carrier {
    async fn receive_message(
        &self,
        request: Request<pb::ReceiveMessageRequest>,
    ) -> Result<Response<pb::ReceiveMessageResponse>, Status> {
        let tenant = super::tenant(&self.post, &request)?;
        let text = request.into_inner();
        let incoming = Incoming {
            tenant,
            provider: Provider::parse("provider", text.provider)?,
            id: ProviderMessageId::parse("provider_message_id", text.provider_message_id)?,
            contact: ContactNumber::parse("contact_number", text.contact_number)?,
            business: BusinessNumber::parse("business_number", text.business_number)?,
            body: Body::received("body", &text.body)?,
            attachments: AttachmentId::parse_all("attachment_ids", text.attachment_ids)?,
        };
        if self.post.access.is_staff(&incoming.tenant, &incoming.contact) {
            return Ok(Response::new(pb::ReceiveMessageResponse { staff_number: true, ..Default::default() }));
        }
        let received = self.post.receive(incoming).await?;
        Ok(Response::new(pb::ReceiveMessageResponse {
            thread_id: received.thread.to_string(),
            seq: received.seq,
            duplicate: received.duplicate,
            staff_number: false,
            reopened: received.reopened,
        }))
    }

    async fn record_notification(
        &self,
        request: Request<pb::RecordNotificationRequest>,
    ) -> Result<Response<pb::RecordNotificationResponse>, Status> {
        let tenant = super::tenant(&self.post, &request)?;
        let asked = request.into_inner();
        let notification = Notification {
            tenant,
            provider: Provider::parse("provider", asked.provider)?,
            id: ProviderMessageId::parse("provider_message_id", asked.provider_message_id)?,
            contact: ContactNumber::parse("contact_number", asked.contact_number)?,
            job: wire::optional_job("job_id", asked.job_id)?,
            body: Body::received("body", &asked.body)?,
        };
        self.node.access.check_tenant(&notification.tenant).map_err(Error::from)?;
        let recorded = self.post.carry_out(|store| async move { store.record_notification(notification).await }).await?;
        Ok(Response::new(recorded.map_or_else(Default::default, |recorded| pb::RecordNotificationResponse {
            thread_id: recorded.thread.to_string(),
            seq: recorded.seq,
            duplicate: recorded.duplicate,
        })))
    }

    type WatchOutboundStream = Pin<Box<dyn Stream<Item = Result<pb::WatchOutboundResponse, Status>> + Send>>;

    async fn watch_outbound(
        &self,
        request: Request<pb::WatchOutboundRequest>,
    ) -> Result<Response<Self::WatchOutboundStream>, Status> {
        let tenant = super::tenant(&self.post, &request)?;
        let identity = Identity::of(&request)?;
        self.node.access.check_tenant(&tenant).map_err(Error::from)?;
        let holder = Holder::Service(tenant.clone(), identity.subject.clone());
        let place = self.streams.take(holder, Kind::Outbound, request.remote_addr())?;
        let watch = OutboundWatch::new(self.node.clone(), self.post.clone(), tenant, identity.expires_at, place);
        Ok(Response::new(Box::pin(gated::frames(watch))))
    }

    async fn acknowledge_outbound(
        &self,
        request: Request<pb::AcknowledgeOutboundRequest>,
    ) -> Result<Response<pb::AcknowledgeOutboundResponse>, Status> {
        let tenant = super::tenant(&self.post, &request)?;
        let asked = request.into_inner();
        let (token, outcome) = (parse_uuid("token", &asked.token)?, wire::outbound::outcome(asked.result)?);
        let status = self.post.carry_out(move |store| async move { store.acknowledge(&tenant, token, outcome).await }).await?;
        Ok(Response::new(pb::AcknowledgeOutboundResponse { delivery_status: told(status) }))
    }

    async fn report_delivery(
        &self,
        request: Request<pb::ReportDeliveryRequest>,
    ) -> Result<Response<pb::ReportDeliveryResponse>, Status> {
        let tenant = super::tenant(&self.post, &request)?;
        let asked = request.into_inner();
        let text = wire::outbound::sending(asked.text)?;
        let status = wire::reported_status("status", asked.status)?;
        let report = Report { status, error: wire::failure("error", asked.error)? };
        let status = self.post.carry_out(move |store| async move { store.report_delivery(&tenant, &text, report).await }).await?;
        Ok(Response::new(pb::ReportDeliveryResponse { delivery_status: told(status) }))
    }
}

fn told(status: DeliveryStatus) -> i32 {
    pb::DeliveryStatus::from(status).into()
}
