//! Who is in the consumer group. Each worker joins under a name of its own, which would stay for ever.
//!
//! Invariant: a name that still holds unacknowledged entries is never removed, since they would go with it.

use std::time::Duration;

use bb8_redis::redis::{self, FromRedisValue, Value};

use super::consumer::GROUP;
use super::{Link, QueueError, Shards};

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
        let consumers = redis::cmd("XINFO").arg("CONSUMERS").arg(shard.stream()).arg(GROUP).to_owned();
        for name in idle_names(link.ask(shard, &consumers).await?, idle) {
            let gone: i64 = link
                .ask(shard, redis::cmd("EVAL").arg(LEAVE).arg(1).arg(shard.stream()).arg(GROUP).arg(name))
                .await?;
            removed += usize::from(gone == 1);
        }
    }
    Ok(removed)
}

/// From `XINFO CONSUMERS`: who holds nothing and has not read for so long.
fn idle_names(consumers: Vec<Value>, idle: Duration) -> Vec<Vec<u8>> {
    let described = consumers.into_iter().filter_map(|consumer| {
        let fields = std::collections::HashMap::<String, Value>::from_redis_value(consumer).ok()?;
        let number = |name: &str| u64::from_redis_value_ref(fields.get(name)?).ok();
        let name = Vec::<u8>::from_redis_value_ref(fields.get("name")?).ok()?;
        Some((name, number("pending")?, Duration::from_millis(number("idle")?)))
    });
    described.filter(|(_, pending, since)| *pending == 0 && *since >= idle).map(|(name, ..)| name).collect()
}
