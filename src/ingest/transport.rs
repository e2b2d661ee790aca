//! What lies between a connection's stream and hyper: the check of what a client sends, and an end of the patience with one
//! that does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::time::{Sleep, sleep};

use super::framing::{Framing, Refused, TOO_LONG};

/// What all connections read into, while it is enough for the least that each one needs.
const BUFFERS: usize = 8 * 1024 * 1024;
/// hyper's smallest buffer, and the largest that is of use.
const BUFFER: (usize, usize) = (8 * 1024, 64 * 1024);

/// The open connections, each of which has a clone: the more there are, the less is read at once.
///
/// hyper doubles a connection's buffer when a read has filled it, and keeps it. One that is never filled stays as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd(Arc<()>);

impl Crowd {
    /// The most bytes that one of them reads now: just too few to fill its buffer.
    fn share(&self) -> u64 {
        let share = (BUFFERS / Arc::strong_count(&self.0)).clamp(BUFFER.0, BUFFER.1);
        (1 << share.ilog2()) - 1
    }
}

/// A stream of requests that can be read in one way only, and of answers that are read.
///
/// In place of the first byte that is refused, hyper gets a NUL, which no head and no chunk may hold: it answers what came
/// before, and then with 400, and closes. Once nothing could be written for too long, writing fails: hyper itself would
/// wait for ever for a client that sends requests and reads no answers.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: Take<S>,
    crowd: Crowd,
    framing: Framing,
    is_refused: bool,
    patience: Duration,
    /// Set while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead> Guarded<S> {
    pub(super) fn new(stream: S, crowd: Crowd, patience: Duration) -> Self {
        let stream = stream.take(crowd.share());
        Self { stream, crowd, framing: Framing::new(), is_refused: false, patience, stalled: None }
    }
}

impl<S> Guarded<S> {
    /// An outcome of writing, as far as there is patience with it.
    fn judge<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answers")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_refused {
            // It ends here.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let share = self.crowd.share();
        self.stream.set_limit(share);
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if let Err(Refused { at, reason }) = self.framing.follow(&buffer.filled()[before..]) {
            tracing::debug!(reason, "a request is refused");
            self.is_refused = true;
            buffer.set_filled(before + at);
            // Of a head that is too long hyper has as much as it takes, and says so itself.
            if reason != TOO_LONG {
                buffer.put_slice(b"\0");
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(self.stream.get_mut()).poll_write(context, bytes);
        self.judge(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(self.stream.get_mut()).poll_write_vectored(context, slices);
        self.judge(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(self.stream.get_mut()).poll_flush(context);
        self.judge(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(self.stream.get_mut()).poll_shutdown(context);
        self.judge(context, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_connections_are_open_the_less_each_reads_at_once() {
        let crowd = Crowd::default();
        let reads = |connections| {
            let _others: Vec<_> = (1..connections).map(|_| crowd.clone()).collect();
            crowd.share()
        };
        assert_eq!(reads(1), 64 * 1024 - 1);
        assert_eq!(reads(128), 64 * 1024 - 1);
        assert_eq!(reads(300), 16 * 1024 - 1);
        assert_eq!(reads(1_024), 8 * 1024 - 1);
        assert_eq!(reads(10_000), 8 * 1024 - 1, "no less than hyper's smallest");
    }
}
