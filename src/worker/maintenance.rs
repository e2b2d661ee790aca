//! What keeps the tables in shape beside the hot path: partitions ahead of time, retention, fresh BRIN summaries.

use std::time::Duration;

use deadpool_postgres::Pool;
use jiff::Timestamp;

use super::claimant::ClaimError;
use super::ledger;
use super::watch::Membership;
use crate::config::PartitionConfig;
use crate::store::{Partitions, StoreError, partitions};

/// How often the tables are looked after.
const PERIOD: Duration = Duration::from_mins(1);

/// Looks after the tables until it is dropped. Any number of workers may do so at once.
pub async fn maintain(group: Membership, postgres: Pool, config: PartitionConfig) {
    let mut known = Partitions::new(config.partition_interval);
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        if let Err(error) = maintain_once(&group, &postgres, &config, &mut known, Timestamp::now()).await {
            known.forget();
            tracing::warn!(%error, "the tables were not looked after; trying again in {PERIOD:?}");
        }
    }
}

async fn maintain_once(
    group: &Membership,
    postgres: &Pool,
    config: &PartitionConfig,
    known: &mut Partitions,
    now: Timestamp,
) -> Result<(), ClaimError> {
    let ahead = now.saturating_add(config.partitions_ahead).unwrap_or(Timestamp::MAX);
    known.ensure(&mut *postgres.get().await.map_err(StoreError::from)?, now, ahead).await?;
    if let Some(retention) = config.retention {
        let cutoff = now.saturating_sub(retention).unwrap_or(Timestamp::MIN);
        ledger::forget_expired(group, postgres, cutoff).await?;
        for span in partitions::drop_before(postgres, cutoff).await? {
            known.forget();
            tracing::info!(from = %span.lower, to = %span.upper, "dropped a partition past retention");
        }
    }
    Ok(partitions::summarize(postgres, now).await?)
}
