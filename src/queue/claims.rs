//! Claims: which frame an event id belongs to, within the dedupe window.
//!
//! The claim of an event is the key `dedupe:{shard}:` with the 128-bit hash of its id, and the entry id of its frame as
//! the value. Claiming a whole frame is one atomic round trip (`MULTI`: the epoch, `MSETNX`, the expiries); only when one
//! of its ids is claimed already is each asked for on its own, in a second one.
//!
//! Invariants:
//! - A claim is never a loss. Whoever is delivered a frame again finds that frame's own entry id in its claims and goes on.
//! - What is told holds under the epochs it was asked under. Redis that lost claims shows another epoch, or is another run:
//!   then nothing is told, since an id that nobody seems to have claimed may have been stored long ago.

use std::time::Duration;

use bb8_redis::redis::{Pipeline, Value};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::epoch::{Epochs, read_epoch};
use super::{EntryId, Link, QueueError, Shard};

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

    /// All keys at once, or none.
    fn all_or_none(&self, pipeline: &mut Pipeline, window: u64) {
        let all = pipeline.cmd("MSETNX");
        for key in &self.keys {
            all.arg(key).arg(&self.entry);
        }
        pipeline.ignore();
        for key in &self.keys {
            // NX: where a key had been claimed before, its window does not begin again.
            pipeline.cmd("PEXPIRE").arg(key).arg(window).arg("NX").ignore();
        }
    }

    /// Each key on its own, telling who had it.
    fn one_by_one(&self, pipeline: &mut Pipeline, window: u64) {
        for key in &self.keys {
            pipeline.cmd("SET").arg(key).arg(&self.entry).arg("NX").arg("GET").arg("PX").arg(window).ignore();
        }
    }

    /// What an earlier attempt claimed must not expire before it is stored.
    fn renew(&self, pipeline: &mut Pipeline, ours: &[bool], window: u64) {
        for (key, _) in self.keys.iter().zip(ours).filter(|(_, ours)| **ours) {
            pipeline.cmd("PEXPIRE").arg(key).arg(window).arg("GT").ignore();
        }
    }

    /// For each id, whether it is ours, from what `one_by_one` was answered.
    fn ours(&self, owners: &[Value]) -> Result<Vec<bool>, QueueError> {
        if owners.len() != self.keys.len() {
            return Err(unexpected(&Value::Nil));
        }
        tracing::debug!(shard = %self.shard, entry = self.entry, "some ids were claimed before");
        let is_ours = |owner: &Value| match owner {
            Value::Nil => Ok(true),
            Value::BulkString(owner) => Ok(*owner == self.entry.as_bytes()),
            other => Err(unexpected(other)),
        };
        owners.iter().map(is_ours).collect()
    }
}

/// Claims each frame's ids for `window`, under the `epochs` that the claims were made for.
pub async fn claim(
    link: &mut Link,
    frames: &[Claim],
    window: Duration,
    epochs: &Epochs,
) -> Result<Claimed, QueueError> {
    if !epochs.are_of(link.run_id()) {
        return Ok(Claimed::Stale);
    }
    let window = milliseconds(window);
    let mut ours: Vec<Vec<bool>> = frames.iter().map(|frame| vec![true; frame.keys.len()]).collect();
    let asked: Vec<usize> = (0..frames.len()).filter(|&index| !frames[index].keys.is_empty()).collect();
    if asked.is_empty() {
        return Ok(Claimed::Told(ours));
    }
    let ask = |indices: &[usize], commands: fn(&Claim, &mut Pipeline, u64)| {
        let mut pipeline = Pipeline::new();
        for &index in indices {
            pipeline.cmd("MULTI").ignore().cmd("GET").arg(frames[index].shard.epoch()).ignore();
            commands(&frames[index], &mut pipeline, window);
            pipeline.cmd("EXEC");
        }
        pipeline
    };

    let replies: Vec<Value> = link.run(&ask(&asked, Claim::all_or_none)).await?;
    let mut contested = Vec::new();
    for (index, reply) in asked.into_iter().zip(replies) {
        match under(epochs, frames[index].shard, reply)?.as_deref() {
            None => return Ok(Claimed::Stale),
            Some([Value::Int(1), ..]) => {}
            Some([Value::Int(0), ..]) => contested.push(index),
            Some(other) => return Err(unexpected(other.first().unwrap_or(&Value::Nil))),
        }
    }
    if contested.is_empty() {
        return Ok(Claimed::Told(ours));
    }

    // The epoch is asked for again: the claims may have gone in between.
    let replies: Vec<Value> = link.run(&ask(&contested, Claim::one_by_one)).await?;
    let mut renewals = Pipeline::new();
    for (index, reply) in contested.into_iter().zip(replies) {
        let Some(owners) = under(epochs, frames[index].shard, reply)? else { return Ok(Claimed::Stale) };
        ours[index] = frames[index].ours(&owners)?;
        frames[index].renew(&mut renewals, &ours[index], window);
    }
    if !renewals.is_empty() {
        link.run::<()>(&renewals).await?;
    }
    Ok(Claimed::Told(ours))
}

/// What `EXEC` answered after the epoch; `None` if that is not the shard's.
fn under(epochs: &Epochs, shard: Shard, reply: Value) -> Result<Option<Vec<Value>>, QueueError> {
    let Value::Array(mut replies) = reply else { return Err(unexpected(&reply)) };
    if replies.is_empty() {
        return Err(unexpected(&Value::Nil));
    }
    let epoch = read_epoch(&replies.remove(0));
    Ok((epoch == Some(epochs.of(shard).id)).then_some(replies))
}

fn unexpected(what: &Value) -> QueueError {
    QueueError::Reply { command: "EXEC", what: format!("{what:?}").chars().take(200).collect() }
}
