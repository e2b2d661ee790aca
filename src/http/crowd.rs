//! The open connections of a port, and what each of them may take while a request's head arrives.
//!
//! Invariants: where many connections are open, each holds at most [`SMALL_HEAD`] bytes of an unfinished head on its own
//! account; what goes beyond, up to the longest head, takes a place among [`LARGE_HEADS`], and is too long where there is
//! none. So heads take bounded memory however many connections send them, here and unread in the kernel.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all connections read into, while it is enough for the least that each one needs.
const BUFFERS: usize = 8 * 1024 * 1024;
/// Half of hyper's smallest buffer, and the largest that is of use.
const BUFFER: (usize, usize) = (SMALL_HEAD, 64 * 1024);

/// The most bytes of an unfinished head that a connection may hold without a place: more than nearly all heads have.
pub(super) const SMALL_HEAD: usize = 4 * 1024;
/// How many heads may be larger at once. Each takes up to 48 KiB: in hyper's buffer, which doubles, and as a line.
const LARGE_HEADS: usize = 256;

/// The open connections, each of which has a clone: the more there are, the less is read at once.
///
/// hyper doubles a connection's buffer when a read has filled it, and keeps it. One that is never filled stays as it is.
#[derive(Clone, Debug)]
pub(super) struct Crowd(Arc<Semaphore>);

/// A place for a large head.
pub(super) type Place = OwnedSemaphorePermit;

impl Default for Crowd {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_HEADS)))
    }
}

impl Crowd {
    /// The most bytes that one of them reads now: just too few to fill its buffer.
    pub(super) fn share(&self) -> usize {
        let share = (BUFFERS / Arc::strong_count(&self.0)).clamp(BUFFER.0, BUFFER.1);
        (1 << share.ilog2()) - 1
    }

    /// A place for a large head, if there is one.
    pub(super) fn place(&self) -> Option<Place> {
        Arc::clone(&self.0).try_acquire_owned().ok()
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
        assert_eq!(reads(10_000), SMALL_HEAD - 1);
    }
}
