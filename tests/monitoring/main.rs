//! Metrics, dashboards and alerts, held against a real Prometheus: `make test-monitoring`. `make dashboards` draws them.

#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in what they share")]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests in tests/it use the rest")]
mod support;

mod dashboard;
mod rules;
mod promql;
mod prometheus;
mod scene;

mod alerts;
mod catalogue;
mod layout;
mod panels;
mod pictures;

/// What is tested: the folder that is mounted into Prometheus and Grafana.
const GRAFANA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana");
