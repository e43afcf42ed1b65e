//! The gate between what is decided and what leaves.
//!
//! Every poll of a call, of its stream as of its answer, passes through the gate; a change of access is applied while it is closed. So
//! what the guard decides and what the transport gets are one step: a change comes before it, or after it. Between the guard's yes and
//! the answer nothing may wait: that would be the end of the poll.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll, ready};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tonic::server::NamedService;

/// The gate of one node. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<RwLock<()>>);

impl Gate {
    /// Passes through; not to be held while anything waits, nor taken again by who holds it.
    pub fn pass(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody is in the gate, and keeps everybody out.
    pub fn close(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A service all of whose calls pass through the gate.
    pub fn around<S>(&self, service: S) -> Gated<S> {
        Gated { gate: self.clone(), inner: service }
    }
}

/// A service, its calls, or their bodies, behind the gate.
#[derive(Clone, Debug)]
pub struct Gated<T> {
    gate: Gate,
    inner: T,
}

impl<S: NamedService> NamedService for Gated<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Gated<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Gated<S::Future> {
        self.gate.around(self.inner.call(request))
    }
}

impl<F, E> Future for Gated<F>
where
    F: Future<Output = Result<Response<Body>, E>> + Unpin,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = self.get_mut();
        let _passing = call.gate.pass();
        let answer = ready!(Pin::new(&mut call.inner).poll(context))?;
        Poll::Ready(Ok(answer.map(|body| Body::new(call.gate.around(body)))))
    }
}

impl HttpBody for Gated<Body> {
    type Data = <Body as HttpBody>::Data;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let body = self.get_mut();
        let _passing = body.gate.pass();
        Pin::new(&mut body.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::task::Waker;
    use std::thread;

    use tonic::codegen::Bytes;

    use super::*;

    const CHANGES: u64 = 2_000;
    const POLLERS: usize = 4;

    /// A view that changes, and who looks at it in a poll.
    #[derive(Clone, Default)]
    struct Watched {
        view: Arc<AtomicU64>,
        /// The newest change whose publishing has returned.
        returned: Arc<AtomicU64>,
    }

    impl Watched {
        /// Judges by the view and hands out a moment later: whether a newer view had been published by then.
        fn hands_out_late(&self) -> bool {
            let judged_by = self.view.load(Ordering::SeqCst);
            thread::yield_now();
            self.returned.load(Ordering::SeqCst) > judged_by
        }

        fn frame(&self) -> Frame<Bytes> {
            Frame::data(Bytes::from_static(if self.hands_out_late() { b"late" } else { b"well" }))
        }
    }

    impl HttpBody for Watched {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(Some(Ok(self.frame())))
        }
    }

    /// Publishes changes while threads poll: how many polls there were, and how many handed something out late.
    fn race(gate: &Gate, watched: &Watched, poll: impl Fn(&mut Context<'_>) -> bool + Sync) -> (u64, u64) {
        let (polls, late, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|threads| {
            for _ in 0..POLLERS {
                threads.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        late.fetch_add(u64::from(poll(&mut Context::from_waker(Waker::noop()))), Ordering::SeqCst);
                        polls.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            for change in 1..=CHANGES {
                {
                    let _closed = gate.close();
                    watched.view.store(change, Ordering::SeqCst);
                }
                watched.returned.store(change, Ordering::SeqCst);
                thread::yield_now();
            }
            done.store(true, Ordering::SeqCst);
        });
        (polls.into_inner(), late.into_inner())
    }

    #[test]
    fn a_stream_that_many_threads_poll_hands_nothing_out_by_a_view_from_before_a_change_that_has_been_published() {
        let (gate, watched) = (Gate::default(), Watched::default());
        let (polls, late) = race(&gate, &watched, |context| {
            let mut body = gate.around(Body::new(watched.clone()));
            match Pin::new(&mut body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame.into_data().is_ok_and(|data| data == "late"),
                _ => true,
            }
        });
        assert!(polls > 0);
        assert_eq!(late, 0, "of {polls}");
    }

    #[test]
    fn nor_does_a_call_that_answers_meanwhile() {
        let (gate, watched) = (Gate::default(), Watched::default());
        let (polls, late) = race(&gate, &watched, |context| {
            let judging = watched.clone();
            let answer =
                poll_fn(move |_| Poll::Ready(Ok::<_, Status>(Response::new(Body::new(Answer(judging.hands_out_late()))))));
            match Pin::new(&mut gate.around(answer)).poll(context) {
                Poll::Ready(Ok(answer)) => answer.into_body().is_end_stream(),
                _ => true,
            }
        });
        assert!(polls > 0);
        assert_eq!(late, 0, "of {polls}");
    }

    /// An empty answer, that says whether it is late by whether it has ended.
    struct Answer(bool);

    impl HttpBody for Answer {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(None)
        }

        fn is_end_stream(&self) -> bool {
            self.0
        }
    }
}
