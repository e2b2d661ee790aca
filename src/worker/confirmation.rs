//! When the catalog was last confirmed to be what Postgres holds.
//!
//! Invariant: no event is matched with a catalog that was confirmed more than [`MAX_AGE`] before its batch came to be
//! matched. A worker that was frozen, or cut off from Postgres, waits for a confirmation first. An event of the batch was
//! received before that, so every change that was answered [`MAX_AGE`] before the event was received counts for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use crate::ops::clock;

/// How old a confirmation may be: the promise of `docs/guarantees.md`.
pub(super) const MAX_AGE: Duration = Duration::from_secs(1);
/// From this age on the next confirmation is asked for, so that nobody waits for it.
const RENEWAL_AGE: Duration = Duration::from_millis(500);

/// A moment by both clocks. The monotonic one runs on while a process is stopped, the other one also while the machine is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic: Instant,
    wall: Timestamp,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: clock::own() }
    }

    /// How long ago `earlier` was, by the clock that says more. The wall clock may be set; set forward, it only asks for a
    /// confirmation that was not needed.
    fn since(self, earlier: Self) -> Duration {
        let wall = Duration::try_from(self.wall.duration_since(earlier.wall)).unwrap_or_default();
        self.monotonic.saturating_duration_since(earlier.monotonic).max(wall)
    }
}

/// Confirms the catalog. Dropping it says that nobody does any more.
#[derive(Debug)]
pub(super) struct Confirmer {
    /// When the look began that found the catalog up to date.
    confirmed: watch::Sender<Moment>,
    wanted: Arc<Notify>,
}

/// When the catalog was last confirmed. Clones are the same.
#[derive(Clone, Debug)]
pub struct Confirmation {
    confirmed: watch::Receiver<Moment>,
    /// Somebody wants a newer confirmation.
    wanted: Arc<Notify>,
}

/// Nobody confirms the catalog any more.
#[derive(Debug)]
pub(super) struct Unconfirmed;

impl Confirmer {
    pub(super) fn new(began: Moment) -> Self {
        Self { confirmed: watch::Sender::new(began), wanted: Arc::default() }
    }

    pub(super) fn confirmation(&self) -> Confirmation {
        Confirmation { confirmed: self.confirmed.subscribe(), wanted: Arc::clone(&self.wanted) }
    }

    /// Notes that a look which began at this moment has found, or made, the catalog up to date.
    pub(super) fn confirm(&self, began: Moment) {
        self.confirmed.send_replace(began);
    }

    /// Waits until somebody wants a confirmation.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

impl Confirmation {
    /// Whether the catalog may be used for what is there now. Asks for the next confirmation in time.
    pub(super) fn is_fresh(&self) -> bool {
        let age = Moment::now().since(*self.confirmed.borrow());
        if age > RENEWAL_AGE {
            self.wanted.notify_one();
        }
        age <= MAX_AGE
    }

    /// Waits until the catalog may be used for what is there now, however long a look takes.
    pub(super) async fn fresh(&self) -> Result<(), Unconfirmed> {
        let now = Moment::now();
        self.wanted.notify_one();
        let mut confirmed = self.confirmed.clone();
        let fresh = confirmed.wait_for(|confirmed| now.since(*confirmed) <= MAX_AGE).await;
        fresh.map(|_| ()).map_err(|_| Unconfirmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(age: Duration) -> Moment {
        let now = Moment::now();
        let monotonic = now.monotonic.checked_sub(age).unwrap();
        Moment { monotonic, wall: now.wall.checked_sub(age).unwrap() }
    }

    #[tokio::test]
    async fn who_finds_the_catalog_too_old_waits_for_a_look_that_began_late_enough() {
        let confirmer = Confirmer::new(before(MAX_AGE * 2));
        let confirmation = confirmer.confirmation();
        assert!(!confirmation.is_fresh());
        let waiting = tokio::spawn(async move { confirmation.fresh().await });
        confirmer.wanted().await;
        confirmer.confirm(before(MAX_AGE * 2));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "that look began too early");
        confirmer.confirm(Moment::now());
        assert!(waiting.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_confirmation_that_never_comes() {
        let confirmer = Confirmer::new(before(MAX_AGE * 2));
        let confirmation = confirmer.confirmation();
        drop(confirmer);
        assert!(confirmation.fresh().await.is_err());
    }

    #[tokio::test]
    async fn the_next_confirmation_is_asked_for_before_anybody_must_wait() {
        let confirmer = Confirmer::new(before(RENEWAL_AGE));
        confirmer.confirmation().is_fresh();
        confirmer.wanted().await;
    }

    #[test]
    fn time_that_only_the_wall_clock_has_seen_counts() {
        let now = Moment::now();
        let slept = Moment { wall: now.wall + MAX_AGE, ..now };
        assert_eq!(slept.since(now), MAX_AGE);
        assert_eq!(now.since(slept), Duration::ZERO);
    }
}
