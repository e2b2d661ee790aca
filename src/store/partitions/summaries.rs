//! Summaries for the BRIN indexes of the partitions that are written. A search reads every page that no summary covers.
//!
//! Invariants: only ranges that are full are summarised, and each of them once, since one that still fills is packed anew
//! with each row; nobody who has the table's lock is sent away, such as an autovacuum, which would have to begin again.

use std::collections::HashMap;
use std::time::Instant;

use tokio::time::sleep;

use super::super::{Pool, StoreError};
use crate::ops::metrics::{PostgresOperation, timed};

/// Ranges are summarised in steps of so many: some milliseconds of a core.
const RANGES_AT_ONCE: i64 = 8;

/// How far each index is summarised, as far as this process knows.
#[derive(Debug, Default)]
pub struct Summaries {
    /// The first page that is not, by the index's OID.
    next: HashMap<u32, i64>,
}

/// An index, and the full ranges of its table.
struct Full {
    index: u32,
    pages_per_range: i64,
    ranges: i64,
}

impl Summaries {
    /// Summarises what has filled since the last time. Tables whose lock another has are left for the next time.
    ///
    /// After each step it rests for `rest` times as long as that took: whoever stores meanwhile shares the cores.
    pub async fn refresh(&mut self, pool: &Pool, rest: u32) -> Result<(), StoreError> {
        let full = timed(PostgresOperation::Partitions, full_ranges(pool)).await?;
        self.next.retain(|index, _| full.iter().any(|full| full.index == *index));
        for Full { index, pages_per_range, ranges } in full {
            let (next, end) = (self.next.entry(index).or_default(), ranges * pages_per_range);
            while *next < end {
                let (until, started) = (end.min(*next + RANGES_AT_ONCE * pages_per_range), Instant::now());
                let summarizing = summarize(pool, index, pages_per_range, *next, until);
                timed(PostgresOperation::Partitions, summarizing).await?;
                *next = until;
                sleep(started.elapsed() * rest).await;
            }
        }
        Ok(())
    }
}

/// The BRIN indexes of partitions that are not sealed and whose table is free.
async fn full_ranges(pool: &Pool) -> Result<Vec<Full>, StoreError> {
    const SELECT: &str = "with indexes as (
            select i.indexrelid, i.indrelid, coalesce((
                select option_value::bigint from pg_options_to_table(c.reloptions) where option_name = 'pages_per_range'
            ), 128) as pages_per_range
            from partitions p
            join pg_class t on t.relname in ('events_' || p.suffix, 'triggers_' || p.suffix)
            join pg_index i on i.indrelid = t.oid
            join pg_class c on c.oid = i.indexrelid
            join pg_am a on a.oid = c.relam and a.amname = 'brin'
            where p.sealed_at is null and not exists (
                select from pg_locks l where l.relation = t.oid and l.mode = 'ShareUpdateExclusiveLock'
            )
        )
        select indexrelid, pages_per_range,
            pg_relation_size(indrelid) / current_setting('block_size')::bigint / pages_per_range
        from indexes";
    let rows = pool.get().await?.query(SELECT, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Full { index: row.get(0), pages_per_range: row.get(1), ranges: row.get(2) })
        .collect())
}

/// Summarises the ranges that begin at the pages from `next` to before `end`.
async fn summarize(
    pool: &Pool,
    index: u32,
    pages_per_range: i64,
    next: i64,
    end: i64,
) -> Result<(), StoreError> {
    const SUMMARIZE: &str = "select count(brin_summarize_range($1::oid::regclass, page))
        from generate_series($2::bigint, $3::bigint - 1, $4) as page";
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    // Shorter than the second (deadlock_timeout) after which Postgres sends away an autovacuum that is in the way.
    transaction.batch_execute("set local lock_timeout = '500ms'").await?;
    transaction.execute(SUMMARIZE, &[&index, &next, &end, &pages_per_range]).await?;
    transaction.commit().await?;
    Ok(())
}
