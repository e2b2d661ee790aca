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
}
