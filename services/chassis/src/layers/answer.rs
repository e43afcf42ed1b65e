//! The body of an answer: it ends at the caller's deadline, and with a status also where the code that makes it panics.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Error;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::{deadline, panicked};
use crate::refusal::Refusal;
use crate::telemetry::Calls;

/// What comes after the response's head.
pub(super) struct Answer {
    /// None once it has ended before its time.
    body: Option<Body>,
    deadline: Option<Pin<Box<Sleep>>>,
    calls: Calls,
}

impl Answer {
    /// This body, until then at most.
    pub fn new(body: Body, deadline: Option<Instant>, calls: Calls) -> Self {
        Self { body: Some(body), deadline: deadline.map(|deadline| Box::pin(sleep_until(deadline))), calls }
    }

    /// As the framework takes it.
    pub fn into_body(self) -> Body {
        // An answer that is all in its head, a refusal, needs nothing of this.
        if self.is_end_stream() { self.body.unwrap_or_default() } else { Body::new(self) }
    }

    fn end(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let body = self.body.take();
        // What has panicked may panic once more where it is dropped.
        let _dropped = catch_unwind(AssertUnwindSafe(|| drop(body)));
        let mut trailers = HeaderMap::new();
        Poll::Ready(match Status::from(refusal).add_header(&mut trailers) {
            Ok(()) => Some(Ok(Frame::trailers(trailers))),
            Err(status) => Some(Err(Error::new(status))),
        })
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(context).is_ready()) {
            return this.end(deadline::passed());
        }
        // Nothing looks at a body again that has panicked.
        catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context))).unwrap_or_else(|_| this.end(panicked(&this.calls)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use tonic::Code;

    use super::*;
    use crate::telemetry::Telemetry;

    fn calls() -> Calls {
        Telemetry::quiet().expect("telemetry").calls("test")
    }

    async fn end_of(mut answer: Answer) -> Option<Code> {
        loop {
            let frame = std::future::poll_fn(|context| Pin::new(&mut answer).poll_frame(context)).await?;
            if let Ok(trailers) = frame.expect("a frame").into_trailers() {
                return Status::from_header_map(&trailers).map(|status| status.code());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_has_nothing_to_say_ends_at_its_deadline() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, Error>>());
        assert_eq!(
            end_of(Answer::new(silent, Some(Instant::now() + Duration::from_secs(3)), calls())).await,
            Some(Code::DeadlineExceeded)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_always_has_something_to_say_ends_at_its_deadline() {
        let busy = Body::from_stream(stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((Ok::<_, Error>(Bytes::from_static(b"more")), ()))
        }));
        assert_eq!(
            end_of(Answer::new(busy, Some(Instant::now() + Duration::from_secs(3)), calls())).await,
            Some(Code::DeadlineExceeded)
        );
    }

    #[tokio::test]
    async fn a_stream_that_panics_ends_with_a_status() {
        let broken = Body::from_stream(stream::poll_fn(|_| -> Poll<Option<Result<Bytes, Error>>> { panic!("planted") }));
        assert_eq!(end_of(Answer::new(broken, None, calls())).await, Some(Code::Internal));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_answered_in_time_is_left_alone() {
        let whole = Body::from("whole");
        assert_eq!(end_of(Answer::new(whole, Some(Instant::now() + Duration::from_secs(3)), calls())).await, None);
    }
}
