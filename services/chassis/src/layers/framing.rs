//! How a call is framed. What the framework lets pass and gRPC does not is refused here: another method or content type, and a second message
//! where one is asked for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use crewline_api::errors::v1::ErrorReason;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;

use super::{is_public, refuse};
use crate::refusal::Refusal;

const GRPC: &str = "application/grpc";
/// A flag, and the length of the message.
const PREFIX: usize = 5;

/// Lets calls pass that are framed as gRPC has it.
pub(super) async fn check(State(conversations): State<&'static [&'static str]>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        let refusal = Refusal::new(ErrorReason::UnknownMethod, "an RPC is called with POST");
        return with_status(StatusCode::METHOD_NOT_ALLOWED, refusal);
    }
    if !request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
        let refusal = Refusal::invalid("content-type", "must be application/grpc");
        return with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, refusal);
    }
    let path = request.uri().path();
    let takes_many = conversations.contains(&path) || is_public(path);
    next.run(if takes_many { request } else { request.map(|body| Body::new(OneMessage::new(body))) }).await
}

fn with_status(status: StatusCode, refusal: Refusal) -> Response {
    let mut response = refuse(refusal);
    *response.status_mut() = status;
    response
}

fn is_grpc(value: &HeaderValue) -> bool {
    let rest = value.to_str().ok().and_then(|value| value.strip_prefix(GRPC));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// A request's body that ends with an error where a second message begins.
struct OneMessage {
    body: Body,
    place: Place,
}

/// Where in the body we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the prefix of the first message: so many bytes of it have come, and this is the length by them.
    Prefix(usize, u64),
    /// In the first message: so many bytes are left of it.
    Message(u64),
}

impl OneMessage {
    fn new(body: Body) -> Self {
        Self { body, place: Place::Prefix(0, 0) }
    }
}

impl Place {
    /// Goes over what has come. None where it goes beyond the first message.
    fn over(self, data: &[u8]) -> Option<Self> {
        let (read, mut length) = match self {
            Self::Message(left) => return left.checked_sub(u64::try_from(data.len()).ok()?).map(Self::Message),
            Self::Prefix(read, length) => (read, length),
        };
        let (prefix, rest) = data.split_at(data.len().min(PREFIX - read));
        for (at, byte) in (read..).zip(prefix) {
            if at > 0 {
                length = length << 8 | u64::from(*byte);
            }
        }
        let read = read + prefix.len();
        if read < PREFIX { Some(Self::Prefix(read, length)) } else { Self::Message(length).over(rest) }
    }
}

impl HttpBody for OneMessage {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let Some(place) = self.place.over(data) else {
                let refusal = Refusal::invalid("message", "must be one: this RPC takes no second message");
                return Poll::Ready(Some(Err(Error::new(Status::from(refusal)))));
            };
            self.place = place;
        }
        Poll::Ready(frame)
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

    fn message(length: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0, length];
        bytes.resize(PREFIX + usize::from(length), 7);
        bytes
    }

    /// Where one is after all pieces; none if one of them goes too far.
    fn after(pieces: &[&[u8]]) -> Option<Place> {
        pieces.iter().try_fold(Place::Prefix(0, 0), |place, piece| place.over(piece))
    }

    #[test]
    fn one_message_passes_however_it_is_cut() {
        for length in [0, 1, 200] {
            let bytes = message(length);
            assert_eq!(after(&[&bytes]), Some(Place::Message(0)));
            assert_eq!(after(&bytes.chunks(1).collect::<Vec<_>>()), Some(Place::Message(0)));
            for cut in 0..bytes.len() {
                assert_eq!(after(&[&bytes[..cut], &bytes[cut..]]), Some(Place::Message(0)), "{cut}");
            }
        }
    }

    #[test]
    fn a_second_message_does_not_pass_however_it_is_cut() {
        for (first, second) in [(0, 0), (0, 3), (3, 0), (200, 200)] {
            let bytes = [message(first), message(second)].concat();
            assert_eq!(after(&[&bytes]), None);
            assert_eq!(after(&bytes.chunks(1).collect::<Vec<_>>()), None);
            for cut in 0..bytes.len() {
                assert_eq!(after(&[&bytes[..cut], &bytes[cut..]]), None, "{cut}");
            }
        }
    }

    #[test]
    fn the_content_type_is_grpc_and_perhaps_its_codec() {
        for (value, good) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_grpc(&HeaderValue::from_static(value)), good, "{value}");
        }
    }
}
