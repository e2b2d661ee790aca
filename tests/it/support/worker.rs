//! A worker in the test's own process, on servers of the test's own, with short waits.

use std::time::Duration;

use campaign_manager::config::{QueueConfig, StoreConfig};
use campaign_manager::ops::Readiness;
use campaign_manager::roles::{Worker, WorkerSettings};
use clap::Parser as _;

use super::{TestStores, until};

/// How long anything that a test waits for may take; far more than it does.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The settings of a worker, read as the command line would.
#[derive(clap::Parser)]
#[command(args_override_self = true)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) queue: QueueConfig,
    #[command(flatten)]
    pub(crate) store: StoreConfig,
    #[command(flatten)]
    pub(crate) worker: WorkerSettings,
}

impl Settings {
    /// The defaults, but for waits that do not hold up a test, and these flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let fixed = ["test", "--fetch-wait", "50ms", "--catalog-poll", "100ms"];
        Self::parse_from(fixed.iter().chain(flags))
    }
}

/// Starts a worker.
pub(crate) async fn start_worker(stores: &TestStores, settings: &Settings) -> Worker {
    start_worker_in(stores, settings, &mut Readiness::default()).await
}

/// Starts a worker as a part of a process with this readiness.
pub(crate) async fn start_worker_in(
    stores: &TestStores,
    settings: &Settings,
    readiness: &mut Readiness,
) -> Worker {
    let Settings { queue, store, worker } = settings;
    Worker::start(&stores.urls(), queue, store, worker, readiness).await.unwrap()
}

/// How many rows a table has.
pub(crate) async fn count(stores: &TestStores, table: &str) -> i64 {
    stores.postgres().await.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap().get(0)
}

/// Waits until a table has so many rows.
pub(crate) async fn until_rows(stores: &TestStores, table: &str, rows: i64) {
    let client = stores.postgres().await;
    let query = format!("select count(*) from {table}");
    until(&format!("{rows} rows in {table}"), DEADLINE, async || {
        client.query_one(&query, &[]).await.unwrap().get::<_, i64>(0) == rows
    })
    .await;
}
