//! A batch → Postgres, in one transaction with the receipts of its frames.
//!
//! Invariants:
//! - A frame with a receipt is never stored again. The receipts go first; a frame whose receipt is there already leaves the
//!   batch. When two workers hold one frame, the second waits here for the first's transaction to end.
//! - Nothing is stored on the word of claims that are not whole any more: see [`super::epochs`].
//! - A dead letter is used up by one frame that replays it.

use std::collections::{BTreeSet, HashSet};
use std::pin::Pin;

use bytes::Bytes;
use deadpool_postgres::{ClientWrapper, Transaction};
use futures_util::SinkExt;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, Statement};

use super::epochs::Hold;
use super::{CopyRows, StoreError};
use crate::ops::fail_point;
use crate::queue::{EntryId, Epochs, Shard};

/// What became of a frame's events. It is written once, in the transaction that stores them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The frame's stream.
    pub shard: Shard,
    /// The frame's entry.
    pub entry: EntryId,
    /// When the frame's first event was accepted.
    pub received_at: Timestamp,
    /// The time of the frame's earliest event, and of its latest.
    pub event_times: (Timestamp, Timestamp),
    /// The dead letter that it replays.
    pub letter: Option<i64>,
    /// Events that became rows.
    pub stored: u32,
    /// Events dropped as duplicates.
    pub duplicates: u32,
    /// Events that became dead letters.
    pub dead_lettered: u32,
}

/// The rows of a batch, encoded.
#[derive(Debug)]
pub struct Rows {
    /// For [`EVENT_COLUMNS`](Self::EVENT_COLUMNS).
    pub events: CopyRows,
    /// For [`TRIGGER_COLUMNS`](Self::TRIGGER_COLUMNS).
    pub triggers: CopyRows,
    /// For [`DEAD_LETTER_COLUMNS`](Self::DEAD_LETTER_COLUMNS).
    pub dead_letters: CopyRows,
}

impl Rows {
    /// The fields of a row of `events`.
    pub const EVENT_COLUMNS: &str =
        "event_id, user_id, event_type, received_at, campaign_ids, payload, key_id, from_browser";
    /// The fields of a row of `triggers`.
    pub const TRIGGER_COLUMNS: &str =
        "campaign_id, campaign_version, event_id, user_id, received_at, from_browser";
    /// The fields of a row of `dead_letters`.
    pub const DEAD_LETTER_COLUMNS: &str = "reason, detail, shard, entry_ms, entry_seq, events, event_id, user_id, event_type, payload, frame, key_id, from_browser";
}

/// How storing a batch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is committed. For each receipt, whether it is new; where it is not, the frame was stored before.
    Committed(Vec<bool>),
    /// Nothing was stored: the batch was claimed under epochs that are over, so it may hold duplicates.
    Stale,
    /// Nothing was stored: these dead letters have been replayed already.
    UsedUp(Vec<i64>),
}

/// Stores a batch that was claimed under `epochs`. `rows` is asked for the rows of the frames that have no receipt yet,
/// told frame by frame, in the order of `receipts`.
pub async fn store(
    client: &mut ClientWrapper,
    epochs: &Epochs,
    receipts: &[Receipt],
    rows: impl Fn(&[bool]) -> Rows,
) -> Result<Stored, StoreError> {
    let transaction = client.transaction().await?;
    let shards: BTreeSet<Shard> = receipts.iter().map(|receipt| receipt.shard).collect();
    let all = vec![true; receipts.len()];
    let (hold, insert) =
        (Hold::prepare(&transaction).await?, transaction.prepare_cached(INSERT_RECEIPTS).await?);
    let (holds, unstored, rows_of_all) = tokio::try_join!(
        biased;
        hold.take(&transaction, epochs, &shards),
        insert_receipts(&transaction, &insert, receipts),
        // While Postgres is at it: hardly ever is one of the frames stored already.
        async { Ok(rows(&all)) }
    )?;
    if !holds {
        transaction.rollback().await?;
        return Ok(Stored::Stale);
    }
    fail_point::reached("receipts-written");
    let used_up = use_letters(&transaction, receipts, &unstored).await?;
    if !used_up.is_empty() {
        transaction.rollback().await?;
        return Ok(Stored::UsedUp(used_up));
    }
    let rows = if unstored == all {
        rows_of_all
    } else {
        drop(rows_of_all);
        rows(&unstored)
    };
    let copied = copy_all(&transaction, rows).await?;
    fail_point::reached("rows-copied");
    // Sent together: where the rows are refused, the commit is a rollback.
    tokio::try_join!(biased; finished(copied), async { Ok(transaction.commit().await?) })?;
    fail_point::reached("committed");
    Ok(Stored::Committed(unstored))
}

