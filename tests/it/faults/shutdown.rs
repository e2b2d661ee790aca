//! Ends in good order, under load, and where a server hangs.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{SMALL_BATCHES, System};
use crate::support::{Mode, Proxy, Running, Urls};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_asked_to_end_under_load_ends_well_and_everything_acknowledged_is_stored_once() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    for _ in 0..2 {
        system.oracle.until_acknowledged(500).await;
        system.serve_again().await.drain().await;
    }
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("serve drained twice under load", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_asked_to_end_under_load_ends_well_and_the_next_repeats_nothing() {
    let mut system = System::start().await;
    system.oracle.start();
    for _ in 0..2 {
        let worker = system.worker().await;
        system.oracle.until_recovered(&system.stores).await;
        worker.drain().await;
    }
    let last = system.worker().await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("worker drained twice under load", vec![last]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_asked_to_end_while_postgres_hangs_ends_by_its_deadline_and_loses_nothing() {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.database).await;
    let urls = Urls { database: proxy.url(&system.urls.database), ..system.urls.clone() };
    let mut stuck =
        Running::worker(&urls, &[&SMALL_BATCHES[..], &["--shutdown-timeout=500ms"]].concat()).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    proxy.set(Mode::BlackHole);
    system.oracle.until_acknowledged(500).await;

    let asked = Instant::now();
    stuck.signal(Signal::TERM);
    let status = stuck.ended_within(Duration::from_secs(5)).await;
    assert_eq!(status.code(), Some(0));
    assert!(asked.elapsed() >= Duration::from_millis(500), "it has time for what is in flight");
    // The machine of the worker is gone, and Postgres notices.
    drop(proxy);

    let next = system.worker().await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("worker drained while Postgres hangs", vec![next]).await;
}
