//! Waiting for room for a body, and giving it up when others need it.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::shares::{BodyId, Removal, Shares, Standing};
use crate::ingest::line::Owner;

/// How long a body waits before it presses those who have room, and between two times.
const PRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Room for bodies.
#[derive(Debug)]
pub(super) struct Room {
    shares: Mutex<Shares>,
    size: usize,
    patience: Duration,
}

/// Why there is no room for a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// None became free in time.
    NoRoom,
    /// It was there, and others needed it.
    Removed(Removal),
}

impl Room {
    /// Room for `size` bytes, of which one key has `most_of_a_key` at most. Nobody waits for longer than `patience`.
    pub(super) fn new(size: usize, most_of_a_key: usize, patience: Duration) -> Self {
        Self { shares: Mutex::new(Shares::new(size, most_of_a_key.min(size))), size, patience }
    }

    /// A seat for a body, as soon as it has room for so many bytes.
    pub(super) async fn enter(&self, owner: Owner, bytes: usize) -> Result<Seat<'_>, Denied> {
        let mut seat = Seat { id: self.shares().enter(owner, Instant::now()), room: self, held: 0 };
        seat.grow_to(bytes).await?;
        Ok(seat)
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        // Nothing in there panics half way, but for a lack of memory, which ends the process.
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The room that a body has; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    room: &'a Room,
    id: BodyId,
    held: usize,
}

impl Seat<'_> {
    /// Waits until the body has room for so many bytes.
    pub(super) async fn grow_to(&mut self, bytes: usize) -> Result<(), Denied> {
        let bytes = bytes.min(self.room.size);
        if bytes <= self.held {
            return Ok(());
        }
        if !self.room.shares().want(self.id, bytes - self.held, Instant::now()) {
            Box::pin(self.wait()).await?;
        }
        self.held = bytes;
        Ok(())
    }

    /// Waits until the body has what it wants, and has others give way meanwhile.
    async fn wait(&self) -> Result<(), Denied> {
        let waiting = async {
            loop {
                match timeout(PRESS_INTERVAL, self.settled()).await {
                    Ok(settled) => return settled.map_err(Denied::Removed),
                    Err(_) => self.room.shares().press(self.id, Instant::now()),
                }
            }
        };
        timeout(self.room.patience, waiting).await.unwrap_or(Err(Denied::NoRoom))
    }

    /// Waits until the body has what it wants, or must go.
    async fn settled(&self) -> Result<(), Removal> {
        poll_fn(|context| match self.room.shares().standing(self.id, context.waker()) {
            Standing::Has => Poll::Ready(Ok(())),
            Standing::Waits => Poll::Pending,
            Standing::Removed(removal) => Poll::Ready(Err(removal)),
        })
        .await
    }

    /// Waits until the body must go.
    pub(super) async fn removed(&self) -> Removal {
        poll_fn(|context| match self.room.shares().standing(self.id, context.waker()) {
            Standing::Removed(removal) => Poll::Ready(removal),
            Standing::Has | Standing::Waits => Poll::Pending,
        })
        .await
    }

    /// Notes how much of the body has arrived.
    pub(super) fn received(&self, bytes: usize) {
        self.room.shares().received(self.id, bytes, Instant::now);
    }

    /// Notes that the body is whole, so many bytes long, and gives back what it has beyond that.
    pub(super) fn whole(&mut self, bytes: usize) {
        self.room.shares().whole(self.id);
        self.shrink_to(bytes);
    }

    /// Gives back what the body has beyond so many bytes.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        if bytes < self.held {
            self.held = bytes;
            self.room.shares().shrink(self.id, bytes, Instant::now);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.room.shares().leave(self.id, Instant::now);
    }
}
