//! Who is in the consumer group. Each worker joins under a name of its own, which would stay for ever.
//!
//! Invariant: a name that still holds unacknowledged entries is never removed, since they would go with it.

use std::time::Duration;

use bb8_redis::redis::{self, FromRedisValue, Value};

use super::consumer::GROUP;
use super::{Link, QueueError, Shard, Shards};

/// Looks and removes in one step: a read in between would give the name entries.
const LEAVE: &str = "#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1";

/// Takes `name` out of the groups of all streams where it holds nothing.
pub async fn leave(link: &mut Link, shards: Shards, name: &str) -> Result<(), QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("EVAL").arg(LEAVE).arg(1).arg(shard.stream()).arg(GROUP).arg(name).ignore();
    }
    commands.send().await
}

/// Takes out the names that nobody has used for `idle`: those of workers that did not come to leave. Returns how many.
pub async fn remove_idle(link: &mut Link, shards: Shards, idle: Duration) -> Result<usize, QueueError> {
    let mut removed = 0;
    for shard in shards.all() {
        let consumers = consumers(link, shard).await?.into_iter();
        for Consumer { name, .. } in consumers.filter(|known| known.pending == 0 && known.idle >= idle) {
            let leave =
                redis::cmd("EVAL").arg(LEAVE).arg(1).arg(shard.stream()).arg(GROUP).arg(name).to_owned();
            let gone: i64 = link.ask(shard, &leave).await?;
            removed += usize::from(gone == 1);
        }
    }
    Ok(removed)
}

/// A name that has read from one of the streams within this time.
pub(super) async fn active(
    link: &mut Link,
    shards: Shards,
    within: Duration,
) -> Result<Option<String>, QueueError> {
    for shard in shards.all() {
        let mut consumers = consumers(link, shard).await?.into_iter();
        if let Some(consumer) = consumers.find(|consumer| consumer.idle < within) {
            return Ok(Some(String::from_utf8_lossy(&consumer.name).into_owned()));
        }
    }
    Ok(None)
}

/// A name in the group of a stream.
struct Consumer {
    name: Vec<u8>,
    /// How many entries it holds.
    pending: u64,
    /// How long ago it read.
    idle: Duration,
}

async fn consumers(link: &mut Link, shard: Shard) -> Result<Vec<Consumer>, QueueError> {
    let consumers = redis::cmd("XINFO").arg("CONSUMERS").arg(shard.stream()).arg(GROUP).to_owned();
    let consumers: Vec<Value> = link.ask(shard, &consumers).await?;
    Ok(consumers.into_iter().filter_map(Consumer::read).collect())
}

impl Consumer {
    fn read(described: Value) -> Option<Self> {
        let fields = std::collections::HashMap::<String, Value>::from_redis_value(described).ok()?;
        let number = |name: &str| u64::from_redis_value_ref(fields.get(name)?).ok();
        let name = Vec::<u8>::from_redis_value_ref(fields.get("name")?).ok()?;
        Some(Self { name, pending: number("pending")?, idle: Duration::from_millis(number("idle")?) })
    }
}
