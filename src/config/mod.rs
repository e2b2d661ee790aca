//! What can be configured, a struct for each concern.
//!
//! Every setting is a flag and an environment variable of the same name; a value that cannot work is refused when the
//! command line is read, before anything is bound or connected. `.env.example` lists them all.

mod bytes;
mod http;
mod ingest;
mod origins;
mod partitions;
mod servers;
mod shutdown;
mod stores;
mod telemetry;
mod worker;

pub use bytes::Bytes;
pub use http::{AdminConfig, Auth, HttpConfig, OpenToAll};
pub use ingest::{IngestConfig, MarksCrossed, QueueMarks};
pub use origins::{NoOrigin, Origins};
pub use partitions::{PartitionConfig, RetentionTooShort};
pub(crate) use servers::UNESCAPED;
pub use servers::{DatabaseUrl, QueueConfig, RedisUrl, ServerUrls, StoreConfig};
pub use shutdown::ShutdownConfig;
pub use stores::{Fsync, StoresConfig};
pub use telemetry::{LogFormat, TelemetryConfig};
pub use worker::WorkerConfig;

use std::time::Duration;

/// Reads a duration as people write it: `2ms`, `30s`, `24h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let read = any_duration(text)?;
    if read > LONGEST { Err("it must be at most ten years (3650d)".to_owned()) } else { Ok(read) }
}

/// Longer ones reach beyond what Postgres can say of a time.
const LONGEST: Duration = Duration::from_hours(24 * 3650);

fn any_duration(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    if let Some(days) = days {
        return Ok(Duration::from_hours(24) * days);
    }
    let span: jiff::SignedDuration =
        text.parse().map_err(|error| format!("{error}; write it as 500ms, 30s, 15m, 24h or 7d"))?;
    Duration::try_from(span).map_err(|_| "a duration cannot be negative".to_owned())
}

/// Reads a duration of at least a second.
fn seconds(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_secs(1), text)
}

/// Reads how long a session of Postgres may be idle in a transaction, which is counted there in 32 bits.
fn session_timeout(text: &str) -> Result<Duration, String> {
    let read = seconds(text)?;
    if read > Duration::from_hours(24) { Err("it must be at most 24h".to_owned()) } else { Ok(read) }
}

/// Reads a duration that a partition may cover: short ones would make thousands of tables.
fn partition_interval(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_mins(10), text)
}

fn at_least(least: Duration, text: &str) -> Result<Duration, String> {
    let read = duration(text)?;
    if read < least { Err(format!("it must be at least {least:?}")) } else { Ok(read) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = ["2ms", "30s", "24h", "7d"].map(duration);
        let expected = [
            Duration::from_millis(2),
            Duration::from_secs(30),
            Duration::from_hours(24),
            Duration::from_hours(168),
        ];
        assert_eq!(read, expected.map(Ok));
        assert!(duration("a week").expect_err("not a duration").contains("7d"));
        assert!(duration("-1s").is_err());
        assert!(duration("4000000000d").expect_err("too long").contains("3650d"));
        assert!(session_timeout("0s").is_err() && session_timeout("25h").is_err());
    }
}
