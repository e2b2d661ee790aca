//! The channels between the stages: bounded, so that a full one stops the stage before it, and measured, so that it can be
//! seen which stage waits for which.
//!
//! What a stage does for a batch costs it much the same whether the batch is small or large. So it takes the batches that
//! came in meanwhile as one: while little comes each goes on at once, and the more comes the larger they grow.

use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::{BatchLimits, Join};
use crate::ops::metrics::{self, Stage};

/// A channel with room for so many batches between two stages.
pub(super) fn channel<T>(from: Stage, to: Stage, room: usize) -> (Outlet<T>, Inlet<T>) {
    let (sender, receiver) = bounded(room);
    (Outlet { sender, from, to }, Inlet { receiver, to })
}

/// Where a stage hands its batches on.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    sender: Sender<T>,
    from: Stage,
    to: Stage,
}

/// Where a stage finds its batches.
#[derive(Debug)]
pub(super) struct Inlet<T> {
    receiver: Receiver<T>,
    to: Stage,
}

/// The stage behind has ended, and says itself why.
#[derive(Debug)]
pub(super) struct Gone;

impl<T> Outlet<T> {
    /// Hands a batch on, once there is room.
    pub(super) fn send(&self, batch: T) -> Result<(), Gone> {
        let started = Instant::now();
        metrics::stage_sends(self.to);
        let sent = self.sender.send(batch);
        metrics::stage_blocked(self.from, started.elapsed());
        sent.map_err(|_| {
            metrics::stage_received(self.to, 1);
            Gone
        })
    }
}

impl<T> Inlet<T> {
    /// Waits for the next batch; `None` once the stage before has ended and nothing is left.
    pub(super) fn next(&self) -> Option<T> {
        let started = Instant::now();
        let batch = self.receiver.recv().ok();
        metrics::stage_starved(self.to, started.elapsed());
        batch.inspect(|_| metrics::stage_received(self.to, 1))
    }

    /// The next batch, if it is there already.
    pub(super) fn next_at_hand(&self) -> Option<T> {
        self.receiver.try_recv().ok().inspect(|_| metrics::stage_received(self.to, 1))
    }

    /// All batches, those that are at hand together joined as far as they go into one.
    pub(super) fn joined(&self, limits: BatchLimits) -> impl Iterator<Item = T>
    where
        T: Join,
    {
        let mut over = None;
        std::iter::from_fn(move || {
            let mut batch = over.take().or_else(|| self.next())?;
            while over.is_none() {
                let Some(next) = self.next_at_hand() else { break };
                over = batch.join(next, limits).err();
            }
            Some(batch)
        })
    }
}

impl<T> Drop for Inlet<T> {
    fn drop(&mut self) {
        // What is given up waits no more.
        while self.next_at_hand().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_order_and_end_with_their_sender() {
        let (outlet, inlet) = channel(Stage::Match, Stage::Store, 2);
        assert!(outlet.send(1).is_ok() && outlet.send(2).is_ok());
        drop(outlet);
        assert_eq!([inlet.next(), inlet.next(), inlet.next()], [Some(1), Some(2), None]);
        assert_eq!(inlet.next_at_hand(), None);
    }

    impl Join for usize {
        fn join(&mut self, other: Self, limits: BatchLimits) -> Result<(), Self> {
            if *self + other > limits.events {
                return Err(other);
            }
            *self += other;
            Ok(())
        }
    }

    #[test]
    fn batches_at_hand_are_joined_as_far_as_they_go_together() {
        let (outlet, inlet) = channel(Stage::Match, Stage::Store, 5);
        for batch in [1_usize, 2, 4, 8, 1] {
            assert!(outlet.send(batch).is_ok());
        }
        drop(outlet);
        let limits = BatchLimits { events: 7, bytes: 0 };
        assert_eq!(inlet.joined(limits).collect::<Vec<_>>(), [7, 8, 1]);
    }

    #[test]
    fn a_stage_learns_that_the_one_behind_is_gone() {
        let (outlet, inlet) = channel(Stage::Match, Stage::Store, 1);
        drop(inlet);
        assert!(outlet.send(1).is_err());
    }
}
