//! Watches what is accepted become rows: for the display and the report while the load runs, and for the end of the
//! drain after it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::store::{Settled, Store};
use crate::LoadError;
use crate::load::{Load, Pace, Volume};
use crate::progress::{Phase, Progress};
use crate::sending::Tally;
use crate::target::Gauge;
use crate::timeline::{Look, Timeline, Totals};

/// Between two looks, unless looking takes longer than a tenth of it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Watches a run.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    tally: Arc<Tally>,
    queue: Option<Gauge>,
    progress: Progress,
    pace: Pace,
    volume: Volume,
    since: Timestamp,
    /// What was settled before the run.
    before: Settled,
    start: Instant,
    /// The time of the latest look, since `start`.
    looked: Duration,
    /// Whether events are being sent.
    sending: bool,
    timeline: Timeline,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// As many events are settled as were accepted.
    All,
    /// Nothing has moved for too long.
    Stalled,
}

impl Watch {
    /// Watches events received since then.
    pub async fn begin(
        load: &Load,
        mut store: Store,
        since: Timestamp,
        tally: Arc<Tally>,
        progress: Progress,
    ) -> Result<Self, LoadError> {
        let before = store.settled(since).await?;
        Ok(Self {
            store,
            tally,
            queue: load.metrics.as_ref().map(Gauge::of_queued_events),
            progress,
            pace: load.pace.clone(),
            volume: load.volume,
            since,
            before,
            start: Instant::now(),
            looked: Duration::ZERO,
            sending: false,
            timeline: Timeline::default(),
        })
    }

    /// The run over time, from the begin of sending until nothing was left to wait for.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Events that were due so far in an open loop, about, and no more than there are.
    #[must_use]
    pub fn offered(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "exact for the first 2^53 events")]
        let most = match self.volume {
            Volume::Events(events) => events.get() as f64,
            Volume::Time(_) => f64::INFINITY,
        };
        self.timeline.offered().map(|offered| offered.min(most))
    }

    /// What was counted by the latest look.
    #[must_use]
    pub fn latest(&self) -> &Totals {
        self.timeline.latest()
    }

    /// The database, and since when its rows matter.
    pub(super) fn store(&mut self) -> (&mut Store, Timestamp) {
        (&mut self.store, self.since)
    }

    /// Watches the sending, which begins now, until dropped. A database that does not answer now is asked again later.
    pub async fn look_on(&mut self) -> Infallible {
        (self.start, self.sending) = (Instant::now(), true);
        let mut pause = LOOK_EVERY;
        loop {
            tokio::time::sleep(pause).await;
            pause = self.look().await.unwrap_or(LOOK_EVERY);
        }
    }

    /// Watches until everything accepted is settled, or nothing has moved for `patience`.
    pub(super) async fn drain(&mut self, patience: Duration) -> Result<Drained, LoadError> {
        self.progress.phase(Phase::Draining);
        let drained = self.drained(patience).await;
        self.progress.phase(Phase::Verifying);
        drained
    }

    async fn drained(&mut self, patience: Duration) -> Result<Drained, LoadError> {
        let mut moved = Instant::now();
        loop {
            let before = self.latest().settled;
            let looked = self.look().await;
            // Until that look, sending went on.
            self.sending = false;
            let now = self.latest();
            if looked.is_ok() && now.settled.total() >= now.accepted {
                return Ok(Drained::All);
            }
            if now.settled != before {
                moved = Instant::now();
            }
            if moved.elapsed() > patience {
                return looked.map(|_| Drained::Stalled);
            }
            tokio::time::sleep(looked.unwrap_or(LOOK_EVERY)).await;
        }
    }

    /// Looks, and returns how long to wait before the next time, so that looking is no load of its own.
    async fn look(&mut self) -> Result<Duration, LoadError> {
        let asked = Instant::now();
        let settled = self.store.settled(self.since).await?.since(self.before);
        let queued = match &mut self.queue {
            Some(queue) => queue.read().await,
            None => None,
        };
        let elapsed = self.start.elapsed();
        let offered = self.sending.then(|| offered(&self.pace, self.volume, self.looked, elapsed)).flatten();
        self.looked = elapsed;
        let (totals, latencies) = self.tally.look(settled);
        let look = Look { seconds: elapsed.as_secs_f64(), offered, totals, queued, latencies };
        self.progress.show(self.volume, &look);
        if self.sending || look.totals.in_flight() > 0 || look.totals != *self.latest() {
            self.timeline.push(look);
        }
        Ok(LOOK_EVERY.max(asked.elapsed() * 10))
    }
}

/// Events a second that are due from one time to a later one on average, which is exact where the rate changes evenly. None
/// in a closed loop, and none once the time of sending is over.
fn offered(pace: &Pace, volume: Volume, from: Duration, to: Duration) -> Option<f64> {
    let end = match volume {
        Volume::Time(time) => to.min(time),
        Volume::Events(_) => to,
    };
    let due = end.checked_sub(from).filter(|due| !due.is_zero())?;
    let mean = f64::midpoint(pace.rate_at(from)?, pace.rate_at(end)?);
    Some(mean * due.div_duration_f64(to.saturating_sub(from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Legs;

    #[test]
    fn what_is_offered_ends_with_the_time_of_sending() {
        let time = Duration::from_secs(10);
        let rate: Legs = "0..200".parse().expect("a rate");
        let pace = Pace::Open(rate.over(time));
        let offered = |from, to| {
            offered(&pace, Volume::Time(time), Duration::from_millis(from), Duration::from_millis(to))
        };
        assert_eq!(offered(4_900, 5_100), Some(100.0));
        assert_eq!(offered(9_000, 13_000), Some(190.0 / 4.0), "a quarter of it");
        assert_eq!(offered(10_300, 10_500), None);
        assert_eq!(offered(200, 200), None);
    }

    #[test]
    fn a_closed_loop_offers_nothing_of_itself() {
        let volume = Volume::Time(Duration::from_secs(10));
        assert_eq!(offered(&Pace::Closed, volume, Duration::ZERO, Duration::from_secs(1)), None);
    }
}
