//! Claims: which frame an event id belongs to, within the dedupe window.
//!
//! The claim of an event is the key `dedupe:{shard}:` with the 128-bit hash of its id, and the entry id of its frame as
//! the value. Claiming a whole frame is one atomic round trip (`MSETNX` and the expiries in one `MULTI`); only when one
//! of its ids is claimed already is each asked for on its own, in a second one.
//!
//! Invariant: a claim is never a loss. Whoever is delivered a frame again finds that frame's own entry id in its claims
//! and goes on.

use std::time::Duration;

use bb8_redis::redis::{Pipeline, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::{EntryId, Link, QueueError, Shard};

/// The claims of one frame.
#[derive(Debug)]
pub struct Claim {
    shard: Shard,
    entry: String,
    keys: Vec<Vec<u8>>,
}

impl Claim {
    /// The claims that the frame `entry` of `shard` lays to these event ids, no id twice.
    #[must_use]
    pub fn new<'a>(shard: Shard, entry: EntryId, event_ids: impl Iterator<Item = &'a str>) -> Self {
        let prefix = shard.claim_prefix();
        let key = |id: &str| [prefix.as_bytes(), &xxh3_128(id.as_bytes()).to_be_bytes()].concat();
        Self { shard, entry: entry.to_string(), keys: event_ids.map(key).collect() }
    }

    /// All keys at once, or none.
    fn all_or_none(&self, pipeline: &mut Pipeline, window: u64) {
        pipeline.cmd("MULTI").ignore();
        let all = pipeline.cmd("MSETNX");
        for key in &self.keys {
            all.arg(key).arg(&self.entry);
        }
        pipeline.ignore();
        for key in &self.keys {
            // NX: where a key had been claimed before, its window does not begin again.
            pipeline.cmd("PEXPIRE").arg(key).arg(window).arg("NX").ignore();
        }
        pipeline.cmd("EXEC");
    }

    /// Each key on its own, telling who had it.
    fn one_by_one(&self, pipeline: &mut Pipeline, window: u64) {
        for key in &self.keys {
            pipeline.cmd("SET").arg(key).arg(&self.entry).arg("NX").arg("GET").arg("PX").arg(window);
        }
    }
}

/// Claims each frame's ids for `window`. For each frame and each of its ids, in order: whether the id is this frame's,
/// now or from an earlier attempt. `false` is a duplicate.
pub async fn claim(
    link: &mut Link,
    frames: &[Claim],
    window: Duration,
) -> Result<Vec<Vec<bool>>, QueueError> {
    let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    let mut ours: Vec<Vec<bool>> = frames.iter().map(|frame| vec![true; frame.keys.len()]).collect();

    let mut pipeline = Pipeline::new();
    let asked: Vec<usize> = (0..frames.len()).filter(|&index| !frames[index].keys.is_empty()).collect();
    for &index in &asked {
        frames[index].all_or_none(&mut pipeline, window);
    }
    let replies: Vec<Value> = link.run(&pipeline).await?;

    let mut contested = Vec::new();
    for (index, reply) in asked.into_iter().zip(replies) {
        if !all_were_new(reply)? {
            contested.push(index);
        }
    }
    if contested.is_empty() {
        return Ok(ours);
    }

    let mut pipeline = Pipeline::new();
    for &index in &contested {
        frames[index].one_by_one(&mut pipeline, window);
    }
    let mut owners = link.run::<Vec<Option<String>>>(&pipeline).await?.into_iter();
    for index in contested {
        tracing::debug!(shard = %frames[index].shard, entry = frames[index].entry, "some ids were claimed before");
        for (mine, owner) in ours[index].iter_mut().zip(owners.by_ref()) {
            *mine = owner.is_none_or(|owner| owner == frames[index].entry);
        }
    }
    Ok(ours)
}

/// `EXEC` answers with what `MSETNX` said, then each expiry.
fn all_were_new(reply: Value) -> Result<bool, QueueError> {
    let unexpected = |what: &Value| QueueError::Reply { command: "EXEC", what: format!("{what:?}") };
    match reply {
        Value::Array(replies) => match replies.first() {
            Some(Value::Int(set)) => Ok(*set == 1),
            Some(other) => Err(unexpected(other)),
            None => Err(unexpected(&Value::Nil)),
        },
        other => Err(unexpected(&other)),
    }
}
