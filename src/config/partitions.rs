//! Partitions of what the pipeline writes.

use std::time::Duration;

/// How the tables are cut by time, and for how long they are kept.
#[derive(Clone, Debug, clap::Args)]
pub struct PartitionConfig {
    /// The time that one partition covers
    #[arg(long, env = "PARTITION_INTERVAL", default_value = "24h", value_parser = super::partition_interval)]
    pub partition_interval: Duration,
    /// How far ahead of time partitions are made
    #[arg(long, env = "PARTITIONS_AHEAD", default_value = "48h", value_parser = super::duration)]
    pub partitions_ahead: Duration,
    /// Partitions that ended this long ago are sealed: they get their indexes, and no id in them can be stored again
    #[arg(long, env = "SEAL_AFTER", default_value = "1h", value_parser = super::duration)]
    pub seal_after: Duration,
    /// Partitions that ended this long ago are dropped with all that is in them; without it nothing is ever dropped
    #[arg(long, env = "RETENTION", value_parser = super::duration)]
    pub retention: Option<Duration>,
}
