//! Watches what is accepted become rows: for the display and the report while the load runs, and for the end of the
//! drain after it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::store::{Settled, Store};
use crate::LoadError;
use crate::progress::Progress;
use crate::sending::Tally;

/// Between two looks, unless looking takes longer than a tenth of it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Watches a run.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    tally: Arc<Tally>,
    progress: Progress,
    since: Timestamp,
    /// What was settled before the run.
    before: Settled,
    start: Instant,
    samples: Vec<Sample>,
}

/// Where a run was at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Seconds since the run began.
    pub seconds: f64,
    /// Events accepted so far, repeated ones included.
    pub accepted: u64,
    /// What had become of events so far: those of other clients count, too.
    pub settled: Settled,
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
    /// Watches events received since then, from now on.
    pub async fn begin(
        mut store: Store,
        since: Timestamp,
        tally: Arc<Tally>,
        progress: Progress,
    ) -> Result<Self, LoadError> {
        let before = store.settled(since).await?;
        let start = Instant::now();
        Ok(Self { store, tally, progress, since, before, start, samples: vec![Sample::default()] })
    }

    /// Where the run was, from its begin on.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The latest sample.
    #[must_use]
    pub fn latest(&self) -> Sample {
        self.samples.last().copied().unwrap_or_default()
    }

    /// The database, and since when its rows matter.
    pub(super) fn store(&mut self) -> (&mut Store, Timestamp) {
        (&mut self.store, self.since)
    }

    /// Watches until dropped. A database that does not answer now is asked again later.
    pub async fn look_on(&mut self) -> Infallible {
        loop {
            let pause = match self.look().await {
                Ok(pause) => pause,
                Err(_) => LOOK_EVERY,
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Watches until everything accepted is settled, or nothing has moved for `patience`.
    pub(super) async fn drain(&mut self, patience: Duration) -> Result<Drained, LoadError> {
        let mut moved = Instant::now();
        loop {
            let before = self.latest().settled;
            let looked = self.look().await;
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

    /// Takes a sample, and returns how long to wait before the next, so that looking is no load of its own.
    async fn look(&mut self) -> Result<Duration, LoadError> {
        let asked = Instant::now();
        let settled = self.store.settled(self.since).await?.since(self.before);
        let accepted = self.tally.counts().accepted_events;
        let sample = Sample { seconds: self.start.elapsed().as_secs_f64(), accepted, settled };
        self.progress.show(&self.latest(), &sample);
        self.samples.push(sample);
        Ok(LOOK_EVERY.max(asked.elapsed() * 10))
    }
}
