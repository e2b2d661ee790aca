//! A look at the queue as a whole: how much there is, how old the oldest of it is, and how full Redis is.

use std::time::Duration;

use super::depth::{Depth, Memory};
use super::disk::Disk;
use super::{Link, Pool, QueueError, Shard, Shards, count, ledger, server};
use crate::ops::metrics::{self, RedisOperation};

/// By Redis' clock, which the entries' ids are of. Only the age leaves the script, not the frame. An entry is deleted as it
/// is acknowledged, so the first one there is the oldest that is not.
const AGE: &str = "#!lua flags=no-writes
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first then return -1 end
local now = redis.call('TIME')
local age = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(string.match(first[1], '^%d+'))
return math.max(age, 0)";

/// A server, and what it has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its memory.
    pub memory: Memory,
    /// Its shards.
    pub shards: Vec<Shard>,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The servers: one, or the nodes of a cluster that have shards.
    pub nodes: Vec<Node>,
    /// What lies in each stream, in the order of the shards.
    pub depths: Vec<Depth>,
    /// How long ago the oldest frame came that is not acknowledged; `None` where there is none.
    pub oldest: Option<Duration>,
    /// How the servers' disks fare.
    pub disk: Disk,
}

/// Looks at the queue, and shows what was seen in the metrics. An emptied queue gets its count of shards back.
pub async fn look(pool: &Pool, shards: Shards) -> Result<Sight, QueueError> {
    let mut link = pool.get(shards.all()).await?;
    let looked = async {
        let (memories, disk) = server::seen(&mut link).await?;
        count::agree_on_count(&mut link, shards).await?;
        let depths = ledger::queued(&mut link, shards).await?;
        let oldest = oldest(&mut link, shards).await?;
        let held = link.shared_out(shards.all());
        let nodes = memories.into_iter().zip(held).map(|(memory, shards)| Node { memory, shards }).collect();
        Ok::<_, QueueError>(Sight { nodes, depths, oldest, disk })
    };
    let sight = metrics::timed(RedisOperation::Look, looked).await?;
    metrics::redis_disk(sight.disk);
    let memories = sight.nodes.iter().map(|node| node.memory);
    if let Some(fullest) = memories.max_by(Memory::compare_fullness) {
        metrics::queue_looked_at(sight.depths.iter().copied().sum(), sight.oldest, fullest);
    }
    Ok(sight)
}

/// How long ago the oldest frame came that is not acknowledged; `None` where there is none.
pub async fn oldest(link: &mut Link, shards: Shards) -> Result<Option<Duration>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("EVAL").arg(AGE).arg(1).arg(shard.stream());
    }
    let ages: Vec<i64> = commands.run().await?;
    Ok(ages.into_iter().filter_map(|age| u64::try_from(age).ok()).max().map(Duration::from_millis))
}
