//! The channels between the stages: bounded, so that a full one stops the stage before it, and measured, so that it can be
//! seen which stage waits for which.
//!
//! What a stage does for a batch costs it much the same whether the batch is small or large. So batches that wait are joined:
//! while little comes each goes on at once, and the more comes the larger they grow. Who finds the channel full joins his batch
//! to the last one there, and waits only where it does not go in; who comes for a batch takes all that go into one.
//!
//! Invariant: batches, and what was joined to them, come out in the order in which they went in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::batch::{BatchLimits, Join};
use crate::ops::metrics::{self, Stage};

/// A channel with room for so many batches between two stages, none of them over the limits unless it came so.
pub(super) fn channel<T>(from: Stage, to: Stage, room: usize, limits: BatchLimits) -> (Outlet<T>, Inlet<T>) {
    let (sender, receiver) = bounded(room);
    let gone = Arc::new(AtomicBool::new(false));
    let outlet = Outlet { sender, waiting: receiver.clone(), gone: Arc::clone(&gone), from, to, limits };
    (outlet, Inlet { receiver, gone, to, limits })
}

/// Where a stage hands its batches on.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    sender: Sender<T>,
    /// The other end, to join to what waits there.
    waiting: Receiver<T>,
    /// Whether nobody comes for batches any more.
    gone: Arc<AtomicBool>,
    from: Stage,
    to: Stage,
    limits: BatchLimits,
}

/// Where a stage finds its batches.
#[derive(Debug)]
pub(super) struct Inlet<T> {
    receiver: Receiver<T>,
    gone: Arc<AtomicBool>,
    to: Stage,
    limits: BatchLimits,
}

/// Why a channel stays connected while its sender lives.
const HELD: &str = "the outlet holds both ends";

/// The stage behind has ended, and says itself why.
#[derive(Debug)]
pub(super) struct Gone;

impl<T: Join> Outlet<T> {
    /// Hands a batch on, once there is room.
    pub(super) fn send(&self, batch: T) -> Result<(), Gone> {
        let started = Instant::now();
        self.put(batch);
        metrics::stage_blocked(self.from, started.elapsed());
        if !self.gone.load(Ordering::SeqCst) {
            return Ok(());
        }
        metrics::stage_received(self.to, self.waiting.try_iter().count());
        Err(Gone)
    }

    /// Never waits for ever. Who goes says so first, and then takes what waits with him, which makes room: whoever has not
    /// heard of it, after all is put back that was taken out, finds room.
    fn put(&self, batch: T) {
        let alone = match self.sender.try_send(batch) {
            Ok(()) => return metrics::stage_sends(self.to),
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => self.join_to_last(batch),
        };
        if let Err(batch) = alone
            && !self.gone.load(Ordering::SeqCst)
        {
            metrics::stage_sends(self.to);
            self.sender.send(batch).expect(HELD);
        }
    }

    /// Joins a batch to the last one that waits; gives it back where there is none, or it does not go in.
    fn join_to_last(&self, batch: T) -> Result<(), T> {
        let mut waiting: Vec<T> = self.waiting.try_iter().collect();
        let joined = match waiting.last_mut() {
            Some(last) => last.join(batch, self.limits),
            None => Err(batch),
        };
        for batch in waiting {
            // They were there just now, and nobody else sends.
            self.sender.try_send(batch).expect("there is room for what was taken out");
        }
        joined
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
    pub(super) fn joined(&self) -> impl Iterator<Item = T>
    where
        T: Join,
    {
        let mut over = None;
        std::iter::from_fn(move || {
            let mut batch = over.take().or_else(|| self.next())?;
            while over.is_none() {
                let Some(next) = self.next_at_hand() else { break };
                over = batch.join(next, self.limits).err();
            }
            Some(batch)
        })
    }
}

impl<T> Drop for Inlet<T> {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        // What is given up waits no more.
        while self.next_at_hand().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Join for usize {
        fn join(&mut self, other: Self, limits: BatchLimits) -> Result<(), Self> {
            if *self + other > limits.events {
                return Err(other);
            }
            *self += other;
            Ok(())
        }
    }

    const LIMITS: BatchLimits = BatchLimits { events: 7, bytes: 0 };

    #[test]
    fn batches_at_hand_are_joined_as_far_as_they_go_together() {
        let (outlet, inlet) = channel(Stage::Match, Stage::Store, 5, LIMITS);
        for batch in [1_usize, 2, 4, 8, 1] {
            assert!(outlet.send(batch).is_ok());
        }
        drop(outlet);
        assert_eq!(inlet.joined().collect::<Vec<_>>(), [7, 8, 1]);
    }

    #[test]
    fn a_batch_that_finds_no_room_is_joined_to_the_last_one_there() {
        let (outlet, inlet) = channel(Stage::Match, Stage::Store, 2, LIMITS);
        for batch in [6_usize, 5, 1, 1] {
            assert!(outlet.send(batch).is_ok());
        }
        assert_eq!([inlet.next(), inlet.next()], [Some(6), Some(7)]);
        drop(outlet);
        assert_eq!(inlet.next(), None);
    }

    #[test]
    fn one_that_goes_into_none_waits_for_room() {
        let (outlet, inlet) = channel(Stage::Match, Stage::Store, 1, LIMITS);
        assert!(outlet.send(6_usize).is_ok());
        let sender = std::thread::spawn(move || outlet.send(2).is_ok());
        assert_eq!([inlet.next(), inlet.next()], [Some(6), Some(2)]);
        assert!(sender.join().expect("it does not panic"));
    }

    #[test]
    fn a_stage_learns_that_the_one_behind_is_gone() {
        let (outlet, inlet) = channel(Stage::Match, Stage::Store, 1, LIMITS);
        assert!(outlet.send(6_usize).is_ok());
        drop(inlet);
        for _ in 0..3 {
            assert!(outlet.send(6).is_err());
        }
    }
}
