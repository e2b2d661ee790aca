//! One of the server's own metrics, read from its admin port.

use std::time::Duration;

use super::{Connection, Target};
use crate::EnvFile;

/// How long an answer may take; who asks is watching a run meanwhile.
const TIMEOUT: Duration = Duration::from_millis(200);

/// A server's admin port.
#[derive(Clone, Debug)]
pub struct Admin {
    target: Target,
    file: Option<EnvFile>,
}

/// A metric, and a connection to ask for it.
#[derive(Debug)]
pub struct Gauge {
    admin: Admin,
    connection: Connection,
    name: &'static str,
}

impl Admin {
    /// The one there.
    #[must_use]
    pub fn at(target: Target) -> Self {
        Self { target, file: None }
    }

    /// The same, whose address is read again in this file once nobody answers there.
    #[must_use]
    pub fn kept_in(self, file: &EnvFile) -> Self {
        Self { file: Some(file.clone()), ..self }
    }

    fn find_again(&mut self) {
        let url = self.file.as_ref().and_then(|file| file.read().ok()?.admin_url());
        if let Some(target) = url.and_then(|url| url.parse().ok()) {
            self.target = target;
        }
    }
}

impl Gauge {
    /// The events that wait in the server's queue.
    #[must_use]
    pub fn of_queued_events(admin: &Admin) -> Self {
        let connection = Connection::new(&admin.target);
        Self { admin: admin.clone(), connection, name: "campaign_manager_queue_events" }
    }

    /// What it is now, if the server says so in time.
    pub async fn read(&mut self) -> Option<u64> {
        let answer = tokio::time::timeout(TIMEOUT, self.connection.get("/metrics")).await;
        let Ok(Ok(answer)) = answer else {
            self.admin.find_again();
            self.connection = Connection::new(&self.admin.target);
            return None;
        };
        find(std::str::from_utf8(&answer.body).ok()?, self.name)
    }
}

/// The value of a metric without labels, in Prometheus' text format.
fn find(metrics: &str, name: &str) -> Option<u64> {
    let value: f64 =
        metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.trim().parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    value.is_finite().then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let metrics = "# HELP a of b\n# TYPE a gauge\na_bytes 7\na{shard=\"0\"} 8\na 1200\nab 9\n";
        assert_eq!(find(metrics, "a"), Some(1_200));
        assert_eq!(find(metrics, "a_bytes"), Some(7));
        for absent in ["shard", "#", "b", ""] {
            assert_eq!(find(metrics, absent), None, "{absent}");
        }
    }

    #[test]
    fn what_is_no_count_is_not_taken_for_one() {
        for (value, found) in [("1e3", Some(1_000)), ("NaN", None), ("+Inf", None), ("", None), ("x", None)] {
            assert_eq!(find(&format!("a {value}\n"), "a"), found, "{value}");
        }
    }
}
