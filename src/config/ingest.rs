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
    /// Events held in memory, in bytes, until Redis has acknowledged them; more wait for room
    #[arg(long, env = "INGEST_BUFFER", default_value = "8MiB")]
    pub buffer: Bytes,
    /// When to stop accepting
    #[command(flatten)]
    pub marks: QueueMarks,
}

/// How much may be queued. The marks are percents of Redis' `maxmemory`, or of the budget where it has none.
#[derive(Clone, Debug, clap::Args)]
pub struct QueueMarks {
    /// What Redis may hold of events and their claims, where it sets no limit (maxmemory) of its own; `up` sets it as that
    /// limit
    #[arg(long = "queue-budget", env = "QUEUE_BUDGET", default_value = "1GiB")]
    pub budget: Bytes,
    /// At this share of it, in percent, events are refused with 429
    #[arg(long = "queue-high", env = "QUEUE_HIGH", default_value_t = 70, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub high: u8,
    /// Below this share, in percent, they are accepted again
    #[arg(long = "queue-low", env = "QUEUE_LOW", default_value_t = 60, value_parser = clap::value_parser!(u8).range(0..=99))]
    pub low: u8,
}

/// The marks are the wrong way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "QUEUE_LOW ({low}) must be below QUEUE_HIGH ({high}): at the high mark events are refused, below the low one accepted again"
)]
pub struct MarksCrossed {
    low: u8,
    high: u8,
}

impl QueueMarks {
    /// Refuses a low mark that is not below the high one.
    pub fn check(&self) -> Result<(), MarksCrossed> {
        let Self { low, high, .. } = *self;
        if low < high { Ok(()) } else { Err(MarksCrossed { low, high }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_the_wrong_way_round_are_refused() {
        let marks = |low, high| QueueMarks { budget: Bytes::new(1), high, low }.check();
        assert_eq!(marks(60, 70), Ok(()));
        assert!(marks(70, 70).is_err());
        assert!(marks(90, 20).expect_err("crossed").to_string().contains("QUEUE_LOW (90)"));
    }
}
