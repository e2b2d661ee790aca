//! Stage 1: streams → batches.
//!
//! Reads what is new, and from time to time takes over what another worker left behind. A full channel stops it; so
//! events wait in Redis, not here. Ending it, and dropping its sender, drains the pipeline.

use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::batch::Fetched;
use super::batching::{Appetite, BatchLimits, cut, each_once};
use super::stage::{Ended, Stage};
use crate::ops::{fail_point, metrics};
use crate::queue::{Consumer, Delivery, QueueError};

/// How a worker reads.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) stage: Stage,
    pub(super) consumer: Consumer,
    pub(super) streams: usize,
    pub(super) limits: BatchLimits,
    pub(super) wait: Duration,
    pub(super) reclaim_after: Duration,
}

impl Fetch {
    pub(super) fn run(mut self, batches: &Sender<Fetched>) -> Result<(), Ended> {
        let mut appetite = Appetite::new(self.limits, self.streams);
        let mut reclaimed_at: Option<Instant> = None;
        while !self.stage.halt.is_draining() {
            let frames = appetite.frames();
            let mut deliveries = self.read(frames)?;
            if reclaimed_at.is_none_or(|at| at.elapsed() >= self.reclaim_after / 2) {
                let reclaimed = self.reclaim(frames)?;
                // Where there was something there may be more: look again at once.
                reclaimed_at = reclaimed.is_empty().then(Instant::now);
                deliveries.extend(reclaimed);
            }
            appetite.learn(&deliveries);
            for batch in cut(each_once(deliveries), self.limits) {
                fail_point::reached("fetched");
                metrics::stage_done(metrics::Stage::Fetch, batch.events(), None);
                if batches.send(batch).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, frames: usize) -> Result<Vec<Delivery>, Ended> {
        let Self { stage, consumer, wait, .. } = self;
        stage.persist(async || {
            // Cutting the wait short could lose an answer that is under way; what it delivered would stay pending until
            // it is reclaimed. So a drain waits for the read to end.
            or_nothing_at_the_end(stage, consumer.read(frames, *wait).await)
        })
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
