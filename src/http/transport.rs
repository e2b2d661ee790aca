//! What lies between a connection's stream and hyper: the check of what a client sends, and an end of the patience with one
//! that does not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::time::{Sleep, sleep};

use super::crowd::{Crowd, Place, SMALL_HEAD};
use super::framing::{Framing, LONGEST_HEAD, Refused, TOO_LONG};

/// A stream of requests that can be read in one way only, and of answers that are read.
///
/// In place of the first byte that is refused, hyper gets a NUL, which no head and no chunk may hold: it answers what came
/// before, and then with 400, and closes. Once nothing could be written for too long, writing fails: hyper itself would
/// wait for ever for a client that sends requests and reads no answers.
pub(super) struct Guarded<S> {
    stream: Take<S>,
    crowd: Crowd,
    framing: Framing,
    /// The place of a large head.
    place: Option<Place>,
    is_refused: bool,
    /// So many bytes make up for those of a head that are not read, as it finds no place.
    filler: usize,
    patience: Duration,
    /// Set while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead> Guarded<S> {
    pub(super) fn new(stream: S, crowd: Crowd, patience: Duration) -> Self {
        Self {
            stream: stream.take(0),
            crowd,
            framing: Framing::new(),
            place: None,
            is_refused: false,
            filler: 0,
            patience,
            stalled: None,
        }
    }
}

impl<S> Guarded<S> {
    /// The most bytes that may be read now; none of a head that has grown large and finds no place.
    fn allowance(&mut self) -> usize {
        let share = self.crowd.share();
        let head = self.framing.unfinished_head().unwrap_or(0);
        if head < SMALL_HEAD {
            self.place = None;
            // Most heads come at once, with their body.
            return if head == 0 { share } else { SMALL_HEAD - head };
        }
        self.place = self.place.take().or_else(|| self.crowd.place());
        // A byte more shows that it is too long.
        if self.place.is_some() { share.min(LONGEST_HEAD - head + 1) } else { 0 }
    }

    /// Makes a head that finds no place too long for hyper, which then says so.
    fn fill_up(&mut self, buffer: &mut ReadBuf<'_>) {
        if self.filler == 0 {
            tracing::debug!("a request is refused, as too many large heads arrive at once");
            self.filler = LONGEST_HEAD - self.framing.unfinished_head().unwrap_or(0);
        }
        let length = self.filler.min(buffer.remaining());
        buffer.initialize_unfilled_to(length).fill(b'x');
        buffer.advance(length);
        self.filler -= length;
        self.is_refused = self.filler == 0;
    }

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
        let most = self.allowance();
        if most == 0 {
            self.fill_up(buffer);
            return Poll::Ready(Ok(()));
        }
        self.stream.set_limit(most as u64);
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
