//! What a client has to say before anything else: HTTP/2's preface, and its first settings.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

const PREFACE_BYTES: usize = 24;
const FRAME_HEAD_BYTES: usize = 9;
/// The length of a frame is in the first bytes of its head.
const LENGTH_BYTES: std::ops::Range<usize> = PREFACE_BYTES..PREFACE_BYTES + 3;

/// How much of the greeting has come. Whether it is a good one is judged by HTTP/2.
#[derive(Debug, Default)]
struct Progress {
    came: usize,
    settings: usize,
}

/// A stream that tells when the client's greeting is complete.
#[derive(Debug)]
pub struct Greeted<S> {
    stream: S,
    progress: Progress,
    complete: Option<oneshot::Sender<()>>,
}

impl Progress {
    /// Takes in what came next; whether the greeting is complete now.
    fn take(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            if self.is_complete() {
                break;
            }
            if LENGTH_BYTES.contains(&self.came) {
                self.settings = self.settings << 8 | usize::from(byte);
            }
            self.came += 1;
        }
        self.is_complete()
    }

    fn is_complete(&self) -> bool {
        self.came >= PREFACE_BYTES + FRAME_HEAD_BYTES + self.settings
    }
}

impl<S> Greeted<S> {
    /// The stream, and what hears when the greeting is complete.
    pub fn new(stream: S) -> (Self, oneshot::Receiver<()>) {
        let (complete, completed) = oneshot::channel();
        (Self { stream, progress: Progress::default(), complete: Some(complete) }, completed)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.complete.is_some()
            && self.progress.take(&buffer.filled()[before..])
            && let Some(complete) = self.complete.take()
        {
            let _nobody_waits = complete.send(());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFACE: &[u8; PREFACE_BYTES] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    fn greeting(settings: &[u8]) -> Vec<u8> {
        let length = u8::try_from(settings.len()).expect("short");
        [PREFACE.as_slice(), &[0, 0, length, 4, 0, 0, 0, 0, 0], settings].concat()
    }

    #[test]
    fn a_greeting_is_complete_with_the_last_byte_of_its_settings_however_it_is_cut() {
        for settings in [&[][..], &[0, 3, 0, 0, 0, 100], &[7; 60]] {
            let greeting = greeting(settings);
            for cut in 1..greeting.len() {
                let mut progress = Progress::default();
                assert!(!progress.take(&greeting[..cut]), "{cut} bytes of {}", greeting.len());
                assert!(progress.take(&greeting[cut..]), "cut after {cut}");
            }
        }
    }

    #[test]
    fn what_follows_a_greeting_does_not_undo_it() {
        let mut progress = Progress::default();
        assert!(progress.take(&[greeting(&[]), vec![255; 100]].concat()));
        assert!(progress.take(&[255; 100]));
    }

    #[test]
    fn a_settings_frame_that_claims_to_be_endless_is_not_complete_before_its_end() {
        let mut progress = Progress::default();
        assert!(!progress.take(&[PREFACE.as_slice(), &[255, 255, 255, 4, 0, 0, 0, 0, 0], &[0; 10_000]].concat()));
    }
}
