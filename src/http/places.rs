//! The places for connections of a port, and who gives way when they run out.
//!
//! Invariants: there are never more connections than places; where the longest quiet one gives way, one place is free for
//! the next to come, unless all clients wait for answers. Who waits for an answer keeps its place, and so does for a moment
//! who has just come or has just been answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// How long a connection may be quiet before it has to leave: the first request arrives meanwhile, and the last answer goes.
const GRACE: Duration = Duration::from_millis(100);

/// What happens when all places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The next connection waits until one ends.
    Wait,
    /// The connection whose client has asked nothing for the longest time is closed.
    LongestQuietLeaves,
}

/// The places of a port.
#[derive(Debug)]
pub(super) struct Places {
    room: Arc<Semaphore>,
    when_full: WhenFull,
    quiet: Mutex<Quiet>,
}

/// The connections that nothing is asked on, in the order in which they became so.
#[derive(Debug, Default)]
struct Quiet {
    next: Turn,
    line: BTreeMap<Turn, Arc<Notify>>,
    /// The one that was taken out of the line to leave.
    leaving: Option<Turn>,
}

/// A place in the line.
type Turn = u64;

/// The place of a connection.
#[derive(Debug)]
pub(super) struct Seat {
    places: Arc<Places>,
    leave: Arc<Notify>,
    /// Where it stands in the line of quiet ones, and since when.
    turn: Mutex<Option<(Turn, Instant)>>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(count: u32, when_full: WhenFull) -> Self {
        Self { room: Arc::new(Semaphore::new(count as usize)), when_full, quiet: Mutex::default() }
    }

    /// The next free place, once there is one.
    pub(super) async fn free(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.room).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Seats a connection whose client has asked nothing yet.
    pub(super) fn seat(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Seat {
        let seat =
            Seat { places: Arc::clone(self), leave: Arc::default(), turn: Mutex::default(), _permit: permit };
        seat.rest();
        seat
    }

    fn quiet(&self) -> MutexGuard<'_, Quiet> {
        // Each change is a single step, so a panic elsewhere leaves it whole.
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Its client waits for an answer from now on.
    pub(super) fn work(&self) {
        let left = self.turn().take();
        if let Some((turn, _)) = left {
            let mut quiet = self.places.quiet();
            quiet.line.remove(&turn);
            quiet.leaving.take_if(|leaving| *leaving == turn);
        }
    }

    /// Its client waits for nothing from now on. If no place is free, the longest quiet connection is asked to leave.
    pub(super) fn rest(&self) {
        if self.places.when_full == WhenFull::Wait {
            return;
        }
        let mut quiet = self.places.quiet();
        let turn = quiet.next;
        quiet.next += 1;
        quiet.line.insert(turn, Arc::clone(&self.leave));
        *self.turn() = Some((turn, Instant::now()));
        if self.places.room.available_permits() == 0
            && quiet.leaving.is_none()
            && let Some((turn, longest)) = quiet.line.pop_first()
        {
            quiet.leaving = Some(turn);
            longest.notify_one();
        }
    }

    /// Waits until the connection has to leave.
    pub(super) async fn has_to_leave(&self) {
        loop {
            self.leave.notified().await;
            let asked = *self.turn();
            let Some((_, since)) = asked.filter(|_| self.is_leaving()) else { continue };
            sleep_until(since + GRACE).await;
            if self.is_leaving() {
                return;
            }
        }
    }

    fn is_leaving(&self) -> bool {
        let turn = *self.turn();
        turn.is_some_and(|(turn, _)| self.places.quiet().leaving == Some(turn))
    }

    fn turn(&self) -> MutexGuard<'_, Option<(Turn, Instant)>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.work();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn places(count: u32, when_full: WhenFull) -> Arc<Places> {
        Arc::new(Places::new(count, when_full))
    }

    fn take(places: &Arc<Places>) -> Seat {
        places.seat(places.free().now_or_never().expect("a free place"))
    }

    #[test]
    fn the_last_place_is_kept_free_by_the_connection_that_was_quiet_for_the_longest_time() {
        let places = places(3, WhenFull::LongestQuietLeaves);
        let (first, second) = (take(&places), take(&places));
        first.work();
        first.rest();
        assert!(!first.is_leaving() && !second.is_leaving());
        let third = take(&places);
        assert!(second.is_leaving() && !first.is_leaving() && !third.is_leaving());
    }

    #[test]
    fn who_asks_something_in_time_stays() {
        let places = places(2, WhenFull::LongestQuietLeaves);
        let (first, second) = (take(&places), take(&places));
        assert!(first.is_leaving() && !second.is_leaving());
        first.work();
        second.work();
        first.rest();
        assert!(first.is_leaving(), "once nobody was quiet for longer");
        second.rest();
        assert!(first.is_leaving() && !second.is_leaving(), "one at a time");
    }

    #[test]
    fn who_waits_for_an_answer_keeps_its_place_and_leaves_its_turn_to_others() {
        let places = places(2, WhenFull::LongestQuietLeaves);
        let first = take(&places);
        first.work();
        let second = take(&places);
        assert!(second.is_leaving() && !first.is_leaving());
        drop(second);
        let third = take(&places);
        third.work();
        first.rest();
        assert!(first.is_leaving(), "no place is free, and nobody else is quiet");
    }

    #[test]
    fn where_the_next_one_waits_nobody_is_asked_to_leave() {
        let places = places(1, WhenFull::Wait);
        let only = take(&places);
        only.work();
        only.rest();
        assert!(!only.is_leaving() && places.free().now_or_never().is_none());
        drop(only);
        assert!(places.free().now_or_never().is_some());
    }
}
