//! Connections that are dead without having ended: what is sent vanishes, and no answer ever comes.

use super::{SMALL_BATCHES, System};
use crate::support::{At, Cut, Mode, Proxy, Running, Urls};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_leaves_a_black_hole_before_postgres_by_itself() {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.database).await;
    let urls = Urls { database: proxy.url(&system.urls.database), ..system.urls.clone() };
    let worker = Running::worker(&urls, &SMALL_BATCHES).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    proxy.set(Mode::BlackHole);
    system.oracle.until_acknowledged(1000).await;
    proxy.set(Mode::Pass);
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("black hole before Postgres", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_vanishes_within_a_transaction_does_not_hold_up_the_next() {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.database).await;
    let urls = Urls { database: proxy.url(&system.urls.database), ..system.urls.clone() };
    let mut vanished = Running::worker(&urls, &SMALL_BATCHES).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    proxy.cut(Cut { bytes: b"copy events", nth: 1, at: At::Silence }).await;
    vanished.kill().await;
    let next = system.worker().await;
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("worker vanished within a transaction", vec![next]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_leaves_a_black_hole_before_redis_by_itself() {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.redis).await;
    let urls = Urls { redis: proxy.url(&system.urls.redis), ..system.urls.clone() };
    let worker = Running::worker(&urls, &SMALL_BATCHES).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    proxy.set(Mode::BlackHole);
    system.oracle.until_acknowledged(1000).await;
    proxy.set(Mode::Pass);
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("black hole between worker and Redis", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_refuses_events_while_redis_is_a_black_hole_and_takes_them_after_it() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    let proxy = Proxy::before(&system.urls.redis).await;
    let urls = Urls { redis: proxy.url(&system.urls.redis), ..system.urls.clone() };
    system.urls = urls;
    system.serve_again().await.drain().await;
    system.oracle.start();
    system.oracle.until_acknowledged(500).await;
    proxy.set(Mode::BlackHole);
    system.oracle.until_refused(4).await;
    proxy.set(Mode::Pass);
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("black hole between serve and Redis", vec![worker]).await;
}
