//! Reads both halves: Redis, Postgres, and Redis again, as no transaction spans the two.
//!
//! A report is settled if it was made before the oldest frame came that is queued: all its events have left the streams.
//! Postgres' time is read first, then the age of that frame, then the outcomes, so no clock is held against another.

use jiff::{Timestamp, ToSpan as _};

use super::{Ledger, day_of};
use crate::queue::{self, Accepted, Depth, Pool, QueueError, Shards};
use crate::store::{self, Pool as PostgresPool, StoreError};

/// How often the halves are read before what moves is left unjudged.
const ATTEMPTS: u32 = 5;

/// Why the ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Redis' half.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Postgres' half.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Redis was emptied in the middle, each time.
    #[error("Redis began its ledger anew while it was read; try again")]
    BegunAnew,
}

/// Reads the last `days` days, today being one of them.
pub async fn read(
    redis: &Pool,
    postgres: &PostgresPool,
    shards: Shards,
    days: u16,
) -> Result<Ledger, LedgerError> {
    queue::check_count(&mut redis.get(shards.all()).await?, shards).await?;
    let today = day_of(store::now(postgres).await?);
    let from = today.saturating_sub(i64::from(days.max(1) - 1).days());
    let mut before = accepted(redis, shards).await?;
    let mut reading = 0;
    while reading < ATTEMPTS {
        let begun = beginnings(&before, shards);
        let settled = settled(redis, postgres, shards).await?;
        let known = store::ledger::read(postgres, &begun, from, settled).await?;
        let after = accepted(redis, shards).await?;
        let begun_after = beginnings(&after, shards);
        // Shards that were taken from for the first time: each at most once, so not counted.
        let grew = begun_after.len() > begun.len() && begun.iter().all(|shard| begun_after.contains(shard));
        reading += u32::from(!grew);
        let ledger = Ledger::combine(from, &before, &known, &after);
        // Where events are queued, reading again would not bring rest.
        let settled = ledger.at_rest || ledger.queued.events > 0 || reading == ATTEMPTS;
        if begun == begun_after && settled {
            return Ok(ledger);
        }
        before = after;
    }
    Err(LedgerError::BegunAnew)
}

/// Whether nothing is queued.
pub async fn at_rest(redis: &Pool, shards: Shards) -> Result<bool, QueueError> {
    let queued: Depth = queue::queued(&mut redis.get(shards.all()).await?, shards).await?.into_iter().sum();
    Ok(queued.events == 0)
}

/// Events that were reported before this moment, by Postgres' clock, are not queued any more.
async fn settled(redis: &Pool, postgres: &PostgresPool, shards: Shards) -> Result<Timestamp, LedgerError> {
    let now = store::ledger::now(postgres).await?;
    let oldest = queue::oldest(&mut redis.get(shards.all()).await?, shards).await?;
    Ok(now.saturating_sub(oldest.unwrap_or_default()).unwrap_or(Timestamp::MIN))
}

async fn accepted(redis: &Pool, shards: Shards) -> Result<Vec<Accepted>, QueueError> {
    queue::accepted(&mut redis.get(shards.all()).await?, shards).await
}

/// Of each shard that was taken from, the first millisecond whose receipts count.
fn beginnings(accepted: &[Accepted], shards: Shards) -> Vec<(queue::Shard, u64)> {
    shards.all().zip(accepted).filter_map(|(shard, accepted)| Some((shard, accepted.since?))).collect()
}
