//! Far more events than a worker stores, for longer than the queue has room.

use std::time::Duration;

use super::System;
use crate::support::{Flood, Mode, Proxy, Running, Urls, until_drained};

/// Some 20,000 events a second, with a build that is not optimised on either side.
const LOAD: Flood = Flood { requests: 800, pace: Duration::from_millis(5), events: 100 };
/// Before Postgres: a batch takes seconds.
const SLOWNESS: Duration = Duration::from_millis(100);
/// A third of the load fits, and the claims of that leave room for more once it is stored.
const BUDGET: &str = "--queue-budget=12MiB";
/// A Redis that shares two cores with all of this may take its time; a time-out would be answered with 503.
const PATIENT: &str = "--redis-timeout=10s";
/// What each role may have resident, in bytes.
const SERVE_MEMORY: u64 = 128 << 20;
const WORKER_MEMORY: u64 = 256 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overload_is_refused_with_429_in_bounded_memory_and_is_over_when_it_ends() {
    let mut system = System::start().await;
    let (serve, addr) = Running::serve(&system.urls, &[BUDGET, PATIENT], "").await;
    std::mem::replace(&mut system.serve, serve).drain().await;
    system.oracle.redirect(addr);
    let proxy = Proxy::before(&system.urls.database).await;
    let urls = Urls { database: proxy.url(&system.urls.database), ..system.urls.clone() };
    let worker = Running::worker(&urls, &["--transaction-timeout=30s", "--database-timeout=10s"]).await;
    proxy.set(Mode::Delay(SLOWNESS));

    system.oracle.flood(LOAD).await;
    let (accepted, refused) = (system.oracle.accepted(), system.oracle.refused());
    assert!(refused > LOAD.requests / 2, "too small a load: {refused} refused, {accepted} events accepted");
    assert!(accepted > 0, "nothing was accepted");

    proxy.set(Mode::Pass);
    system.oracle.start();
    system.oracle.until_acknowledged(1000).await;
    system.oracle.until_recovered(&system.stores).await;
    system.oracle.stop().await;
    until_drained(&system.stores).await;
    assert!(system.serve.peak_memory() < SERVE_MEMORY, "serve: {}", system.serve.peak_memory());
    assert!(worker.peak_memory() < WORKER_MEMORY, "worker: {}", worker.peak_memory());
    system.assert_kept("overload", vec![worker]).await;
}
