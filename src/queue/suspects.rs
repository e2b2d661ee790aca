//! Frames that may be what kills workers: delivered often, and never finished.
//!
//! Each trial of a suspect, alone in the pipeline, is noted before it begins, and forgotten when the frame is acknowledged.
//! So a frame that ends its worker again is told from those that were only delivered together with it.

use bb8_redis::redis;

use super::{EntryId, Link, QueueError, Shard};

/// Notes a trial; says how many there were before.
pub async fn note_trial(link: &mut Link, shard: Shard, entry: EntryId) -> Result<u64, QueueError> {
    let trials: u64 =
        link.ask(shard, redis::cmd("HINCRBY").arg(shard.suspects()).arg(entry.to_string()).arg(1)).await?;
    Ok(trials.saturating_sub(1))
}
