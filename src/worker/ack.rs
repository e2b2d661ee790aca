//! Stage 5: committed frames leave the queue.
//!
//! Whatever has been committed since the last round trip is acknowledged and deleted together.

use std::time::Instant;

use tokio::sync::watch;

use super::channel::Inlet;
use super::stage::{Ended, Stage};
use crate::ops::fail_point;
use crate::ops::metrics::{self, RedisOperation};
use crate::queue::{self, Acknowledgement, Pool};

/// How a worker acknowledges.
#[derive(Debug)]
pub(super) struct Ack {
    pub(super) stage: Stage,
    pub(super) redis: Pool,
    /// How many frames have left the queue, for who waits until there is none on its way.
    pub(super) done: watch::Sender<u64>,
}

impl Ack {
    pub(super) fn run(self, committed: &Inlet<Vec<Acknowledgement>>) -> Result<(), Ended> {
        for entries in committed.joined() {
            let started = Instant::now();
            self.stage.persist(async || {
                let mut link = self.redis.get(entries.iter().map(|entry| entry.shard)).await?;
                let asked = queue::acknowledge(&mut link, &entries);
                metrics::timed(RedisOperation::Acknowledge, asked).await
            })?;
            fail_point::reached("acknowledged");
            metrics::frames_acknowledged(entries.len());
            metrics::stage_done(metrics::Stage::Ack, entries.iter().map(|entry| entry.events as usize).sum());
            metrics::stage_took(metrics::Stage::Ack, started.elapsed());
            self.done.send_modify(|done| *done += entries.len() as u64);
        }
        Ok(())
    }
}
