//! Claims: which frame an event belongs to, within the dedupe window.
//!
//! The claim of an event is the key `dedupe:{shard}:` with the 128-bit hash of its [identity](Identity), and the entry id of
//! its frame as the value. Claiming a whole frame is one atomic step in Redis, and the frames of a batch are one round trip: a script, as
//! it is an answer a frame, where a transaction has two for each event. When claims go, [`super::lots`] says.
//!
//! Invariants:
//! - A claim is never a loss. Whoever is delivered a frame again finds that frame's own entry id in its claims and goes on.
//! - What is told holds under the epochs it was asked under. Redis that lost claims shows another epoch, or is another run:
//!   then nothing is told, since an event that nobody seems to have claimed may have been stored long ago.
//! - A claim and its place in a lot are written together or not at all.

use std::time::Duration;

use bb8_redis::redis::{Pipeline, Value};
use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::epoch::Epochs;
use super::lots::{self, HASH};
use super::{EntryId, Identity, Link, QueueError, Shard};

/// Looks at the epoch, and lays the claims under it: all at once (`MSETNX`), or those that nobody has. Says which were taken,
/// by their place from 1 on; nothing where the epoch is over. The window begins at the later of Redis' time and Postgres'. What an earlier attempt claimed must not go before it is
/// stored, so it moves to a later lot, and its value tells of that; where somebody else has a claim its time does not begin
/// again. A thousand claims at a time, as Lua's `unpack` has a limit. Keys are made here, all of one hash tag: sent as keys
/// they would be twice the bytes, and an argument each.
const CLAIM: &str = "#!lua
local entry, hashes = ARGV[1], ARGV[5]
if string.sub(redis.call('GET', KEYS[1]) or '', 1, #ARGV[2]) ~= ARGV[2] then return false end
local time, window, tick = redis.call('TIME'), ARGV[3], ARGV[4]
local now = math.max(time[1] * 1000 + time[2] / 1000, tonumber(ARGV[6]))
local due = string.format('%.0f', math.ceil((now + window) / tick) * tick)
local function note(owner, laid)
  if #laid > 0 and redis.call('RPUSH', KEYS[2] .. ':' .. due, owner .. ' ' .. laid) == 1 then
    redis.call('ZADD', KEYS[2], due, due)
  end
end
local taken, renewed = {}, entry .. ':' .. due
for from = 1, #hashes, 16000 do
  local part, keys, claims = string.sub(hashes, from, from + 15999), {}, {}
  for at = 1, #part, 16 do
    local key = KEYS[3] .. string.sub(part, at, at + 15)
    keys[#keys + 1], claims[#claims + 1], claims[#claims + 2] = key, key, entry
  end
  if redis.call('MSETNX', unpack(claims)) == 1 then
    note(entry, part)
  else
    local free, own = {}, {}
    claims = {}
    for i, owner in ipairs(redis.call('MGET', unpack(keys))) do
      local hash = string.sub(part, i * 16 - 15, i * 16)
      if not owner then
        free[#free + 1], claims[#claims + 1], claims[#claims + 2] = hash, keys[i], entry
      elseif string.match(owner, '^[^:]+') == entry then
        own[#own + 1], claims[#claims + 1], claims[#claims + 2] = hash, keys[i], renewed
      else
        taken[#taken + 1] = (from - 1) / 16 + i
      end
    end
    if #claims > 0 then redis.call('MSET', unpack(claims)) end
    note(entry, table.concat(free))
    note(renewed, table.concat(own))
  end
end
return taken";

/// The claims of one frame.
#[derive(Debug)]
pub struct Claim {
    shard: Shard,
    entry: String,
    /// One for each event.
    hashes: Vec<[u8; HASH]>,
}

/// What became of an attempt to claim.
#[derive(Debug, PartialEq, Eq)]
pub enum Claimed {
    /// For each frame and each of its events, in order: whether the event is this frame's, now or from an earlier attempt.
    /// `false` is a duplicate.
    Told(Vec<Vec<bool>>),
    /// The epochs are not Redis' any more.
    Stale,
}

/// Computes the hashes that stand for events in the keys of their claims. The keyspace goes into each, where it takes no
/// memory.
#[derive(Debug, Default)]
pub(super) struct Hasher {
    encoded: Vec<u8>,
}

impl Hasher {
    pub(super) fn hash(&mut self, keyspace: u64, identity: &Identity<'_>) -> [u8; HASH] {
        identity.encode(&mut self.encoded);
        xxh3_128_with_seed(&self.encoded, keyspace).to_be_bytes()
    }
}

impl Claim {
    /// The claims that the frame `entry` of `shard` lays to these events under `epochs`, none twice.
    #[must_use]
    pub fn new<'a>(
        shard: Shard,
        entry: EntryId,
        events: impl Iterator<Item = Identity<'a>>,
        epochs: &Epochs,
    ) -> Self {
        let (keyspace, mut digest) = (epochs.of(shard).keyspace, Hasher::default());
        let hashes = events.map(|identity| digest.hash(keyspace, &identity)).collect();
        Self { shard, entry: entry.to_string(), hashes }
    }

    fn lay(&self, pipeline: &mut Pipeline, window: Duration, epochs: &Epochs, now: Option<Timestamp>) {
        let script = pipeline.cmd("EVAL").arg(CLAIM).arg(3);
        script.arg(self.shard.epoch()).arg(self.shard.lots()).arg(self.shard.claim_prefix());
        script.arg(&self.entry).arg(epochs.of(self.shard).id.to_string());
        script.arg(lots::milliseconds(window)).arg(lots::tick(window)).arg(self.hashes.as_flattened());
        script.arg(now.map_or(0, lots::since_epoch));
    }

    /// For each event whether it is ours, from what the script answered; `None` if the epoch is over.
    fn ours(&self, reply: &Value) -> Result<Option<Vec<bool>>, QueueError> {
        let taken = match reply {
            Value::Nil => return Ok(None),
            Value::Array(taken) => taken,
            other => return Err(unexpected(other)),
        };
        if !taken.is_empty() {
            tracing::debug!(shard = %self.shard, entry = self.entry, "some events were claimed before");
        }
        let mut ours = vec![true; self.hashes.len()];
        for place in taken {
            let Value::Int(place) = place else { return Err(unexpected(place)) };
            let index = usize::try_from(*place).ok().and_then(|place| place.checked_sub(1));
            *index.and_then(|index| ours.get_mut(index)).ok_or_else(|| unexpected(reply))? = false;
        }
        Ok(Some(ours))
    }
}

/// Claims each frame's events for `window`, under the `epochs` that the claims were made for. `now` is Postgres' time, as
/// far as it is known.
pub async fn claim(
    link: &mut Link,
    frames: &[Claim],
    window: Duration,
    epochs: &Epochs,
    now: Option<Timestamp>,
) -> Result<Claimed, QueueError> {
    if frames.iter().any(|frame| epochs.of(frame.shard).run_id != *link.run_id(frame.shard)) {
        return Ok(Claimed::Stale);
    }
    let asking = |frame: &&Claim| !frame.hashes.is_empty();
    let mut commands = link.commands(0);
    for frame in frames.iter().filter(asking) {
        frame.lay(commands.of(frame.shard), window, epochs, now);
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
