//! Dropping what is past retention.
//!
//! Invariants:
//! - A partition is dropped only if it ended before the cutoff, so that all its rows were received before it, and if its
//!   receipts say that nothing was stored in it since the cutoff. The time of a row is that of the server which received
//!   the event, and may be wrong; the time of a receipt is Postgres' own.
//! - Nobody waits for long: a drop keeps everybody from writing from when it begins to wait, so it hardly waits. A partition
//!   that is being sealed is left for the next time, and where a long transaction is in the way, all are.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Transaction;

use super::{Span, TABLES, locked, seal};
use crate::store::{Pool, StoreError};

/// The events of a frame are received within this time of the first of them, so a receipt in the partition before may be
/// that of an event here.
const FRAME_SPAN: Duration = Duration::from_hours(1);

/// Drops the partitions that are past retention at `cutoff`, with all that is in them, and returns their spans.
pub async fn drop_before(pool: &Pool, cutoff: Timestamp) -> Result<Vec<Span>, StoreError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let mut dropped = Vec::new();
    let expired = expired(&transaction, cutoff).await?;
    if !expired.is_empty() {
        keep_writers_away(&transaction).await?;
    }
    for span in expired {
        // Looked at again: what was under way before has been committed now.
        if can_be_dropped(&transaction, span, cutoff).await? {
            drop_partition(&transaction, span).await?;
            dropped.push(span);
        }
    }
    transaction.commit().await?;
    Ok(dropped)
}

/// The end of what [`drop_before`] would drop; `None` where it would drop nothing.
pub async fn expired_until(pool: &Pool, cutoff: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    Ok(expired(&transaction, cutoff).await?.iter().map(|span| span.upper).max())
}

/// The partitions that are past retention, the oldest first. Nobody makes or drops any until the transaction ends.
async fn expired(transaction: &Transaction<'_>, cutoff: Timestamp) -> Result<Vec<Span>, StoreError> {
    let mut expired = Vec::new();
    for span in locked(transaction).await? {
        if span.upper <= cutoff && !was_stored_since(transaction, span, cutoff).await? {
            expired.push(span);
        }
    }
    Ok(expired)
}

/// Whether an event of this partition was stored since then, by Postgres' clock.
async fn was_stored_since(
    transaction: &Transaction<'_>,
    span: Span,
    moment: Timestamp,
) -> Result<bool, StoreError> {
    const SELECT: &str = "select exists (select from frames
        where received_at >= $1 and received_at < $2 and latest_at >= $3 and stored_at > $4)";
    let from = span.lower.saturating_sub(FRAME_SPAN).unwrap_or(span.lower);
    Ok(transaction.query_one(SELECT, &[&from, &span.upper, &span.lower, &moment]).await?.try_get(0)?)
}

/// Waits for those who write, and keeps others from it until the transaction ends. In the order in which a batch is
/// written, so that nobody waits for one who waits for him.
async fn keep_writers_away(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    // Longer than the second (deadlock_timeout) after which Postgres sends away an autovacuum that is in the way.
    const LOCK: &str = "set local lock_timeout = '2s';
        lock table only frames, only events, only triggers in access exclusive mode";
    Ok(transaction.batch_execute(LOCK).await?)
}

async fn can_be_dropped(
    transaction: &Transaction<'_>,
    span: Span,
    cutoff: Timestamp,
) -> Result<bool, StoreError> {
    Ok(!was_stored_since(transaction, span, cutoff).await?
        && seal::keep_away(transaction, &span.suffix()).await?)
}

async fn drop_partition(transaction: &Transaction<'_>, span: Span) -> Result<(), StoreError> {
    for table in TABLES {
        transaction.batch_execute(&format!("drop table {table}_{}", span.suffix())).await?;
    }
    transaction.execute("delete from partitions where lower_bound = $1", &[&span.lower]).await?;
    Ok(())
}
