//! How events are gathered into frames.

use std::time::Duration;

use super::Bytes;

/// The accumulator: when a frame leaves.
#[derive(Clone, Debug, clap::Args)]
pub struct IngestConfig {
    /// A frame that has reached this size leaves at once
    #[arg(long, env = "FRAME_BYTES", default_value = "64KiB")]
    pub frame_bytes: Bytes,
    /// The longest that an event waits for others to share its frame; without traffic it does not wait
    #[arg(long, env = "LINGER", default_value = "2ms", value_parser = super::duration)]
    pub linger: Duration,
    /// Events held in memory, in bytes, until Redis has acknowledged them; more are answered with 503
    #[arg(long, env = "INGEST_BUFFER", default_value = "64MiB")]
    pub buffer: Bytes,
    /// When to stop accepting
    #[command(flatten)]
    pub marks: QueueMarks,
}

/// How much may be queued. The marks are percents of Redis' `maxmemory`, or of the budget where it has none.
#[derive(Clone, Debug, clap::Args)]
pub struct QueueMarks {
    /// What Redis may hold of events and their claims, where it sets no limit (maxmemory) of its own
    #[arg(long = "queue-budget", env = "QUEUE_BUDGET", default_value = "1GiB")]
    pub budget: Bytes,
    /// At this share of it, in percent, events are refused with 429
    #[arg(long = "queue-high", env = "QUEUE_HIGH", default_value_t = 70, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub high: u8,
    /// Below this share, in percent, they are accepted again
    #[arg(long = "queue-low", env = "QUEUE_LOW", default_value_t = 60, value_parser = clap::value_parser!(u8).range(0..=99))]
    pub low: u8,
}
