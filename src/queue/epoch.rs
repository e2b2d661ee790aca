//! Epochs: whether the claims in Redis are all that were ever made.
//!
//! Each shard's claims belong to an epoch, whose id stands in Redis beside them and in Postgres. Redis that comes back
//! empty shows none, and one that was restarted, perhaps from an old copy, is another run. In each case claims are missing,
//! and are restored from what Postgres has stored, before anything new is claimed.
//!
//! Beside the epoch's id stands a time of Postgres', which workers raise again and again: when these claims were last known
//! to be whole. Whatever a copy of Redis lacks was stored after the time that it shows.
//!
//! Invariants (`tests/protocol_model` shows what happens without each):
//! - A restoration marks its beginning at the epoch's key, and shows the epoch only where its mark still stands: what Redis
//!   loses meanwhile is noticed. What stood there before the mark decides how much is restored.
//! - Where all claims are gone, those that are restored, and all that follow, have keys of their own: no claim of another
//!   time, or laid late by somebody who did not know, is met again.
//! - The time is raised in the run only whose claims are whole: an old copy shows its own until its claims are restored.
//! - Workers of releases that claim by `event_id` alone find something at their epoch's key that is no epoch, and claim
//!   nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bb8_redis::redis::{self, FromRedisValue, Value};
use jiff::Timestamp;
use uuid::Uuid;

use super::claims::Hasher;
use super::lots::{self, HASH};
use super::{EntryId, Identity, Link, QueueError, RunId, Shard, Shards, ledger};

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

/// What Redis shows of a shard's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The epoch's id.
    pub id: Uuid,
    /// A time of Postgres': what was stored before it has its claim here.
    pub seen_at: Timestamp,
}

/// Why, and so from how far back, a shard's claims have to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// They are gone: the whole window.
    Lost,
    /// Redis was restarted, and has only those of events that were stored before this time.
    Restarted(Timestamp),
}

/// An event whose claim is restored.
#[derive(Clone, Copy, Debug)]
pub struct RestoredClaim<'a> {
    /// Its shard.
    pub shard: Shard,
    /// That of the epoch which will hold.
    pub keyspace: u64,
    /// What tells it from others.
    pub identity: Identity<'a>,
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
pub fn gap(known: Option<&Epoch>, shown: Option<Shown>, run: &RunId) -> Option<Gap> {
    match known.zip(shown) {
        Some((known, shown)) if shown.id == known.id => {
            (known.run_id != *run).then_some(Gap::Restarted(shown.seen_at))
        }
        _ => Some(Gap::Lost),
    }
}

impl Shown {
    fn read(reply: &Value) -> Option<Self> {
        let text = Option::<String>::from_redis_value_ref(reply).ok()??;
        let (id, seen_at) = text.split_once(' ')?;
        let seen_at = Timestamp::from_microsecond(seen_at.parse().ok()?).ok()?;
        Some(Self { id: id.parse().ok()?, seen_at })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.seen_at.as_microsecond())
    }
}

/// The epochs that Redis shows, by shard.
pub async fn shown_epochs(link: &mut Link, shards: Shards) -> Result<Vec<Option<Shown>>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("GET").arg(shard.epoch());
    }
    let shown: Vec<Value> = commands.run().await?;
    Ok(shown.iter().map(Shown::read).collect())
}

