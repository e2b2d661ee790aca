//! Claims: which frame an event id belongs to, within the dedupe window.
//!
//! The claim of an event is the key `dedupe:{shard}:` with the 128-bit hash of its id, and the entry id of its frame as
//! the value. Claiming a whole frame is one atomic step in Redis, and the frames of a batch are one round trip: a script, as
//! it is an answer a frame, where a transaction has two for each event.
//!
//! Invariants:
//! - A claim is never a loss. Whoever is delivered a frame again finds that frame's own entry id in its claims and goes on.
//! - What is told holds under the epochs it was asked under. Redis that lost claims shows another epoch, or is another run:
//!   then nothing is told, since an id that nobody seems to have claimed may have been stored long ago.

use std::time::Duration;

use bb8_redis::redis::{Pipeline, Value};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::epoch::Epochs;
use super::{EntryId, Link, QueueError, Shard};

/// Looks at the epoch, and lays the claims under it: all at once (`MSETNX`), or one by one where somebody has one of them.
/// Says which were taken, by their place from 1 on; nothing where the epoch is over. What an earlier attempt claimed must not
/// expire before it is stored, and where somebody else has a claim its time does not begin again. A thousand keys at a time,
/// as Lua's `unpack` has a limit.
const CLAIM: &str = "#!lua
local entry, window = ARGV[1], ARGV[2]
if redis.call('GET', KEYS[1]) ~= ARGV[3] then return false end
local taken = {}
for from = 2, #KEYS, 1000 do
  local to, claims = math.min(from + 999, #KEYS), {}
  for i = from, to do
    claims[#claims + 1] = KEYS[i]
    claims[#claims + 1] = entry
  end
  if redis.call('MSETNX', unpack(claims)) == 1 then
    for i = from, to do redis.call('PEXPIRE', KEYS[i], window) end
  else
    for i = from, to do
      local owner = redis.call('SET', KEYS[i], entry, 'NX', 'GET', 'PX', window)
      if owner == entry then
        redis.call('PEXPIRE', KEYS[i], window, 'GT')
      elseif owner then
        taken[#taken + 1] = i - 1
      end
    end
  end
end
return taken";

/// The claims of one frame.
#[derive(Debug)]
pub struct Claim {
    shard: Shard,
    entry: String,
    keys: Vec<Vec<u8>>,
}

/// What became of an attempt to claim.
#[derive(Debug, PartialEq, Eq)]
pub enum Claimed {
    /// For each frame and each of its ids, in order: whether the id is this frame's, now or from an earlier attempt. `false`
    /// is a duplicate.
    Told(Vec<Vec<bool>>),
    /// The epochs are not Redis' any more.
    Stale,
}

/// The key of the claim to an event id. The keyspace goes into the hash, where it takes no memory.
pub(super) fn key(shard: Shard, keyspace: u64, event_id: &str) -> Vec<u8> {
    let hash = xxh3_128_with_seed(event_id.as_bytes(), keyspace);
    [shard.claim_prefix().as_bytes(), &hash.to_be_bytes()].concat()
}

/// In milliseconds, as Redis takes it.
pub(super) fn milliseconds(window: Duration) -> u64 {
    u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl Claim {
    /// The claims that the frame `entry` of `shard` lays to these event ids under `epochs`, no id twice.
    #[must_use]
    pub fn new<'a>(
        shard: Shard,
        entry: EntryId,
        event_ids: impl Iterator<Item = &'a str>,
        epochs: &Epochs,
    ) -> Self {
        let keyspace = epochs.of(shard).keyspace;
        Self { shard, entry: entry.to_string(), keys: event_ids.map(|id| key(shard, keyspace, id)).collect() }
    }

    fn lay(&self, pipeline: &mut Pipeline, window: u64, epochs: &Epochs) {
        let script = pipeline.cmd("EVAL").arg(CLAIM).arg(1 + self.keys.len()).arg(self.shard.epoch());
        for key in &self.keys {
            script.arg(key.as_slice());
        }
        script.arg(&self.entry).arg(window).arg(epochs.of(self.shard).id.to_string());
    }

    /// For each id whether it is ours, from what the script answered; `None` if the epoch is over.
    fn ours(&self, reply: &Value) -> Result<Option<Vec<bool>>, QueueError> {
        let taken = match reply {
            Value::Nil => return Ok(None),
            Value::Array(taken) => taken,
            other => return Err(unexpected(other)),
        };
        if !taken.is_empty() {
            tracing::debug!(shard = %self.shard, entry = self.entry, "some ids were claimed before");
        }
        let mut ours = vec![true; self.keys.len()];
        for place in taken {
            let Value::Int(place) = place else { return Err(unexpected(place)) };
            let index = usize::try_from(*place).ok().and_then(|place| place.checked_sub(1));
            *index.and_then(|index| ours.get_mut(index)).ok_or_else(|| unexpected(reply))? = false;
        }
        Ok(Some(ours))
    }
}

/// Claims each frame's ids for `window`, under the `epochs` that the claims were made for.
pub async fn claim(
    link: &mut Link,
    frames: &[Claim],
    window: Duration,
    epochs: &Epochs,
) -> Result<Claimed, QueueError> {
    if frames.iter().any(|frame| epochs.of(frame.shard).run_id != *link.run_id(frame.shard)) {
        return Ok(Claimed::Stale);
    }
    let asking = |frame: &&Claim| !frame.keys.is_empty();
    let mut commands = link.commands(0);
    for frame in frames.iter().filter(asking) {
        frame.lay(commands.of(frame.shard), milliseconds(window), epochs);
    }
    let replies: Vec<Value> = commands.run().await?;
    let told = frames.iter().filter(asking).zip(&replies).map(|(frame, reply)| frame.ours(reply));
    let Some(told) = told.collect::<Result<Option<Vec<_>>, _>>()? else { return Ok(Claimed::Stale) };
    let mut told = told.into_iter();
    let of = |frame| if asking(&frame) { told.next().unwrap_or_default() } else { Vec::new() };
    Ok(Claimed::Told(frames.iter().map(of).collect()))
}

fn unexpected(what: &Value) -> QueueError {
    QueueError::Reply { command: "EVAL", what: format!("{what:?}").chars().take(200).collect() }
}
