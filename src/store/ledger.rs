//! The ledger's half in Postgres: what became of events, from the receipts of their frames, and what servers report to have
//! acknowledged.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::{Pool, StoreError, epochs};
use crate::ledger::{InPostgres, Outcomes, begin_of};
use crate::ops::metrics::PostgresOperation;
use crate::queue::Shard;

/// Postgres' time, which `reported_at` is of.
pub async fn now(pool: &Pool) -> Result<Timestamp, StoreError> {
    let client = pool.get().await?;
    Ok(client.query_typed_one("select now()", &[]).await?.try_get(0)?)
}

/// Reads, by day (UTC) from `from` on:
///
/// - the outcomes of each shard's frames whose entries are not older than the millisecond given with the shard, and of no
///   other shard;
/// - what servers reported;
/// - of what they had reported before `settled`, how much has no outcome of any frame. Minute by minute, so that an
///   event that was never reported makes up for a lost one only if both are of the same minute.
///
/// It reads every receipt of those days.
pub async fn read(
    pool: &Pool,
    since: &[(Shard, u64)],
    from: Date,
    settled: Timestamp,
) -> Result<BTreeMap<Date, InPostgres>, StoreError> {
    const SELECT: &str = "
        with outcomes as (
            select date_bin('1 minute', received_at, 'epoch') as minute,
                sum(stored) filter (where entry_ms >= since) as stored,
                sum(duplicates) filter (where entry_ms >= since) as duplicates,
                sum(dead_lettered) filter (where entry_ms >= since) as dead_lettered,
                sum(stored + duplicates + dead_lettered) as events
            from frames left join unnest($1::smallint[], $2::bigint[]) as begun (shard, since) using (shard)
            where received_at >= $3 group by 1
        ), reports as (
            select minute, sum(events) as events, sum(events) filter (where reported_at < $4) as settled
            from accepted_reports where minute >= $3 group by 1
        )
        select (minute at time zone 'UTC')::date, sum(stored)::bigint, sum(duplicates)::bigint,
            sum(dead_lettered)::bigint, sum(reports.events)::bigint,
            sum(greatest(settled - coalesce(outcomes.events, 0), 0))::bigint
        from outcomes full join reports using (minute) group by 1";
    let shards: Vec<i16> = since.iter().map(|(shard, _)| epochs::number(*shard)).collect();
    let since: Vec<i64> = since.iter().map(|(_, since)| i64::try_from(*since).unwrap_or(i64::MAX)).collect();
    let from = begin_of(from);
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
        (&shards, Type::INT2_ARRAY),
        (&since, Type::INT8_ARRAY),
        (&from, Type::TIMESTAMPTZ),
        (&settled, Type::TIMESTAMPTZ),
    ];
    let rows = pool.rows(PostgresOperation::Ledger, SELECT, &parameters).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, day(row)?))).collect()
}

fn day(row: &Row) -> Result<InPostgres, StoreError> {
    let count = |column: usize| -> Result<u64, StoreError> {
        Ok(row.try_get::<_, Option<i64>>(column)?.and_then(|sum| u64::try_from(sum).ok()).unwrap_or(0))
    };
    let outcomes = Outcomes { stored: count(1)?, duplicate: count(2)?, dead_lettered: count(3)? };
    Ok(InPostgres { outcomes, reported: count(4)?, lost: count(5)? })
}

/// Notes how many events a server has acknowledged, by minute; what it reported before is never made less.
pub async fn report(pool: &Pool, server: &str, minutes: &[(Timestamp, u64)]) -> Result<(), StoreError> {
    const INSERT: &str = "insert into accepted_reports (minute, server, events)
        select minute, $1, events from unnest($2::timestamptz[], $3::bigint[]) as report (minute, events)
        on conflict (minute, server) do update
        set events = greatest(accepted_reports.events, excluded.events), reported_at = now()";
    let events: Vec<i64> =
        minutes.iter().map(|(_, events)| i64::try_from(*events).unwrap_or(i64::MAX)).collect();
    let minutes: Vec<Timestamp> = minutes.iter().map(|(minute, _)| *minute).collect();
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&server, Type::TEXT), (&minutes, Type::TIMESTAMPTZ_ARRAY), (&events, Type::INT8_ARRAY)];
    pool.rows(PostgresOperation::Ledger, INSERT, &parameters).await.map(|_| ())
}

/// Forgets the reports of minutes before `until`, whose receipts are about to be dropped.
pub async fn forget_reports(pool: &Pool, until: Timestamp) -> Result<(), StoreError> {
    const DELETE: &str = "delete from accepted_reports where minute < $1";
    pool.rows(PostgresOperation::Ledger, DELETE, &[(&until, Type::TIMESTAMPTZ)]).await.map(|_| ())
}
