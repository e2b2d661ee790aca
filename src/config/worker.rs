//! The pipeline: batches, channels, claims, reclaiming.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::Bytes;

/// The worker's five stages.
#[derive(Clone, Debug, clap::Args)]
pub struct WorkerConfig {
    /// This worker's name in the consumer group, unique among the workers that run; by default made from host and process
    #[arg(long, env = "CONSUMER_NAME")]
    pub consumer: Option<String>,
    /// The most events that are stored in one transaction
    #[arg(long, env = "BATCH_EVENTS", default_value = "5000")]
    pub batch_events: NonZeroUsize,
    /// The most bytes of events that are stored in one transaction
    #[arg(long, env = "BATCH_BYTES", default_value = "8MiB")]
    pub batch_bytes: Bytes,
    /// Batches that wait between two stages before the earlier one stops
    #[arg(long, env = "CHANNEL_BATCHES", default_value = "2")]
    pub channel_batches: NonZeroUsize,
    /// How long an idle worker waits for events in one call to Redis
    #[arg(long, env = "FETCH_WAIT", default_value = "1s", value_parser = super::duration)]
    pub fetch_wait: Duration,
    /// For how long the id of an event is remembered, so that the event sent again is a duplicate
    #[arg(long, env = "DEDUPE_WINDOW", default_value = "24h", value_parser = super::seconds)]
    pub dedupe_window: Duration,
    /// How much of what it was told Redis may lose when it is restarted: so far back claims are restored then
    #[arg(long, env = "REDIS_LOSS", default_value = "60s", value_parser = super::seconds)]
    pub redis_loss: Duration,
    /// A frame that was delivered more often, and never stored, is tried alone, and then put aside as a dead letter
    #[arg(long, env = "MAX_DELIVERIES", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_deliveries: u64,
    /// A frame that another worker took and has not finished for this long is taken over
    #[arg(long, env = "RECLAIM_AFTER", default_value = "60s", value_parser = super::duration)]
    pub reclaim_after: Duration,
    /// How often the worker looks for changed campaigns even if Postgres has not told it of any
    #[arg(long, env = "CATALOG_POLL", default_value = "1s", value_parser = super::duration)]
    pub catalog_poll: Duration,
}

impl WorkerConfig {
    /// The name in the consumer group: the configured one, else one that no other process of any machine has.
    #[must_use]
    pub fn consumer_name(&self) -> String {
        self.consumer.clone().unwrap_or_else(|| {
            let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "worker".to_owned());
            format!("{host}-{}-{}", std::process::id(), uuid::Uuid::now_v7().simple())
        })
    }
}
