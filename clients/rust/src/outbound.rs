//! The texts that a gateway hands to its provider.

use crewline_api::chat::v1 as pb;
use pb::watch_outbound_response::Frame;
use tonic::{Status, Streaming};

use crate::client::Client;
use crate::subscription::{Source, Taken};

/// What the stream of outbound texts tells. A text comes again, with the same token and perhaps to another gateway, when its lease of 30 s has run out
/// without an acknowledgement: give the token to the provider as its idempotency key.
#[derive(Clone, Debug, PartialEq)]
pub enum OutboundNews {
    /// Texts to hand to the provider, at most 32.
    Texts(Vec<pb::OutboundText>),
    /// Nothing to send: every 25 s at most. After `Holding`, anything but that means that access is known again.
    Progress(pb::OutboundProgress),
    /// Nothing is handed out for now, because the service does not know who may send.
    Holding,
}

/// What waits for the gateway. There is no position: what was not acknowledged comes again.
pub(crate) struct OutboundSource {
    pub(crate) client: Client,
}

impl Source for OutboundSource {
    type Frame = pb::WatchOutboundResponse;
    type News = OutboundNews;
    type Frames = Streaming<pb::WatchOutboundResponse>;

    async fn open(&mut self) -> Result<Self::Frames, Status> {
        Ok(self.client.carrier().watch_outbound(pb::WatchOutboundRequest {}).await?.into_inner())
    }

    fn take(&mut self, response: pb::WatchOutboundResponse) -> Taken<OutboundNews> {
        Taken::News(vec![match response.frame {
            Some(Frame::Texts(batch)) => OutboundNews::Texts(batch.texts),
            Some(Frame::Progress(progress)) => OutboundNews::Progress(progress),
            Some(Frame::Holding(_)) => OutboundNews::Holding,
            Some(Frame::Closing(closing)) => return Taken::Farewell(closing.into()),
            // Of a newer service.
            None => return Taken::News(Vec::new()),
        }])
    }
}
