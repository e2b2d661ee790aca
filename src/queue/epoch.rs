//! Epochs: whether the claims in Redis are all that were ever made.
//!
//! Each shard's claims belong to an epoch, whose id stands in Redis beside them and in Postgres. Redis that comes back
//! empty shows none, one restored from an old copy shows another, and one that was restarted is another run. In each case
//! claims are missing, and are restored from what Postgres has stored, before anything new is claimed.
//!
//! Invariants (`tests/protocol_model` shows what happens without each):
//! - A restoration marks its beginning at the epoch's key, and shows the epoch only where its mark still stands: what Redis
//!   loses meanwhile is noticed. What stood there before the mark decides how much is restored.
//! - Where all claims are gone, those that are restored, and all that follow, have keys of their own: no claim of another
//!   time, or laid late by somebody who did not know, is met again.

use std::collections::BTreeMap;
use std::time::Duration;

use bb8_redis::redis::{self, FromRedisValue, Value};
use jiff::Timestamp;
use uuid::Uuid;

use super::claims::hash;
use super::lots::{self, HASH};
use super::{EntryId, Link, QueueError, RunId, Shard, Shards, ledger};

/// What a restored claim says of an event that is stored: no entry has this id, so no frame takes it for its own.
const STORED: EntryId = EntryId::ZERO;

/// The epoch of a shard's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its id.
    pub id: Uuid,
    /// Goes into the keys of its claims. Epochs that differ only by a restart of Redis share it.
    pub keyspace: u64,
    /// The run of Redis that holds the claims.
    pub run_id: RunId,
}

/// The epoch of each shard, as Postgres has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epochs(Vec<Epoch>);

/// Why, and so from how far back, a shard's claims have to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// They are gone: the whole window.
    Lost,
    /// Redis was restarted and may have lost the last ones.
    Restarted,
}

/// An event whose claim is restored.
#[derive(Clone, Copy, Debug)]
pub struct RestoredClaim<'a> {
    /// Its shard.
    pub shard: Shard,
    /// That of the epoch which will hold.
    pub keyspace: u64,
    /// Its id.
    pub event_id: &'a str,
    /// The entry it lies claimed by where it is a dead letter; `None` where it is stored.
    pub origin: Option<EntryId>,
    /// When its window ends.
    pub ends_at: Timestamp,
}

impl Epochs {
    /// Those of all shards, in order.
    #[must_use]
    pub fn new(of_shards: Vec<Epoch>) -> Self {
        Self(of_shards)
    }

    /// That of a shard.
    #[must_use]
    pub fn of(&self, shard: Shard) -> &Epoch {
        &self.0[shard.index()]
    }
}

/// What is missing of a shard's claims in the run `run` of Redis, which shows the epoch `shown`. Pure.
#[must_use]
pub fn gap(known: Option<&Epoch>, shown: Option<Uuid>, run: &RunId) -> Option<Gap> {
    match known {
        Some(known) if shown == Some(known.id) => (known.run_id != *run).then_some(Gap::Restarted),
        _ => Some(Gap::Lost),
    }
}

fn read_epoch(reply: &Value) -> Option<Uuid> {
    let text = Option::<String>::from_redis_value_ref(reply).ok()??;
    text.parse().ok()
}

/// The epochs that Redis shows, by shard.
pub async fn shown_epochs(link: &mut Link, shards: Shards) -> Result<Vec<Option<Uuid>>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("GET").arg(shard.epoch());
    }
    let shown: Vec<Value> = commands.run().await?;
    Ok(shown.iter().map(read_epoch).collect())
}

/// Writes claims, in one round trip to each server, over whatever is there: what Postgres has stored was first. They come into lots as
/// those of a `window` do.
pub async fn restore_claims(
    link: &mut Link,
    claims: &[RestoredClaim<'_>],
    window: Duration,
) -> Result<(), QueueError> {
    let mut lots: BTreeMap<(Shard, u64, EntryId), Vec<[u8; HASH]>> = BTreeMap::new();
    for RestoredClaim { shard, keyspace, event_id, origin, ends_at } in claims {
        let lot = (*shard, lots::due(*ends_at, window), origin.unwrap_or(STORED));
        lots.entry(lot).or_default().push(hash(*keyspace, event_id));
    }
    let mut commands = link.commands(0);
    for ((shard, due, owner), hashes) in &lots {
        for part in hashes.chunks(lots::MOST) {
            lots::restore(commands.of(*shard), *shard, *due, &owner.to_string(), part);
        }
    }
    commands.send().await
}

/// Marks that the claims of these shards are being restored, for the epoch `id`; what was shown until now, by shard.
pub async fn mark_restoration(
    link: &mut Link,
    shards: &[Shard],
    id: Uuid,
) -> Result<Vec<Option<Uuid>>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards {
        commands.of(*shard).cmd("SET").arg(shard.epoch()).arg(mark(id)).arg("GET");
    }
    let shown: Vec<Value> = commands.run().await?;
    Ok(shown.iter().map(read_epoch).collect())
}

/// Shows the epoch `id`: from now on the shards' claims are whole. A ledger that is gone as well begins anew. `false` where
/// a mark is gone, as Redis has lost something again.
pub async fn show_epoch(link: &mut Link, shards: &[Shard], id: Uuid) -> Result<bool, QueueError> {
    let mut all = true;
    for shard in shards {
        ledger::begin(link, *shard).await?;
        let show = redis::cmd("EVAL")
            .arg(SHOW)
            .arg(1)
            .arg(shard.epoch())
            .arg(mark(id))
            .arg(id.to_string())
            .to_owned();
        all &= link.ask::<i64>(*shard, &show).await? == 1;
    }
    Ok(all)
}

const SHOW: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1";

/// No epoch's id, so that nobody claims meanwhile.
fn mark(id: Uuid) -> String {
    format!("restoring {id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_whole_only_in_the_same_epoch_of_the_same_run() {
        let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (run, another) = (RunId::new("a"), RunId::new("b"));
        let known = Epoch { id, keyspace: 7, run_id: run.clone() };
        assert_eq!(gap(Some(&known), Some(id), &run), None);
        assert_eq!(gap(Some(&known), Some(id), &another), Some(Gap::Restarted));
        assert_eq!(gap(Some(&known), Some(other), &run), Some(Gap::Lost));
        assert_eq!(gap(Some(&known), None, &run), Some(Gap::Lost));
        assert_eq!(gap(None, Some(id), &run), Some(Gap::Lost));
    }
}