/// Writes claims, in one round trip to each server, over whatever is there: what Postgres has stored was first. They come into lots as
/// those of a `window` do.
pub async fn restore_claims(
    link: &mut Link,
    claims: &[RestoredClaim<'_>],
    window: Duration,
) -> Result<(), QueueError> {
    let mut lots: BTreeMap<(Shard, u64, EntryId), Vec<[u8; HASH]>> = BTreeMap::new();
    let mut hasher = Hasher::default();
    for RestoredClaim { shard, keyspace, identity, origin, ends_at } in claims {
        let lot = (*shard, lots::due(*ends_at, window), origin.unwrap_or(STORED));
        lots.entry(lot).or_default().push(hasher.hash(*keyspace, identity));
    }
    let mut commands = link.commands(0);
    for ((shard, due, owner), hashes) in &lots {
        for part in hashes.chunks(lots::MOST) {
            lots::restore(commands.of(*shard), *shard, *due, &owner.to_string(), part);
        }
    }
    commands.send().await
}

/// Marks that the claims of these shards are being restored, for the epoch `id`; what was shown until now, by shard. What
/// stands from now on where older releases look for an epoch is of a type that their commands refuse.
pub async fn mark_restoration(
    link: &mut Link,
    shards: &[Shard],
    id: Uuid,
) -> Result<Vec<Option<Shown>>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards {
        let pipeline = commands.of(*shard);
        pipeline.cmd("DEL").arg(shard.older_epoch()).ignore();
        pipeline.cmd("HSET").arg(shard.older_epoch()).arg("moved-to").arg(shard.epoch()).ignore();
        pipeline.cmd("SET").arg(shard.epoch()).arg(mark(id)).arg("GET");
    }
    let shown: Vec<Value> = commands.run().await?;
    Ok(shown.iter().map(Shown::read).collect())
}

/// Shows an epoch: from now on the shards' claims are whole. A ledger that is gone as well begins anew. `false` where
/// a mark is gone, as Redis has lost something again.
pub async fn show_epoch(link: &mut Link, shards: &[Shard], shown: Shown) -> Result<bool, QueueError> {
    let mut all = true;
    for shard in shards {
        ledger::begin(link, *shard).await?;
        let show = redis::cmd("EVAL")
            .arg(SHOW)
            .arg(1)
            .arg(shard.epoch())
            .arg(mark(shown.id))
            .arg(shown.to_string())
            .to_owned();
        all &= link.ask::<i64>(*shard, &show).await? == 1;
    }
    Ok(all)
}

const SHOW: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1";

/// Raises the time that is shown beside the epochs of these shards, by number, to `now`: but for those whose claims are not
/// known to be whole, as Redis shows another epoch or is another run.
pub async fn note_seen(
    link: &mut Link,
    shards: Shards,
    recorded: &[Option<Epoch>],
    now: Timestamp,
) -> Result<(), QueueError> {
    let mut commands = Vec::new();
    for (shard, epoch) in shards.all().zip(recorded) {
        if let Some(Epoch { id, run_id, .. }) = epoch
            && run_id == link.run_id(shard)
        {
            commands.push((shard, *id));
        }
    }
    let mut raising = link.commands(commands.len());
    for (shard, id) in commands {
        let script = raising.of(shard).cmd("EVAL").arg(RAISE).arg(1).arg(shard.epoch());
        script.arg(id.to_string()).arg(Shown { id, seen_at: now }.to_string()).ignore();
    }
    raising.send().await
}

/// It takes the place of what is as long, which a full Redis may do.
const RAISE: &str = "#!lua flags=allow-oom
if string.sub(redis.call('GET', KEYS[1]) or '', 1, #ARGV[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end";

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
        let seen_at = Timestamp::from_second(9).expect("a time");
        let shown = |id| Some(Shown { id, seen_at });
        assert_eq!(gap(Some(&known), shown(id), &run), None);
        assert_eq!(gap(Some(&known), shown(id), &another), Some(Gap::Restarted(seen_at)));
        assert_eq!(gap(Some(&known), shown(other), &run), Some(Gap::Lost));
        assert_eq!(gap(Some(&known), None, &run), Some(Gap::Lost));
        assert_eq!(gap(None, shown(id), &run), Some(Gap::Lost));
    }

    #[test]
    fn what_is_shown_reads_back_as_written_and_nothing_else_is_an_epoch() {
        let shown =
            Shown { id: Uuid::from_u128(1), seen_at: Timestamp::from_microsecond(7).expect("a time") };
        let read = |text: String| Shown::read(&Value::BulkString(text.into_bytes()));
        assert_eq!(read(shown.to_string()), Some(shown));
        for other in [mark(shown.id), shown.id.to_string(), format!("{} soon", shown.id), String::new()] {
            assert_eq!(read(other.clone()), None, "{other:?}");
        }
        assert_eq!(Shown::read(&Value::Nil), None);
    }
}
