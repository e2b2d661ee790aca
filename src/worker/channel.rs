//! The channels between the stages: bounded, so that a full one stops the stage before it, and measured, so that it can be
//! seen which stage waits for which.
//!
//! A stage spends about as much on a small batch as on a large one. So batches that wait are joined: while few events come,
//! each batch goes on at once, and the more come, the larger the batches grow. If the channel is full, the sender joins its
//! batch to the last queued one, and waits only if the two do not fit together. The receiver takes all that fit together.
//!
//! Invariant: batches, and what was joined to them, come out in the order in which they went in. All of it happens under one
//! lock, which is taken a few times a batch.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::batch::{BatchLimits, Join};
use crate::ops::metrics::{self, Stage};

/// A channel with room for so many batches between two stages, none of them over the limits unless it came so.
pub(super) fn channel<T>(from: Stage, to: Stage, room: usize, limits: BatchLimits) -> (Outlet<T>, Inlet<T>) {
    let queue = Queue { batches: VecDeque::with_capacity(room), has_sender: true, has_receiver: true };
    let shared = Arc::new(Shared { queue: Mutex::new(queue), changed: Condvar::new(), room, limits, to });
    (Outlet { shared: Arc::clone(&shared), from }, Inlet { shared })
}

#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<Queue<T>>,
    /// A batch came or went, or an end of the channel is gone.
    changed: Condvar,
    room: usize,
    limits: BatchLimits,
    to: Stage,
}

#[derive(Debug)]
struct Queue<T> {
    batches: VecDeque<T>,
    has_sender: bool,
    has_receiver: bool,
}

/// Where a stage hands its batches on.
#[derive(Debug)]
pub(super) struct Outlet<T> {
    shared: Arc<Shared<T>>,
    from: Stage,
}

/// Where a stage finds its batches.
#[derive(Debug)]
pub(super) struct Inlet<T> {
    shared: Arc<Shared<T>>,
}

/// The stage behind has ended, and says itself why.
#[derive(Debug)]
pub(super) struct Gone;

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // A panic while two batches are joined ends the pipeline; what is left is given up with it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, queue: MutexGuard<'q, Queue<T>>) -> MutexGuard<'q, Queue<T>> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Join> Outlet<T> {
    /// Hands a batch on, once there is room.
    pub(super) fn send(&self, batch: T) -> Result<(), Gone> {
        let started = Instant::now();
        let sent = self.put(batch);
        metrics::stage_blocked(self.from, started.elapsed());
        sent
    }

    fn put(&self, mut batch: T) -> Result<(), Gone> {
        let mut queue = self.shared.lock();
        // A batch that waits for room counts among those before the stage.
        let mut counted = false;
        while queue.has_receiver {
            if queue.batches.len() < self.shared.room {
                queue.batches.push_back(batch);
                if !counted {
                    metrics::stage_sends(self.shared.to);
                }
                self.shared.changed.notify_one();
                return Ok(());
            }
            let last = queue.batches.back_mut().expect("a full channel has a last batch");
            match last.join(batch, self.shared.limits) {
                Ok(()) if counted => {
                    metrics::stage_received(self.shared.to, 1);
                    return Ok(());
                }
                Ok(()) => return Ok(()),
                Err(apart) => batch = apart,
            }
            if !std::mem::replace(&mut counted, true) {
                metrics::stage_sends(self.shared.to);
            }
            queue = self.shared.wait(queue);
        }
        Err(Gone)
    }
}

impl<T> Inlet<T> {
    /// Waits for the next batch; `None` once the stage before has ended and nothing is left.
    pub(super) fn next(&self) -> Option<T> {
        let started = Instant::now();
        let mut queue = self.shared.lock();
        while queue.batches.is_empty() && queue.has_sender {
            queue = self.shared.wait(queue);
        }
        metrics::stage_starved(self.shared.to, started.elapsed());
        self.take(&mut queue)
    }

    /// The next batch, if it is there already.
    pub(super) fn next_at_hand(&self) -> Option<T> {
        self.take(&mut self.shared.lock())
    }

    fn take(&self, queue: &mut Queue<T>) -> Option<T> {
        let batch = queue.batches.pop_front()?;
        metrics::stage_received(self.shared.to, 1);
        self.shared.changed.notify_one();
        Some(batch)
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
                over = batch.join(next, self.shared.limits).err();
            }
            Some(batch)
        })
    }
}

impl<T> Drop for Outlet<T> {
    fn drop(&mut self) {
        self.shared.lock().has_sender = false;
        self.shared.changed.notify_one();
    }
}

impl<T> Drop for Inlet<T> {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.has_receiver = false;
        // What is given up waits no more.
        metrics::stage_received(self.shared.to, queue.batches.len());
        queue.batches.clear();
        self.shared.changed.notify_one();
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

    /// The numbers of what it was joined from, at most three.
    #[derive(Debug)]
    struct Numbered(Vec<u32>);

    impl Join for Numbered {
        fn join(&mut self, other: Self, _: BatchLimits) -> Result<(), Self> {
            if self.0.len() + other.0.len() > 3 {
                return Err(other);
            }
            self.0.extend(other.0);
            Ok(())
        }
    }

    #[test]
    fn batches_come_out_in_order_while_sender_and_receiver_work_at_once() {
        const BATCHES: u32 = 100_000;
        for room in 1..4 {
            let (outlet, inlet) = channel(Stage::Match, Stage::Store, room, LIMITS);
            let sender = std::thread::spawn(move || {
                (0..BATCHES).all(|number| outlet.send(Numbered(vec![number])).is_ok())
            });
            let received = std::iter::from_fn(|| inlet.next()).flat_map(|Numbered(numbers)| numbers);
            let count = received.zip(0..).inspect(|(number, expected)| assert_eq!(number, expected)).count();
            assert_eq!(count, BATCHES as usize);
            assert!(sender.join().expect("it does not panic"));
        }
    }
}
