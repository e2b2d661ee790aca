//! Committed frames leave the queue: acknowledged, deleted, and taken off the ledger's `queued`, in one step.

use super::consumer::GROUP;
use super::ledger::{QUEUED_BYTES, QUEUED_EVENTS};
use super::{EntryId, Link, QueueError, Shard};

/// Only an entry that is still there is taken off the counters, so that acknowledging twice counts once; and an empty
/// stream holds nothing, whatever was deleted by others. It must work with memory full, as it makes room.
const ACKNOWLEDGE: &str = "#!lua flags=allow-oom
local stream, ledger, suspects = KEYS[1], KEYS[2], KEYS[3]
local events, bytes = 0, 0
for i = 4, #ARGV, 3 do
  redis.call('XACK', stream, ARGV[1], ARGV[i])
  redis.call('HDEL', suspects, ARGV[i])
  if redis.call('XDEL', stream, ARGV[i]) == 1 then
    events = events + ARGV[i + 1]
    bytes = bytes + ARGV[i + 2]
  end
end
if redis.call('XLEN', stream) == 0 then
  redis.call('HSET', ledger, ARGV[2], 0, ARGV[3], 0)
else
  redis.call('HINCRBY', ledger, ARGV[2], string.format('%d', -events))
  redis.call('HINCRBY', ledger, ARGV[3], string.format('%d', -bytes))
end
return redis.status_reply('OK')";

/// A frame that is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Its stream.
    pub shard: Shard,
    /// Its entry.
    pub entry: EntryId,
    /// How many events were accepted with it.
    pub events: u32,
    /// How many bytes it takes.
    pub bytes: usize,
}

/// Acknowledges frames and deletes them from their streams, in one round trip to each server.
pub async fn acknowledge(link: &mut Link, frames: &[Acknowledgement]) -> Result<(), QueueError> {
    let mut sorted = frames.to_vec();
    sorted.sort_unstable_by_key(|frame| (frame.shard, frame.entry));
    let mut commands = link.commands(0);
    for run in sorted.chunk_by(|left, right| left.shard == right.shard) {
        let shard = run[0].shard;
        let script = commands.of(shard).cmd("EVAL").arg(ACKNOWLEDGE).arg(3);
        script.arg(shard.stream()).arg(shard.ledger()).arg(shard.suspects());
        script.arg(GROUP).arg(QUEUED_EVENTS).arg(QUEUED_BYTES);
        for frame in run {
            script.arg(frame.entry.to_string()).arg(frame.events).arg(frame.bytes);
        }
        script.ignore();
    }
    commands.send().await
}
