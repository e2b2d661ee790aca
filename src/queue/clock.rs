//! Redis' clock, which ends claims and names entries.

use bb8_redis::redis;
use jiff::Timestamp;

use super::{Pool, QueueError, Shards};
use crate::ops::clock::Reading;
use crate::ops::metrics::{self, RedisOperation};

/// Reads the clock of Redis, or that of each node of a cluster.
pub async fn clocks(pool: &Pool, shards: Shards) -> Result<Vec<Reading>, QueueError> {
    let mut link = pool.get(shards.all()).await?;
    let asked = Reading::take_all(async {
        let times: Vec<(i64, i64)> = link.ask_each(&redis::cmd("TIME")).await?;
        Ok(times.into_iter().map(timestamp).collect())
    });
    metrics::timed(RedisOperation::Clock, asked).await
}

/// Seconds since the Unix epoch, and microseconds.
fn timestamp((seconds, microseconds): (i64, i64)) -> Timestamp {
    let microseconds = seconds.saturating_mul(1_000_000).saturating_add(microseconds);
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}
