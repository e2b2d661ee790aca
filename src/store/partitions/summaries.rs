//! Summaries for the BRIN indexes of the partitions that are written. A search reads every page that no summary covers, and
//! nobody else makes them: open partitions are [not vacuumed](super::vacuum).
//!
//! Invariants: only ranges that are full are summarised, as one that still fills is packed anew with each row; nobody who
//! has the lock of maintenance on a table is sent away, such as an autovacuum, which would have to begin again.

use std::collections::HashMap;
use std::time::Instant;

use tokio::time::sleep;
use tokio_postgres::Row;

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
struct Index {
    oid: u32,
    pages_per_range: i64,
    full_ranges: i64,
    /// Nobody maintains its table.
    is_free: bool,
}

impl Summaries {
    /// Summarises what has filled since the last time. Tables whose lock another has are left for the next time.
    ///
    /// After each step it rests for `rest` times as long as that took: whoever stores meanwhile shares the cores.
    pub async fn refresh(&mut self, pool: &Pool, rest: u32) -> Result<(), StoreError> {
        let indexes = timed(PostgresOperation::Partitions, unsealed(pool)).await?;
        self.next.retain(|oid, _| indexes.iter().any(|index| index.oid == *oid));
        for index in indexes.iter().filter(|index| index.is_free) {
            let next = self.next.entry(index.oid).or_default();
            match index.catch_up(pool, next, rest).await {
                Err(error) if error.is_locked() => {}
                done => done?,
            }
        }
        Ok(())
    }
}

impl Index {
    async fn catch_up(&self, pool: &Pool, next: &mut i64, rest: u32) -> Result<(), StoreError> {
        let end = self.full_ranges * self.pages_per_range;
        while *next < end {
            let (until, started) = (end.min(*next + RANGES_AT_ONCE * self.pages_per_range), Instant::now());
            timed(PostgresOperation::Partitions, self.summarize(pool, *next, until)).await?;
            *next = until;
            sleep(started.elapsed() * rest).await;
        }
        Ok(())
    }

    /// Summarises the ranges that begin at the pages from `next` to before `end`.
    async fn summarize(&self, pool: &Pool, next: i64, end: i64) -> Result<(), StoreError> {
        const SUMMARIZE: &str = "select count(brin_summarize_range($1::oid::regclass, page))
            from generate_series($2::bigint, $3::bigint - 1, $4) as page";
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        // Shorter than the second (deadlock_timeout) after which Postgres sends away an autovacuum that is in the way.
        transaction.batch_execute("set local lock_timeout = '500ms'").await?;
        let statement = transaction.prepare_cached(SUMMARIZE).await?;
        transaction.execute(&statement, &[&self.oid, &next, &end, &self.pages_per_range]).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// The BRIN indexes of the partitions that are not sealed.
async fn unsealed(pool: &Pool) -> Result<Vec<Index>, StoreError> {
    // A table that is dropped meanwhile has no size.
    const SELECT: &str = "with indexes as (
            select i.indexrelid, i.indrelid, coalesce((
                select option_value::bigint from pg_options_to_table(c.reloptions) where option_name = 'pages_per_range'
            ), 128) as pages_per_range
            from partitions p
            join pg_class t on t.relname in ('events_' || p.suffix, 'triggers_' || p.suffix, 'frames_' || p.suffix)
            join pg_index i on i.indrelid = t.oid
            join pg_class c on c.oid = i.indexrelid
            join pg_am a on a.oid = c.relam and a.amname = 'brin'
            where p.sealed_at is null
        )
        select indexrelid, pages_per_range,
            coalesce(pg_relation_size(indrelid) / current_setting('block_size')::bigint / pages_per_range, 0),
            not exists (
                select from pg_locks l where l.relation = indrelid and l.mode = 'ShareUpdateExclusiveLock'
            )
        from indexes";
    let client = pool.get().await?;
    let statement = client.prepare_cached(SELECT).await?;
    let rows = client.query(&statement, &[]).await?;
    let index = |row: &Row| Index {
        oid: row.get(0),
        pages_per_range: row.get(1),
        full_ranges: row.get(2),
        is_free: row.get(3),
    };
    Ok(rows.iter().map(index).collect())
}
