//! Events and triggers as a shop would have them, made by Postgres itself.

use std::time::{Duration, Instant};

use campaign_manager::store::partitions::{self, Summaries};
use campaign_manager::store::{self, Partitions};
use jiff::{SignedDuration, Timestamp};

use crate::system::System;

/// Campaigns that events trigger, evenly.
pub(crate) const CAMPAIGNS: i64 = 100;
/// Partitions before the hot one.
const SEALED: usize = 3;

/// Where the rows lie.
pub(crate) struct Filled {
    /// In a partition that was sealed.
    pub(crate) long_ago: Timestamp,
    /// In the hot partition.
    pub(crate) recently: Timestamp,
    pub(crate) now: Timestamp,
}

pub(crate) async fn fill(system: &System, rows: usize) -> anyhow::Result<Filled> {
    let (now, started) = (Timestamp::now(), Instant::now());
    let mut client = system.postgres.get().await?;
    let interval = system.partitions().partition_interval;
    let oldest = now - interval * u32::try_from(SEALED)?;
    Partitions::new(interval).ensure(&mut client, oldest, now).await?;
    client
        .execute(
            "insert into campaigns (version, name, status, rules)
            select 1, 'bench', 'paused', '{\"event_type\": [\"test\"]}' from generate_series(1, $1)",
            &[&i32::try_from(CAMPAIGNS)?],
        )
        .await?;
    let bounds = client.query("select lower_bound, upper_bound from partitions order by 1", &[]).await?;
    let mut hot = now;
    for (index, row) in bounds.iter().enumerate() {
        let (lower, upper): (Timestamp, Timestamp) = (row.get(0), row.get(1));
        let is_hot = index == SEALED;
        let (upper, rows) = if is_hot { (now, rows * 2 / 5) } else { (upper, rows / 5) };
        insert(&client, lower, upper - lower.duration_until(upper) / 1_000_000, rows).await?;
        Summaries::default().refresh(&system.postgres, 0).await?;
        if is_hot {
            hot = lower;
        }
    }
    println!("{rows} events in {:.0?}", started.elapsed());
    client.batch_execute("analyze events, triggers").await?;
    let started = Instant::now();
    let sealing = partitions::sealing_connection(&system.postgres).await?;
    for span in partitions::unsealed(&sealing, hot, Timestamp::MIN).await? {
        partitions::seal(&sealing, span).await?;
    }
    println!("{SEALED} partitions sealed in {:.0?}", started.elapsed());
    let recently = hot + hot.duration_until(now) / 2;
    let long_ago = now - SignedDuration::try_from(interval + Duration::from_hours(1))?;
    Ok(Filled { long_ago, recently, now })
}

/// So many events, evenly over the time, and a trigger for three in ten.
async fn insert(client: &store::Lent, lower: Timestamp, upper: Timestamp, rows: usize) -> anyhow::Result<()> {
    let rows = i64::try_from(rows)?;
    client
        .execute(
            "insert into events
            select gen_random_uuid()::text, 'u-' || user_id, event_type, at,
                case when random() < 0.3 then array[1 + floor(random() * $4::bigint)::bigint] else '{}' end,
                format('{\"event_id\": \"e-%s\", \"event_type\": \"%s\", \"user_id\": \"u-%s\", \"timestamp\": \"%s\", \"properties\": {\"amount\": %s, \"currency\": \"EUR\", \"channel\": \"web\", \"items\": 3}}',
                    number, event_type, user_id, at, amount)::json
            from (select number, floor(random() * 1000000)::int as user_id, floor(random() * 500) as amount,
                    case when random() < 0.00001 then 'refund'
                        else (array['view', 'view', 'view', 'search', 'cart', 'purchase'])[1 + floor(random() * 6)::int]
                        end as event_type,
                    $1::timestamptz + ($2::timestamptz - $1) * (number / $3::bigint::float) as at
                from generate_series(0, $3::bigint - 1) number) made",
            &[&lower, &upper, &rows, &CAMPAIGNS],
        )
        .await?;
    client
        .execute(
            "insert into triggers select unnest(campaign_ids), 1, event_id, user_id, received_at
            from events where received_at >= $1 and received_at < $2",
            &[&lower, &upper],
        )
        .await?;
    Ok(())
}
