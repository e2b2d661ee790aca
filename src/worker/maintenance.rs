//! What keeps the tables in shape beside the hot path: partitions ahead of time, retention, fresh BRIN summaries, and the
//! sealing of what has closed.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::claimant::ClaimError;
use super::ledger;
use super::watch::Membership;
use crate::config::PartitionConfig;
use crate::ops::clock;
use crate::ops::metrics::{self, PostgresOperation, timed};
use crate::ops::{Background, Periodic};
use crate::queue;
use crate::store::partitions::{Duplicates, Sealing, Span, Summaries};
use crate::store::{self, Partitions, Pool, StoreError, partitions};

/// How often the tables are looked after.
const PERIOD: Duration = Duration::from_mins(1);
/// How often what was stored is summarised: a search reads all that has come since.
const SUMMARY_PERIOD: Duration = Duration::from_secs(2);
/// It takes a third of a core at most.
const SUMMARY_REST: u32 = 2;

/// Looks after the tables in the background. Any number of workers may do so at once. Sealing takes its time, so it is a
/// task of its own: partitions must be made meanwhile.
pub fn maintain(background: &mut Background, group: &Membership, postgres: &Pool, config: &PartitionConfig) {
    background.spawn("partitions", keep_in_shape(group.clone(), postgres.clone(), config.clone()));
    background.spawn("summaries", keep_summarised(postgres.clone()));
    background.spawn("sealing", keep_sealed(postgres.clone(), config.clone()));
}

async fn keep_in_shape(group: Membership, postgres: Pool, config: PartitionConfig) {
    let mut known = Partitions::new(config.partition_interval);
    let mut rounds = Periodic::every(PERIOD);
    loop {
        rounds.next().await;
        let maintained = maintain_once(&group, &postgres, &config, &mut known).await;
        rounds.note(maintained.inspect_err(|_| known.forget()));
    }
}

async fn maintain_once(
    group: &Membership,
    postgres: &Pool,
    config: &PartitionConfig,
    known: &mut Partitions,
) -> Result<(), ClaimError> {
    let now = store::now(postgres).await?;
    let ahead = now.saturating_add(config.partitions_ahead).unwrap_or(Timestamp::MAX);
    let mut client = postgres.get().await?;
    timed(PostgresOperation::Partitions, known.ensure(&mut client, now, ahead)).await?;
    drop(client);
    // Last, since it gives up where it would have to wait for long.
    if let Some(retention) = config.retention {
        let cutoff = partitions::cutoff(clocks(group, postgres).await?, retention);
        ledger::forget_expired(group, postgres, cutoff).await?;
        let dropping = partitions::drop_before(postgres, cutoff);
        for span in timed(PostgresOperation::Partitions, dropping).await? {
            known.forget();
            tracing::info!(from = %span.lower, to = %span.upper, "dropped a partition past retention");
        }
    }
    Ok(())
}

/// What time it is by every clock that is at hand: Postgres', Redis' or that of each of its nodes, and this machine's.
async fn clocks(group: &Membership, postgres: &Pool) -> Result<Vec<Timestamp>, ClaimError> {
    let redis = queue::clocks(&group.redis, group.shards).await?;
    let mut clocks = vec![store::now(postgres).await?, clock::own()];
    clocks.extend(redis.iter().map(|reading| reading.at(Instant::now())));
    Ok(clocks)
}

async fn keep_summarised(postgres: Pool) {
    let mut summaries = Summaries::default();
    let mut rounds = Periodic::every(SUMMARY_PERIOD);
    loop {
        rounds.next().await;
        rounds.note(summaries.refresh(&postgres, SUMMARY_REST).await);
    }
}

async fn keep_sealed(postgres: Pool, config: PartitionConfig) {
    let mut rounds = Periodic::every(PERIOD);
    loop {
        rounds.next().await;
        rounds.note(seal_closed(&postgres, &config).await);
    }
}

/// Seals what has closed, the oldest first. Where another worker is at it, this one leaves it to that one.
async fn seal_closed(postgres: &Pool, config: &PartitionConfig) -> Result<(), StoreError> {
    let now = store::now(postgres).await?;
    // What is about to be dropped needs no indexes.
    let kept_from = config.retention.map_or(Timestamp::MIN, |retention| before(now, retention));
    let closed_before = before(now, config.seal_after);
    let unsealed = partitions::unsealed(&*postgres.get().await?, closed_before, kept_from).await?;
    metrics::partitions_unsealed(unsealed.len());
    if unsealed.is_empty() {
        return Ok(());
    }
    let mut client = partitions::sealing_connection(postgres).await?;
    let mut failed = 0;
    for (index, span) in unsealed.iter().enumerate() {
        let started = Instant::now();
        match partitions::seal(&client, *span).await {
            Ok(Sealing::Done(duplicates)) => report(*span, started.elapsed(), &duplicates),
            Ok(Sealing::Over) => {}
            Ok(Sealing::Taken) => return Ok(()),
            Err(error) => {
                failed += 1;
                tracing::warn!(from = %span.lower, %error, "a partition was not sealed; trying again in {PERIOD:?}");
                // The others may fare better, on a connection that holds no lock.
                client = partitions::sealing_connection(postgres).await?;
            }
        }
        metrics::partitions_unsealed(unsealed.len() - index - 1 + failed);
    }
    Ok(())
}

fn report(span: Span, took: Duration, duplicates: &Duplicates) {
    metrics::partition_sealed(took, u64::try_from(duplicates.ids).unwrap_or_default());
    tracing::info!(from = %span.lower, to = %span.upper, ?took, "sealed a partition");
    if duplicates.ids > 0 {
        tracing::error!(
            from = %span.lower,
            to = %span.upper,
            ids = duplicates.ids,
            "a partition holds events more than once: sent again after the dedupe window, or stored twice"
        );
    }
    for duplicate in &duplicates.named {
        let partitions::Duplicate { event_id, user_id, from_browser, rows } = duplicate;
        tracing::error!(event_id, user_id, from_browser, rows, "stored more than once");
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.saturating_sub(age).unwrap_or(Timestamp::MIN)
}
