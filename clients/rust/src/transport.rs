//! The way of a call to its connection.

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, StdError};
use tonic::transport::Channel;

use crate::pool::{Place, StreamConnections};

/// The paths of all RPCs that stream, as the descriptors tell.
static STREAMING: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(crewline_api::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let mut paths = HashSet::new();
    for file in &set.file {
        for service in &file.service {
            let streaming = service.method.iter().filter(|method| method.server_streaming() || method.client_streaming());
            paths.extend(streaming.map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name())));
        }
    }
    paths
});

/// The connections to one service: unary calls have one of their own, so that no stream can hold them up.
#[derive(Debug)]
pub(crate) struct Connections {
    pub(crate) calls: Channel,
    pub(crate) streams: StreamConnections,
}

/// Sends each call over the connections of its kind. Without connections every call fails with FAILED_PRECONDITION.
#[derive(Clone, Debug)]
pub struct Transport(pub(crate) Option<Arc<Connections>>);

/// The body of a stream, which holds the stream's place.
struct Streamed {
    body: Body,
    _place: Place,
}

impl Service<http::Request<Body>> for Transport {
    type Response = http::Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let connections = self.0.clone();
        Box::pin(async move {
            let Some(connections) = connections else {
                return Err(Status::failed_precondition("this client was given no URL of that service").into());
            };
            if !STREAMING.contains(request.uri().path()) {
                return send(connections.calls.clone(), request).await;
            }
            let place = connections.streams.place();
            let response = send(place.channel.clone(), request).await?;
            Ok(response.map(|body| Body::new(Streamed { body, _place: place })))
        })
    }
}

async fn send(mut channel: Channel, request: http::Request<Body>) -> Result<http::Response<Body>, StdError> {
    poll_fn(|context| channel.poll_ready(context)).await?;
    Ok(channel.call(request).await?)
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptors_tell_which_calls_stream() {
        assert!(STREAMING.contains("/crewline.chat.v1.ThreadService/WatchThread"));
        assert!(STREAMING.contains("/crewline.permissions.v1.AccessService/WatchAccess"));
        assert!(!STREAMING.contains("/crewline.chat.v1.ThreadService/SendMessage"));
    }
}
