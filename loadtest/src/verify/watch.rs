//! Watches what is accepted become rows: for the display and the report while the load runs, and for the end of the
//! drain after it.
//!
//! Invariant: the run is looked at on time, whether the database answers or not; until it does, what it said last stays.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::beside::{Answer, Beside};
use super::store::{Settled, Store};
use crate::LoadError;
use crate::load::{Load, Volume};
use crate::progress::{Phase, Progress};
use crate::sending::{Offer, Sent, Tally};
use crate::target::Gauge;
use crate::timeline::{Look, Timeline, Totals};

/// Between two looks, unless asking the database takes more than its share of the time.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// While the database has the load to carry.
const UNDER_LOAD: Pauses = Pauses { share: 50, most: Duration::from_secs(2) };
/// After that, when the looks tell when all was stored.
const DRAINING: Pauses = Pauses { share: 10, most: Duration::from_secs(1) };

/// How seldom the database is asked, so that asking it is no load of its own.
struct Pauses {
    /// Asking may take one part of the time in so many,
    share: u32,
    /// but there is no longer time than this between two looks, however slow the database is.
    most: Duration,
}

/// Watches a run.
#[derive(Debug)]
pub struct Watch {
    beside: Beside,
    tally: Arc<Tally>,
    queue: Option<Gauge>,
    progress: Progress,
    /// What is offered, in an open loop.
    offer: Option<Offer>,
    volume: Volume,
    /// What was settled before the run.
    before: Settled,
    /// What has been settled since, as far as the database has said.
    settled: Settled,
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
            beside: Beside::new(store, since),
            tally,
            queue: load.metrics.as_ref().map(Gauge::of_queued_events),
            progress,
            offer: Offer::of(load),
            volume: load.volume,
            before,
            settled: Settled::default(),
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

    /// Events that were due until sending ended, in an open loop.
    #[must_use]
    pub fn offered(&self) -> Option<u64> {
        self.offer.as_ref().map(Offer::total)
    }

    /// What was counted by the latest look.
    #[must_use]
    pub fn latest(&self) -> &Totals {
        self.timeline.latest()
    }

    /// The database, and since when its rows matter.
    pub(super) fn store(&self) -> (Arc<Mutex<Store>>, Timestamp) {
        self.beside.store()
    }

    /// Watches the sending, which begins now, until dropped. A database that does not answer now is asked again later.
    pub async fn look_on(&mut self) -> Infallible {
        (self.start, self.sending) = (Instant::now(), true);
        let mut next = self.start + LOOK_EVERY;
        loop {
            tokio::time::sleep_until(next.into()).await;
            let begun = Instant::now();
            let answer = self.look().await;
            next = begun + UNDER_LOAD.after(&answer);
        }
    }

    /// Takes the end of sending into account: what was halted offers nothing more.
    pub fn sent(&mut self, sent: &Sent) {
        if let (Some(offer), Some(halted_after)) = (&mut self.offer, sent.halted_after) {
            offer.end_after(halted_after);
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
        let (mut moved, mut answered) = (Instant::now(), Instant::now());
        let mut silent = false;
        loop {
            let before = self.settled;
            let answer = self.look().await;
            // Until that look, sending went on.
            self.sending = false;
            let pause = DRAINING.after(&answer);
            match answer {
                Answer::Settled(..) if self.settled.total() >= self.latest().accepted => {
                    return Ok(Drained::All);
                }
                Answer::Settled(..) => {
                    answered = Instant::now();
                    // While the database said nothing, nobody could see anything move.
                    if silent || self.settled != before {
                        moved = answered;
                    } else if moved.elapsed() > patience {
                        return Ok(Drained::Stalled);
                    }
                    silent = false;
                }
                Answer::Failed(error) if answered.elapsed() > patience => return Err(error),
                Answer::Failed(_) => silent = true,
                Answer::Awaited => {}
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks, whether the database answers or not.
    async fn look(&mut self) -> Answer {
        let answer = self.beside.ask().await;
        if let Answer::Settled(settled, _) = answer {
            self.settled = settled.since(self.before);
        }
        let queued = match &mut self.queue {
            Some(queue) => queue.read().await,
            None => None,
        };
        let elapsed = self.start.elapsed();
        let offered = self.offer.as_ref().and_then(|offer| offer.rate(self.looked, elapsed));
        self.looked = elapsed;
        let (totals, latencies) = self.tally.look(self.settled);
        let look = Look { seconds: elapsed.as_secs_f64(), offered, totals, queued, latencies };
        self.progress.show(self.volume, &look);
        if self.sending || look.totals.in_flight() > 0 || look.totals != *self.latest() {
            self.timeline.push(look);
        }
        answer
    }
}

impl Pauses {
    /// How long to wait before the next look.
    fn after(&self, answer: &Answer) -> Duration {
        match answer {
            Answer::Settled(_, took) => (*took * self.share).clamp(LOOK_EVERY, self.most),
            Answer::Failed(_) | Answer::Awaited => LOOK_EVERY,
        }
    }
}
