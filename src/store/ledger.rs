//! The ledger's half in Postgres: what became of events, from the receipts of their frames.

use std::collections::BTreeMap;

use jiff::civil::Date;
use tokio_postgres::types::Type;

use super::{Pool, StoreError, epochs};
use crate::ledger::{Outcomes, begin_of};
use crate::ops::metrics::PostgresOperation;
use crate::queue::Shard;

/// Adds up the outcomes of frames accepted on `from` or later, by day (UTC): of each shard those whose entries are not
/// older than the millisecond given with it, of other shards none.
///
/// It reads every receipt of those days.
pub async fn outcomes(
    pool: &Pool,
    since: &[(Shard, u64)],
    from: Date,
) -> Result<BTreeMap<Date, Outcomes>, StoreError> {
    const SELECT: &str = "select (received_at at time zone 'UTC')::date, sum(stored)::bigint,
            sum(duplicates)::bigint, sum(dead_lettered)::bigint
        from frames join unnest($1::smallint[], $2::bigint[]) as begun (shard, since) using (shard)
        where received_at >= $3 and entry_ms >= since group by 1";
    let shards: Vec<i16> = since.iter().map(|(shard, _)| epochs::number(*shard)).collect();
    let since: Vec<i64> = since.iter().map(|(_, since)| i64::try_from(*since).unwrap_or(i64::MAX)).collect();
    let from = begin_of(from);
    let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&shards, Type::INT2_ARRAY), (&since, Type::INT8_ARRAY), (&from, Type::TIMESTAMPTZ)];
    let count = |sum: i64| u64::try_from(sum).unwrap_or(0);
    let rows = pool.rows(PostgresOperation::Ledger, SELECT, &parameters).await?;
    let days = rows.iter().map(|row| {
        let (stored, duplicate, dead_lettered) =
            (count(row.try_get(1)?), count(row.try_get(2)?), count(row.try_get(3)?));
        Ok((row.try_get(0)?, Outcomes { stored, duplicate, dead_lettered }))
    });
    days.collect()
}