/// Marks the dead letters that these frames replay, and returns those that were replayed before.
async fn use_letters(
    transaction: &Transaction<'_>,
    receipts: &[Receipt],
    unstored: &[bool],
) -> Result<Vec<i64>, StoreError> {
    const USE: &str = "update dead_letters set replayed_at = now()
        where id = any($1) and replayed_at is null returning id";
    let replayed = receipts.iter().zip(unstored).filter(|(_, unstored)| **unstored);
    let mut letters: Vec<i64> = replayed.filter_map(|(receipt, _)| receipt.letter).collect();
    if letters.is_empty() {
        return Ok(letters);
    }
    for row in transaction.query(USE, &[&letters]).await? {
        let used: i64 = row.get(0);
        // One frame each: a second one in this very batch comes too late.
        if let Some(at) = letters.iter().position(|letter| *letter == used) {
            letters.swap_remove(at);
        }
    }
    Ok(letters)
}

/// For each frame, named by its shard, its entry and its time, whether it has a receipt.
pub async fn have_receipts(
    client: &mut ClientWrapper,
    frames: &[(Shard, EntryId, Timestamp)],
) -> Result<Vec<bool>, StoreError> {
    // The bounds keep the planner to the partitions concerned: it is asked for each batch, and there may be a year of them.
    const SELECT: &str = "select shard, entry_ms, entry_seq from frames
        where (shard, entry_ms, entry_seq) in (select * from unnest($1::smallint[], $2::bigint[], $3::bigint[]))
        and received_at between $4 and $5";
    let times = || frames.iter().map(|(_, _, received_at)| *received_at);
    let (Some(earliest), Some(latest)) = (times().min(), times().max()) else { return Ok(Vec::new()) };
    let keys: Vec<(i16, i64, i64)> = frames.iter().map(|(shard, entry, _)| key(*shard, *entry)).collect();
    let shards: Vec<i16> = keys.iter().map(|key| key.0).collect();
    let milliseconds: Vec<i64> = keys.iter().map(|key| key.1).collect();
    let sequences: Vec<i64> = keys.iter().map(|key| key.2).collect();
    let statement = client.prepare_cached(SELECT).await?;
    let parameters: [&(dyn ToSql + Sync); 5] = [&shards, &milliseconds, &sequences, &earliest, &latest];
    let rows = client.query(&statement, &parameters).await?;
    let known: HashSet<(i16, i64, i64)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    Ok(keys.iter().map(|key| known.contains(key)).collect())
}

/// Whether Postgres would take these rows: they are written, and the transaction is rolled back.
pub async fn probe(client: &mut ClientWrapper, rows: Rows) -> Result<(), StoreError> {
    let transaction = client.transaction().await?;
    finished(copy_all(&transaction, rows).await?).await?;
    transaction.rollback().await?;
    Ok(())
}

/// Rows that were sent and not yet taken.
type Copied = Pin<Box<CopyInSink<Bytes>>>;

