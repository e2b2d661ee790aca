//! A watch beside `match`: it sees when one event takes long, and says which campaign and which event that is.
//!
//! The thread that matches only counts its events and notes where it is; it asks no clock. The watch looks at that four
//! times a second and measures how long the thread has been at the same event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::campaign::{CampaignId, Catalog, Progress};
use crate::ops::metrics;
use crate::queue::{Delivery, EntryId};
use crate::store::{Pool, campaigns};

/// How often the watch looks.
const PERIOD: Duration = Duration::from_millis(250);
/// From when on an event holds up `match`.
const LONG: Duration = Duration::from_secs(1);
/// How often an event that holds up `match` is logged.
const LOG_PERIOD: Duration = Duration::from_secs(10);
/// How long the watch waits for the name of a campaign.
const NAME_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a thread is that matches events.
#[derive(Debug)]
pub(super) struct AtWork {
    /// Odd while an event is matched.
    turn: AtomicU64,
    shard: AtomicU64,
    milliseconds: AtomicU64,
    sequence: AtomicU64,
    /// The events of the frame that were begun.
    events: AtomicU64,
    campaigns: Progress,
    catalog: ArcSwapOption<Catalog>,
}

impl AtWork {
    pub(super) fn new(campaigns: Progress) -> Self {
        Self {
            turn: AtomicU64::new(0),
            shard: AtomicU64::new(0),
            milliseconds: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            events: AtomicU64::new(0),
            campaigns,
            catalog: ArcSwapOption::empty(),
        }
    }

    /// Begins a batch, which is held against a catalog; `None` at its end.
    pub(super) fn set_catalog(&self, catalog: Option<&Arc<Catalog>>) {
        self.catalog.store(catalog.map(Arc::clone));
    }

    pub(super) fn begin_frame(&self, delivery: &Delivery) {
        self.shard.store(delivery.shard.index() as u64, Ordering::Relaxed);
        self.milliseconds.store(delivery.entry.milliseconds, Ordering::Relaxed);
        self.sequence.store(delivery.entry.sequence, Ordering::Relaxed);
        self.events.store(0, Ordering::Relaxed);
    }

    /// Begins an event of the frame, or passes over it.
    pub(super) fn begin_event(&self) {
        self.events.store(self.events.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(super) fn begin_matching(&self) {
        self.advance();
    }

    pub(super) fn end_matching(&self) {
        self.advance();
    }

    fn advance(&self) {
        // Only the thread that matches writes it.
        self.turn.store(self.turn.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    fn turn(&self) -> Turn {
        Turn(self.turn.load(Ordering::Acquire))
    }
}

/// How many events a thread has begun and ended to match, added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn(u64);

impl Turn {
    fn is_matching(self) -> bool {
        self.0 % 2 == 1
    }
}

/// For how long a thread has been at one event, as far as was seen.
#[derive(Debug)]
struct Seen {
    turn: Turn,
    since: Instant,
    logged: Option<Instant>,
}

impl Seen {
    fn new(now: Instant) -> Self {
        Self { turn: Turn(0), since: now, logged: None }
    }

    /// For how long the event at hand has held up `match`; zero if it has not.
    fn look(&mut self, turn: Turn, now: Instant) -> Duration {
        if turn != self.turn {
            *self = Self { turn, ..Self::new(now) };
        }
        let took = now.duration_since(self.since);
        if turn.is_matching() && took >= LONG { took } else { Duration::ZERO }
    }

    /// Whether it is time to log the event at hand.
    fn is_to_be_logged(&mut self, now: Instant) -> bool {
        let due = self.logged.is_none_or(|logged| now.duration_since(logged) >= LOG_PERIOD);
        if due {
            self.logged = Some(now);
        }
        due
    }
}

/// Watches the threads that match, until it is dropped.
pub(super) async fn watch(threads: Vec<Arc<AtWork>>, postgres: Pool) {
    let mut seen: Vec<_> = threads.iter().map(|_| Seen::new(Instant::now())).collect();
    let mut looks = tokio::time::interval(PERIOD);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let mut longest = Duration::ZERO;
        for (thread, seen) in threads.iter().zip(&mut seen) {
            let now = Instant::now();
            let held_up = seen.look(thread.turn(), now);
            longest = longest.max(held_up);
            if !held_up.is_zero() && seen.is_to_be_logged(now) {
                log(thread, held_up, &postgres).await;
            }
        }
        metrics::match_held_up(longest);
    }
}

async fn log(thread: &AtWork, held_up: Duration, postgres: &Pool) {
    let campaign_id = thread.catalog.load().as_ref().and_then(|catalog| catalog.at_work(&thread.campaigns));
    let place = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let entry = EntryId { milliseconds: place(&thread.milliseconds), sequence: place(&thread.sequence) };
    let (shard, event) = (place(&thread.shard), place(&thread.events));
    let campaign = match campaign_id {
        Some(id) => name(postgres, CampaignId(id)).await,
        None => None,
    };
    tracing::error!(?held_up, campaign_id, campaign, shard, %entry, event, "one event holds up match");
}

/// The name of a campaign, if Postgres answers.
async fn name(postgres: &Pool, id: CampaignId) -> Option<String> {
    let found = tokio::time::timeout(NAME_TIMEOUT, campaigns::find(postgres, id)).await;
    found.ok()?.ok()?.map(|campaign| campaign.definition.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_holds_up_match_once_it_takes_long() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut seen = Seen::new(start);
        assert_eq!(seen.look(Turn(0), at(5_000)), Duration::ZERO, "it is idle");
        assert_eq!(seen.look(Turn(1), at(5_000)), Duration::ZERO, "it has only begun");
        assert_eq!(seen.look(Turn(3), at(6_500)), Duration::ZERO, "that is another event");
        assert_eq!(seen.look(Turn(3), at(8_000)), Duration::from_millis(1_500));
        assert_eq!(seen.look(Turn(4), at(9_000)), Duration::ZERO, "it is over");
    }

    #[test]
    fn an_event_is_logged_at_once_and_then_now_and_then() {
        let start = Instant::now();
        let mut seen = Seen::new(start);
        let logged =
            [0, 1, 9, 10, 19, 20].map(|second| seen.is_to_be_logged(start + Duration::from_secs(second)));
        assert_eq!(logged, [true, false, false, true, false, true]);
    }
}
