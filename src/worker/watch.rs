//! What is looked after in Redis beside the hot path: the names in the consumer group, and that the run which holds the
//! claims is known to live.

use std::time::Duration;

use super::claimant::ClaimError;
use crate::queue::{self, Pool, QueueError, Shards};
use crate::store::{Pool as PostgresPool, epochs};

/// How often Redis is looked after.
const PERIOD: Duration = Duration::from_secs(10);
/// How often the queue is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A name that was not used for so many times the time to reclaim holds nothing any more.
const IDLE: u32 = 10;

/// A worker's place in the consumer group.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Where the group is.
    pub redis: Pool,
    /// Its streams.
    pub shards: Shards,
    /// The worker's name in it.
    pub name: String,
}

impl Membership {
    /// Takes the name out of the group, unless it still holds frames.
    pub async fn leave(&self) -> Result<(), QueueError> {
        queue::leave(&mut self.redis.get(self.shards.all()).await?, self.shards, &self.name).await
    }
}

/// Looks after Redis until it is dropped. Any number of workers may do so at once.
pub async fn watch_redis(group: Membership, postgres: PostgresPool, reclaim_after: Duration) {
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        if let Err(error) = watch_once(&group, &postgres, reclaim_after * IDLE).await {
            tracing::debug!(%error, "Redis was not looked after; trying again in {PERIOD:?}");
        }
    }
}

/// Looks at the queue until it is dropped, so that the metrics tell how far the workers are behind.
pub async fn watch_queue(group: Membership) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = queue::look(&group.redis, group.shards).await {
            tracing::debug!(%error, "the queue was not looked at; trying again in {LOOK:?}");
        }
    }
}

async fn watch_once(group: &Membership, postgres: &PostgresPool, idle: Duration) -> Result<(), ClaimError> {
    epochs::note_alive(postgres, async || {
        let mut link = group.redis.get(group.shards.all()).await?;
        // It answers, so the run lives.
        queue::shown_epochs(&mut link, group.shards).await?;
        Ok::<_, ClaimError>(link.run_ids())
    })
    .await?;
    let mut link = group.redis.get(group.shards.all()).await?;
    let removed = queue::remove_idle(&mut link, group.shards, idle).await?;
    if removed > 0 {
        tracing::info!(removed, "took names out of the consumer group that ended workers had left behind");
    }
    Ok(())
}
