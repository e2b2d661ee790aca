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

/// Events would be dropped while their ids are still remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "RETENTION ({retention:?}) must be at least DEDUPE_WINDOW ({dedupe_window:?}): if Redis loses the ids of that window, \
     they are restored from the events in Postgres"
)]
pub struct RetentionTooShort {
    retention: Duration,
    dedupe_window: Duration,
}

impl PartitionConfig {
    /// Refuses to drop events that are younger than the dedupe window.
    pub fn check(&self, dedupe_window: Duration) -> Result<(), RetentionTooShort> {
        match self.retention {
            Some(retention) if retention < dedupe_window => {
                Err(RetentionTooShort { retention, dedupe_window })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stay_for_as_long_as_their_ids_are_remembered() {
        let check = |retention: Option<u64>| {
            let config = PartitionConfig {
                partition_interval: Duration::from_hours(24),
                partitions_ahead: Duration::from_hours(48),
                seal_after: Duration::from_hours(1),
                retention: retention.map(Duration::from_hours),
            };
            config.check(Duration::from_hours(24))
        };
        assert_eq!([None, Some(24), Some(25)].map(check), [Ok(()); 3]);
        let said = check(Some(23)).expect_err("too short").to_string();
        assert!(said.starts_with("RETENTION (82800s) must be at least DEDUPE_WINDOW (86400s)"), "{said}");
    }
}
