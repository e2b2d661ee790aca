//! The ledger's half in Redis: what was accepted, by day, and what is queued; a hash for each shard.
//!
//! ```text
//! ledger:{3} = accepted:2026-11-24 → events · queued_events → events · queued_bytes → bytes · since → milliseconds
//!            · kept_from → milliseconds · shards → how many there are ([`super::count`])
//! ```
//!
//! Invariants: a frame is counted in the `MULTI` that appends it, and taken off `queued` in the script that deletes it, so
//! the counters cannot drift from the streams. `since` is when this hash began, by Redis' clock: frames with smaller entry
//! ids were accepted by a Redis that is gone, and their receipts do not belong to this half. Days before `kept_from` were
//! forgotten, and what is counted to one of them since is not the whole of it.

use std::collections::BTreeMap;

use bb8_redis::redis;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::depth::Depth;
use super::{Link, QueueError, Shard, Shards};

pub(super) const QUEUED_EVENTS: &str = "queued_events";
pub(super) const QUEUED_BYTES: &str = "queued_bytes";
pub(super) const SINCE: &str = "since";
const KEPT_FROM: &str = "kept_from";
const ACCEPTED: &str = "accepted:";

/// What Redis knows of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Receipts of entries from this millisecond on belong to it; `None` before the first claim in this Redis.
    pub since: Option<u64>,
    /// Days before this one were forgotten.
    pub kept_from: Option<Date>,
    /// Events accepted, by the UTC day of their frame.
    pub by_day: BTreeMap<Date, u64>,
    /// What is in the stream.
    pub queued: Depth,
}

/// The field that counts what was accepted on the day of `moment` (UTC).
pub(super) fn accepted_on(moment: Timestamp) -> String {
    format!("{ACCEPTED}{}", moment.to_zoned(TimeZone::UTC).date())
}

/// Reads the shards' ledgers, in order.
pub async fn accepted(link: &mut Link, shards: Shards) -> Result<Vec<Accepted>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("HGETALL").arg(shard.ledger());
    }
    let ledgers: Vec<BTreeMap<String, i64>> = commands.run().await?;
    let entries = entries(link, shards).await?;
    let read = |(fields, entries)| {
        let accepted = Accepted::read(&fields);
        Accepted { queued: where_there_are_entries((accepted.queued, entries)), ..accepted }
    };
    Ok(ledgers.into_iter().zip(entries).map(read).collect())
}

/// Reads how much is queued, by shard.
pub async fn queued(link: &mut Link, shards: Shards) -> Result<Vec<Depth>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("HMGET").arg(shard.ledger()).arg(QUEUED_EVENTS).arg(QUEUED_BYTES);
    }
    let counts: Vec<(Option<i64>, Option<i64>)> = commands.run().await?;
    let depth =
        |(events, bytes): (Option<i64>, Option<i64>)| Depth::of(events.unwrap_or(0), bytes.unwrap_or(0));
    let entries = entries(link, shards).await?;
    Ok(counts.into_iter().map(depth).zip(entries).map(where_there_are_entries).collect())
}

/// How many entries each stream has.
pub(super) async fn entries(link: &mut Link, shards: Shards) -> Result<Vec<u64>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("XLEN").arg(shard.stream());
    }
    commands.run().await
}

/// An empty stream holds nothing, whatever the counters say: somebody else may have deleted entries, and then nothing would
/// ever be acknowledged that sets them right.
fn where_there_are_entries((depth, entries): (Depth, u64)) -> Depth {
    if entries == 0 { Depth::default() } else { depth }
}

/// Forgets what was accepted on days before `day`, and remembers that it did.
pub async fn forget_before(link: &mut Link, shards: Shards, day: Date) -> Result<(), QueueError> {
    let known = accepted(link, shards).await?;
    let mut commands = link.commands(0);
    for (shard, accepted) in shards.all().zip(known) {
        let pipeline = commands.of(shard);
        pipeline.cmd("MULTI").ignore();
        if accepted.kept_from < Some(day) {
            pipeline.cmd("HSET").arg(shard.ledger()).arg(KEPT_FROM).arg(milliseconds(day)).ignore();
        }
        for old in accepted.by_day.keys().take_while(|known| **known < day) {
            pipeline.cmd("HDEL").arg(shard.ledger()).arg(format!("{ACCEPTED}{old}")).ignore();
        }
        pipeline.cmd("EXEC").ignore();
    }
    commands.send().await
}

/// A day is kept as a number, like everything else in the hash: the milliseconds at which it begins.
fn milliseconds(day: Date) -> i64 {
    day.to_zoned(TimeZone::UTC).map_or(i64::MIN, |begin| begin.timestamp().as_millisecond())
}

fn day_at(milliseconds: i64) -> Option<Date> {
    Some(Timestamp::from_millisecond(milliseconds).ok()?.to_zoned(TimeZone::UTC).date())
}

/// Begins the ledger of a shard where it has no beginning: with the first entry of its stream, or now where nothing was
/// counted yet, as what lies in the stream was accepted by a release that did not count.
pub(super) async fn begin(link: &mut Link, shard: Shard) -> Result<(), QueueError> {
    // Asked first: what is appended after the look at the stream is no older.
    let (seconds, microseconds): (u64, u64) = link.ask(shard, &redis::cmd("TIME")).await?;
    let first = redis::cmd("XRANGE").arg(shard.stream()).arg("-").arg("+").arg("COUNT").arg(1).to_owned();
    let first: Vec<(String, redis::Value)> = link.ask(shard, &first).await?;
    let fields: Vec<String> = link.ask(shard, redis::cmd("HKEYS").arg(shard.ledger())).await?;
    let counted = fields.iter().any(|field| field.starts_with(ACCEPTED));
    let since = if let Some((milliseconds, _)) =
        first.first().filter(|_| counted).and_then(|(id, _)| id.split_once('-'))
    {
        milliseconds.to_owned()
    } else {
        (seconds * 1000 + microseconds / 1000).to_string()
    };
    link.ask(shard, redis::cmd("HSETNX").arg(shard.ledger()).arg(SINCE).arg(since)).await
}

impl Accepted {
    fn read(fields: &BTreeMap<String, i64>) -> Self {
        let count = |name: &str| fields.get(name).copied().unwrap_or(0);
        let by_day = fields.iter().filter_map(|(name, events)| {
            Some((name.strip_prefix(ACCEPTED)?.parse().ok()?, u64::try_from(*events).ok()?))
        });
        Self {
            since: fields.get(SINCE).and_then(|since| u64::try_from(*since).ok()),
            kept_from: fields.get(KEPT_FROM).and_then(|milliseconds| day_at(*milliseconds)),
            by_day: by_day.collect(),
            queued: Depth::of(count(QUEUED_EVENTS), count(QUEUED_BYTES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_days_and_depth_and_what_is_not_known_is_left_out() {
        let day: Timestamp = "2026-11-24T23:59:59Z".parse().expect("a time");
        let accepted = accepted_on(day);
        let kept_from = "2026-11-20".parse().expect("a day");
        let kept = (KEPT_FROM, milliseconds(kept_from));
        let fields = [(accepted.as_str(), 7), (QUEUED_EVENTS, 2), (QUEUED_BYTES, -5), ("x", 1), kept];
        let fields = fields.map(|(name, count)| (name.to_owned(), count)).into_iter().collect();
        let expected = Accepted {
            since: None,
            kept_from: Some(kept_from),
            by_day: [("2026-11-24".parse().expect("a day"), 7)].into(),
            queued: Depth { events: 2, bytes: 0 },
        };
        assert_eq!(Accepted::read(&fields), expected);
    }
}