/// Sends the rows, each table's with the end of those of the table before; the end of the last is still to be sent.
async fn copy_all(transaction: &Transaction<'_>, rows: Rows) -> Result<Option<Copied>, StoreError> {
    let tables = [
        ("events", Rows::EVENT_COLUMNS, rows.events),
        ("triggers", Rows::TRIGGER_COLUMNS, rows.triggers),
        ("dead_letters", Rows::DEAD_LETTER_COLUMNS, rows.dead_letters),
    ];
    let mut last = None;
    for (table, columns, rows) in tables.into_iter().filter(|(_, _, rows)| rows.rows() > 0) {
        let ((), copied) =
            tokio::try_join!(biased; finished(last.take()), copy(transaction, table, columns, rows))?;
        last = Some(copied);
    }
    Ok(last)
}

/// Waits until Postgres has taken the rows.
async fn finished(copied: Option<Copied>) -> Result<(), StoreError> {
    if let Some(mut copied) = copied {
        copied.as_mut().finish().await?;
    }
    Ok(())
}

/// Sorted, so that two workers with the same frames wait for one another instead of deadlocking.
const INSERT_RECEIPTS: &str = "insert into frames
        (shard, entry_ms, entry_seq, received_at, earliest_at, latest_at, stored, duplicates, dead_lettered)
    select * from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[],
            $6::timestamptz[], $7::int[], $8::int[], $9::int[])
        as receipt (shard, entry_ms, entry_seq, received_at, earliest_at, latest_at, stored, duplicates, dead_lettered)
    order by shard, entry_ms, entry_seq
    on conflict do nothing returning shard, entry_ms, entry_seq";

/// For each receipt, whether it is new.
async fn insert_receipts(
    transaction: &Transaction<'_>,
    statement: &Statement,
    receipts: &[Receipt],
) -> Result<Vec<bool>, StoreError> {
    let keys: Vec<(i16, i64, i64)> =
        receipts.iter().map(|receipt| key(receipt.shard, receipt.entry)).collect();
    let column = |count: fn(&Receipt) -> u32| -> Vec<i32> {
        receipts.iter().map(|receipt| i32::try_from(count(receipt)).unwrap_or(i32::MAX)).collect()
    };
    let time = |of: fn(&Receipt) -> Timestamp| -> Vec<Timestamp> { receipts.iter().map(of).collect() };
    let inserted = transaction
        .query(
            statement,
            &[
                &keys.iter().map(|key| key.0).collect::<Vec<_>>(),
                &keys.iter().map(|key| key.1).collect::<Vec<_>>(),
                &keys.iter().map(|key| key.2).collect::<Vec<_>>(),
                &time(|receipt| receipt.received_at),
                &time(|receipt| receipt.event_times.0),
                &time(|receipt| receipt.event_times.1),
                &column(|receipt| receipt.stored),
                &column(|receipt| receipt.duplicates),
                &column(|receipt| receipt.dead_lettered),
            ],
        )
        .await?;
    let inserted: HashSet<(i16, i64, i64)> =
        inserted.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    Ok(keys.iter().map(|key| inserted.contains(key)).collect())
}

/// A frame's name, as Postgres has it.
fn key(shard: Shard, entry: EntryId) -> (i16, i64, i64) {
    let shard = i16::try_from(shard.number()).expect("Shards allows no more than fit a smallint");
    let bigint = |part: u64| i64::try_from(part).unwrap_or(i64::MAX);
    (shard, bigint(entry.milliseconds), bigint(entry.sequence))
}

async fn copy(
    transaction: &Transaction<'_>,
    table: &str,
    columns: &str,
    rows: CopyRows,
) -> Result<Copied, StoreError> {
    let statement = format!("copy {table} ({columns}) from stdin binary");
    let statement = transaction.prepare_cached(&statement).await?;
    let mut copied = Box::pin(transaction.copy_in(&statement).await?);
    copied.send(Bytes::from(rows.finish())).await?;
    Ok(copied)
}
