//! A look at the queue as a whole: how much there is, how old the oldest of it is, and how full Redis is.

use std::time::Duration;

use bb8_redis::redis::Pipeline;

use super::depth::{Depth, Memory};
use super::{Pool, QueueError, Shards, ledger, server};
use crate::ops::metrics::{self, RedisOperation};

/// By Redis' clock, which the entries' ids are of. Only the age leaves the script, not the frame. An entry is deleted as it
/// is acknowledged, so the first one there is the oldest that is not.
const AGE: &str = "#!lua flags=no-writes
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first then return -1 end
local now = redis.call('TIME')
local age = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(first[1], '^%d+'))
return math.max(age, 0)";

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Redis' memory.
    pub memory: Memory,
    /// What lies in each stream, in the order of the shards.
    pub depths: Vec<Depth>,
    /// How long ago the oldest frame came that is not acknowledged; `None` where there is none.
    pub oldest: Option<Duration>,
}

/// Looks at the queue, and shows what was seen in the metrics.
pub async fn look(pool: &Pool, shards: Shards) -> Result<Sight, QueueError> {
    let mut link = pool.get().await?;
    let looked = async {
        let memory = server::memory(&mut link).await?;
        let depths = ledger::queued(&mut link, shards).await?;
        let mut pipeline = Pipeline::new();
        for shard in shards.all() {
            pipeline.cmd("EVAL").arg(AGE).arg(1).arg(shard.stream());
        }
        let ages: Vec<i64> = link.run(&pipeline).await?;
        let oldest = ages.into_iter().filter_map(|age| u64::try_from(age).ok()).max();
        Ok::<_, QueueError>(Sight { memory, depths, oldest: oldest.map(Duration::from_millis) })
    };
    let sight = metrics::timed(RedisOperation::Look, looked).await?;
    metrics::queue_looked_at(sight.depths.iter().copied().sum(), sight.oldest, sight.memory);
    Ok(sight)
}
