//! Postgres gone for a while, slow, or cut off in the middle of a transaction.

use std::time::Duration;

use super::{SMALL_BATCHES, System};
use crate::support::{At, Cut, Mode, Proxy, Running, Urls};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarted_under_load_loses_and_repeats_nothing() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    for _ in 0..2 {
        system.oracle.until_acknowledged(500).await;
        system.stores.servers.postgres.stop().await;
        system.stores.servers.postgres.start().await.unwrap();
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_kept("Postgres restarted twice", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stopped_while_events_come_in_finds_them_in_the_queue() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    system.oracle.until_acknowledged(500).await;
    system.stores.servers.postgres.stop().await;
    // Ingest goes on without it.
    system.oracle.until_acknowledged(2000).await;
    system.stores.servers.postgres.start().await.unwrap();
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("Postgres stopped for 2,000 events", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_under_load_loses_and_repeats_nothing() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    for _ in 0..2 {
        system.oracle.until_acknowledged(500).await;
        system.stores.servers.postgres.kill().await;
        system.stores.servers.postgres.start().await.unwrap();
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_kept("Postgres killed twice", vec![worker]).await;
}

/// A system whose worker reaches Postgres through a proxy, and has stored something that way.
async fn behind_proxy() -> (System, Proxy, Running) {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.database).await;
    let urls = Urls { database: proxy.url(&system.urls.database), ..system.urls.clone() };
    let worker = Running::worker(&urls, &SMALL_BATCHES).await;
    system.oracle.start();
    system.oracle.until_recovered(&system.stores).await;
    (system, proxy, worker)
}

/// The connection breaks at a step of the worker's transaction, several times.
async fn cut_at(fault: &str, step: &'static [u8], at: At) {
    let (mut system, proxy, worker) = behind_proxy().await;
    for nth in [1, 2, 3] {
        proxy.cut(Cut { bytes: step, nth, at }).await;
    }
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept(fault, vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_during_a_copy_has_the_batch_stored_once() {
    cut_at("connection cut during COPY", b"PGCOPY", At::Behind).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_before_a_commit_has_the_batch_stored_once() {
    cut_at("connection cut before COMMIT", b"COMMIT", At::Before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_a_commit_has_the_batch_stored_once() {
    cut_at("answer to COMMIT lost", b"COMMIT", At::Answer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_all_break_are_made_again() {
    let (mut system, proxy, worker) = behind_proxy().await;
    for _ in 0..5 {
        system.oracle.until_acknowledged(200).await;
        proxy.cut_all();
    }
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("all connections to Postgres cut five times", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_postgres_only_takes_longer() {
    let (mut system, proxy, worker) = behind_proxy().await;
    proxy.set(Mode::Delay(Duration::from_millis(20)));
    system.oracle.until_acknowledged(2000).await;
    proxy.set(Mode::Pass);
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("Postgres 20 ms away", vec![worker]).await;
}
