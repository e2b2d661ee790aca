//! Stage 1: streams → batches.
//!
//! Reads what is new, and from time to time takes over what another worker left behind. A full channel stops it; so
//! events wait in Redis, not here. Ending it, and dropping its sender, drains the pipeline.
//!
//! A frame that was delivered too often is a suspect: it may be what ends the workers. It is tried alone, with nothing else
//! on its way, so that its neighbours come through; one that has ended its worker alone is put aside whole.

use std::thread;
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use tokio::sync::watch;

use super::batch::{BatchLimits, Fetched, event_count};
use super::batching::{Appetite, cut, each_once, more_may_wait};
use super::channel::Outlet;
use super::pace::Pace;
use super::stage::{Ended, Stage};
use crate::ops::fail_point;
use crate::ops::metrics::{self, PostgresOperation};
use crate::queue::{self, Consumer, Delivery, Pool, QueueError};
use crate::store;

/// How a worker reads.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) stage: Stage,
    pub(super) consumer: Consumer,
    pub(super) streams: usize,
    pub(super) limits: BatchLimits,
    pub(super) wait: Duration,
    pub(super) reclaim_after: Duration,
    /// A frame delivered more often is a suspect.
    pub(super) max_deliveries: u64,
    pub(super) redis: Pool,
    pub(super) postgres: store::Pool,
    /// How long Postgres may take to answer.
    pub(super) timeout: Duration,
    /// How many frames have left the queue, of those that were sent on.
    pub(super) done: watch::Receiver<u64>,
    pub(super) sent: u64,
}

/// How often a suspect is tried alone.
const TRIALS: u64 = 2;

impl Fetch {
    pub(super) fn run(mut self, batches: &Outlet<Fetched>) -> Result<(), Ended> {
        let mut appetite = Appetite::new(self.limits, self.streams);
        let mut pace = Pace::new(Instant::now());
        let mut reclaimed_at: Option<Instant> = None;
        while !self.stage.halt.is_draining() {
            let frames = appetite.frames();
            let mut deliveries = self.read_in_pace(frames, &mut pace)?;
            let answered = Instant::now();
            if reclaimed_at.is_none_or(|at| at.elapsed() >= self.reclaim_after / 2) {
                let reclaimed = self.reclaim(frames)?;
                // Where there was something there may be more: look again at once.
                reclaimed_at = reclaimed.is_empty().then(Instant::now);
                deliveries.extend(reclaimed);
            }
            appetite.learn(&deliveries);
            let (suspects, others): (Vec<_>, Vec<_>) =
                each_once(deliveries).into_iter().partition(|delivery| delivery.times > self.max_deliveries);
            let batches_to_send = cut(others, self.limits);
            metrics::stage_took(metrics::Stage::Fetch, answered.elapsed());
            for batch in batches_to_send {
                self.send(batch, batches)?;
            }
            for suspect in suspects {
                self.try_alone(suspect, batches)?;
            }
        }
        let rest = cut(each_once(self.rest()?), self.limits);
        rest.into_iter().try_for_each(|batch| self.send(batch, batches))
    }

    fn send(&mut self, batch: Fetched, batches: &Outlet<Fetched>) -> Result<(), Ended> {
        fail_point::reached("fetched");
        metrics::stage_done(metrics::Stage::Fetch, batch.events());
        self.sent += batch.deliveries.len() as u64;
        // A later stage has failed, and says why.
        batches.send(batch).map_err(|_| Ended::Abandoned)
    }

    /// Sends a frame with nothing else on its way, and waits until it is done with.
    fn try_alone(&mut self, suspect: Delivery, batches: &Outlet<Fetched>) -> Result<(), Ended> {
        self.until_all_done()?;
        // A trial that waits for Postgres would look like one that ended its worker.
        let asked = async |client: &mut ClientWrapper| Ok(client.batch_execute("").await?);
        self.stage.persist(async || {
            store::within(self.timeout, &self.postgres, PostgresOperation::Probe, asked).await
        })?;
        let Delivery { shard, entry, times, .. } = suspect;
        let redis = self.redis.clone();
        let trials = self
            .stage
            .persist(async || queue::note_trial(&mut redis.get([shard]).await?, shard, entry).await)?;
        let condemned = trials >= TRIALS;
        tracing::warn!(%shard, %entry, times, trials, condemned, "a frame was delivered often and never finished; trying it alone");
        self.send(Fetched { deliveries: vec![suspect], condemned }, batches)?;
        self.until_all_done()
    }

    fn until_all_done(&mut self) -> Result<(), Ended> {
        let Self { stage, done, sent, .. } = self;
        // The last stage has ended where nobody counts any more.
        stage
            .wait(async { done.wait_for(|done| *done >= *sent).await.map(|_| ()) })?
            .map_err(|_| Ended::Abandoned)
    }

    fn read_in_pace(&mut self, frames: usize, pace: &mut Pace) -> Result<Vec<Delivery>, Ended> {
        let idle_from = Instant::now();
        thread::sleep(pace.rest(idle_from));
        if self.stage.halt.is_draining() {
            return Ok(Vec::new());
        }
        let begun = Instant::now();
        let deliveries = self.read(frames)?;
        let ended = Instant::now();
        metrics::stage_starved(metrics::Stage::Fetch, ended - idle_from);
        let events = deliveries.iter().map(event_count).sum();
        pace.note((begun, ended), events, more_may_wait(&deliveries, frames));
        Ok(deliveries)
    }

    fn read(&mut self, frames: usize) -> Result<Vec<Delivery>, Ended> {
        let Self { stage, consumer, wait, .. } = self;
        stage.persist(async || {
            // Cutting the wait short could lose an answer that is under way; what it delivered would stay pending until
            // it is reclaimed. So a drain waits for the read to end.
            or_nothing_at_the_end(stage, consumer.read(frames, *wait).await)
        })
    }

    /// What was still being read, but for suspects. A server that fails is not waited for, as nothing can have been lost.
    fn rest(&mut self) -> Result<Vec<Delivery>, Ended> {
        let Self { stage, consumer, max_deliveries, .. } = self;
        let mut rest = stage.wait(consumer.rest())?.unwrap_or_default();
        rest.retain(|delivery| delivery.times <= *max_deliveries);
        Ok(rest)
    }

    fn reclaim(&mut self, frames: usize) -> Result<Vec<Delivery>, Ended> {
        let Self { stage, consumer, reclaim_after, .. } = self;
        let deliveries = stage
            .persist(async || or_nothing_at_the_end(stage, consumer.reclaim(frames, *reclaim_after).await))?;
        if !deliveries.is_empty() {
            tracing::info!(frames = deliveries.len(), "took over frames that another worker did not finish");
            metrics::frames_reclaimed(deliveries.len());
        }
        Ok(deliveries)
    }
}

/// While draining, a server that fails is not waited for: nothing has been read that could be lost.
fn or_nothing_at_the_end(
    stage: &Stage,
    read: Result<Vec<Delivery>, QueueError>,
) -> Result<Vec<Delivery>, QueueError> {
    if stage.halt.is_draining() { Ok(read.unwrap_or_default()) } else { read }
}
