//! Lots: the claims that go together when their time is over.
//!
//! An expiry of each claim would cost Redis more than the claim itself, so claims have none. Those whose window ends within
//! the same tick are a lot, and workers sweep the lots that are due.
//!
//! ```text
//! lots:{shard}        = the lots, as a sorted set of when they are due, in milliseconds since the Unix epoch
//! lots:{shard}:<due>  = a list of: the value of claims, a space, their hashes one after another
//! ```
//!
//! Invariants:
//! - No claim goes before its window is over, nor later than a tick and a sweep after it; but for those that are swept
//!   early, the next to go first, as Redis' memory is nearly full and its policy lets claims go.
//! - A claim that has got another value meanwhile, by an attempt that came later or a restoration, is in another lot too,
//!   and goes with that.
//! - A lot is due when both Redis' clock and Postgres' say so, and a window begins at the later of the two. So no claim goes
//!   early while one of these clocks is right; where one is wrong, claims may stay for longer.

use std::time::Duration;

use bb8_redis::redis::Pipeline;
use jiff::Timestamp;

use super::{Link, QueueError, Shard, Shards, server};

/// Bytes of a hash.
pub(super) const HASH: usize = 16;
/// The most claims of one list element: Lua's `unpack` has a limit.
pub(super) const MOST: usize = 1_000;
/// How many ticks a window has, at most one a millisecond.
const TICKS: u64 = 1_440;
/// List elements swept of each shard in one round trip: a few milliseconds of Redis' time in all.
const ELEMENTS: usize = 8;

/// Deletes those claims of the next lot that still have the value that they came into it with; says how many, or -1 where
/// there was no lot to sweep. Deleting is what a full Redis needs.
const SWEEP: &str = "#!lua flags=allow-oom
local due = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
if not due then return -1 end
if ARGV[1] ~= 'early' then
  local time = redis.call('TIME')
  if tonumber(due) > math.min(time[1] * 1000 + time[2] / 1000, tonumber(ARGV[1])) then return -1 end
end
local lot, swept = KEYS[1] .. ':' .. due, 0
for _, element in ipairs(redis.call('LPOP', lot, ARGV[2]) or {}) do
  local space, keys, own = string.find(element, ' ', 1, true), {}, {}
  local owner = string.sub(element, 1, space - 1)
  for at = space + 1, #element, 16 do
    keys[#keys + 1] = KEYS[2] .. string.sub(element, at, at + 15)
  end
  for i, value in ipairs(redis.call('MGET', unpack(keys))) do
    if value == owner then own[#own + 1] = keys[i] end
  end
  if #own > 0 then swept = swept + redis.call('UNLINK', unpack(own)) end
end
if redis.call('EXISTS', lot) == 0 then redis.call('ZREM', KEYS[1], due) end
return swept";

/// Those of these shards whose server is nearly full, and lets claims go before they are due.
pub async fn cramped(link: &mut Link, shards: Shards) -> Result<Vec<Shard>, QueueError> {
    let memories = server::memories(link).await?;
    let held = link.shared_out(shards.all()).into_iter().zip(memories);
    Ok(held.filter(|(_, memory)| memory.lets_claims_go()).flat_map(|(shards, _)| shards).collect())
}

/// Which lots are swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are due at this time of Postgres', and by Redis' clock too.
    DueAt(Timestamp),
    /// The next ones, due or not.
    Early,
}

/// Sweeps a part of the next lot of each of these shards. How many claims went; `None` where there was no lot to sweep.
pub async fn sweep(
    link: &mut Link,
    shards: impl IntoIterator<Item = Shard>,
    which: Which,
) -> Result<Option<u64>, QueueError> {
    let which = match which {
        Which::DueAt(now) => since_epoch(now).to_string(),
        Which::Early => "early".to_owned(),
    };
    let mut commands = link.commands(0);
    for shard in shards {
        let script = commands.of(shard).cmd("EVAL").arg(SWEEP).arg(2);
        script.arg(shard.lots()).arg(shard.claim_prefix()).arg(&which).arg(ELEMENTS);
    }
    let swept: Vec<i64> = commands.run().await?;
    Ok(swept.into_iter().filter_map(|swept| u64::try_from(swept).ok()).reduce(|all, swept| all + swept))
}

/// Drops all lots of these shards, with their claims.
pub async fn drop_all(link: &mut Link, shards: &[Shard]) -> Result<(), QueueError> {
    while sweep(link, shards.iter().copied(), Which::Early).await?.is_some() {}
    Ok(())
}

/// Adds what writes these claims, at most [`MOST`], into the lot that falls `due`, all at once: a lot may be swept at any
/// time.
pub(super) fn restore(pipeline: &mut Pipeline, shard: Shard, due: u64, owner: &str, hashes: &[[u8; HASH]]) {
    let element = [owner.as_bytes(), b" ", hashes.as_flattened()].concat();
    pipeline.cmd("MULTI").ignore();
    pipeline.cmd("ZADD").arg(shard.lots()).arg(due).arg(due).ignore();
    pipeline.cmd("RPUSH").arg(format!("{}:{due}", shard.lots())).arg(element).ignore();
    let (prefix, claims) = (shard.claim_prefix(), pipeline.cmd("MSET"));
    for hash in hashes {
        claims.arg([prefix.as_bytes(), hash].concat()).arg(owner);
    }
    claims.ignore();
    pipeline.cmd("EXEC").ignore();
}

/// When claims are due whose window ends then, in milliseconds since the Unix epoch.
pub(super) fn due(ends_at: Timestamp, window: Duration) -> u64 {
    since_epoch(ends_at).next_multiple_of(tick(window))
}

/// A time in milliseconds since the Unix epoch.
pub(super) fn since_epoch(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}

/// How far apart the lots of a window are, in milliseconds.
pub(super) fn tick(window: Duration) -> u64 {
    (milliseconds(window) / TICKS).max(1)
}

/// In milliseconds, as Redis takes it.
pub(super) fn milliseconds(window: Duration) -> u64 {
    u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lots_of_a_day_are_a_minute_apart_and_those_of_a_second_a_millisecond() {
        assert_eq!(tick(Duration::from_hours(24)), 60_000);
        assert_eq!(tick(Duration::from_secs(1)), 1);
    }

    #[test]
    fn no_claim_is_due_before_its_window_ends() {
        let ends_at = |milliseconds| Timestamp::from_millisecond(milliseconds).expect("a time");
        let day = Duration::from_hours(24);
        assert_eq!(due(ends_at(120_000), day), 120_000);
        assert_eq!(due(ends_at(120_001), day), 180_000);
    }
}
