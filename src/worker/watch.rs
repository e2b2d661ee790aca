//! What is looked after in Redis beside the hot path: the names in the consumer group, the claims whose time is over, and
//! that the run which holds the claims is known to live.

use std::time::Duration;

use super::claimant::ClaimError;
use crate::ops::metrics::{self, RedisOperation, Sweep};
use crate::ops::{Periodic, clock};
use crate::queue::{self, Link, Pool, QueueError, Shard, Shards, Which};
use crate::store::{Pool as PostgresPool, epochs};

/// How often Redis is looked after.
const PERIOD: Duration = Duration::from_secs(10);
/// How often the queue is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often claims are swept.
const SWEEP: Duration = Duration::from_secs(1);
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
    let mut rounds = Periodic::every(PERIOD);
    loop {
        rounds.next().await;
        rounds.note(watch_once(&group, &postgres, reclaim_after * IDLE).await);
    }
}

/// Looks at the queue until it is dropped, so that the metrics tell how far the workers are behind.
pub async fn watch_queue(group: Membership) {
    let mut looks = Periodic::every(LOOK);
    loop {
        looks.next().await;
        looks.note(queue::look(&group.redis, group.shards).await.map(|_| ()));
    }
}

/// Sweeps claims until it is dropped: those that are due, and before that the next ones while Redis is nearly full.
pub async fn sweep_claims(group: Membership) {
    let mut sweeps = Periodic::every(SWEEP);
    loop {
        sweeps.next().await;
        sweeps.note(sweep_once(&group).await);
    }
}

async fn sweep_once(group: &Membership) -> Result<(), QueueError> {
    let mut link = group.redis.get(group.shards.all()).await?;
    loop {
        let cramped = queue::cramped(&mut link, group.shards).await?;
        let early = sweep(&mut link, cramped, Which::Early).await?;
        let due = sweep(&mut link, group.shards.all().collect(), Which::DueAt(clock::now())).await?;
        if !early && !due {
            return Ok(());
        }
    }
}

/// Sweeps a part of what there is to sweep; whether there was anything.
async fn sweep(link: &mut Link, shards: Vec<Shard>, which: Which) -> Result<bool, QueueError> {
    let swept = metrics::timed(RedisOperation::Sweep, queue::sweep(link, shards, which)).await?;
    let counted = if which == Which::Early { Sweep::Early } else { Sweep::Due };
    metrics::claims_swept(counted, swept.unwrap_or(0));
    if let (Which::Early, Some(claims)) = (which, swept) {
        tracing::debug!(claims, "Redis is nearly full; swept claims before they were due");
    }
    Ok(swept.is_some())
}

async fn watch_once(group: &Membership, postgres: &PostgresPool, idle: Duration) -> Result<(), ClaimError> {
    epochs::note_alive(postgres, group.shards, async |now, recorded| {
        let mut link = group.redis.get(group.shards.all()).await?;
        // Each connection must be to the run that it was made to.
        link.renew().await?;
        // It answers, so the run lives.
        queue::note_seen(&mut link, group.shards, &recorded, now).await?;
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
