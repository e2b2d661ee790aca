//! Redis gone for a while, its answers lost, the consumer group destroyed.

use bb8_redis::redis;

use super::{SMALL_BATCHES, System};
use crate::support::{At, Cut, DEADLINE, Proxy, Running, Urls, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_restarted_under_load_loses_nothing() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    for _ in 0..2 {
        system.oracle.until_acknowledged(500).await;
        system.stores.servers.redis.stop().await;
        system.stores.servers.redis.start().await.unwrap();
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_kept("Redis restarted twice", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_under_load_loses_nothing() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    for _ in 0..3 {
        system.oracle.until_acknowledged(500).await;
        system.stores.servers.redis.kill().await;
        system.stores.servers.redis.start().await.unwrap();
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_kept("Redis killed three times", vec![worker]).await;
}

/// The answer of Redis to a step of the worker is lost: it has done what the worker believes it may not have.
async fn answer_lost_to(step: &'static str) {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.redis).await;
    let urls = Urls { redis: proxy.url(&system.urls.redis), ..system.urls.clone() };
    let worker = Running::worker(&urls, &SMALL_BATCHES).await;
    system.oracle.start();
    for nth in [1, 3, 5] {
        proxy.cut(Cut { bytes: step.as_bytes(), nth, at: At::Answer }).await;
    }
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept(&format!("answer to {step} lost"), vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_a_read_loses_no_frame() {
    answer_lost_to("XREADGROUP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_a_claim_makes_no_duplicate_of_a_new_event() {
    answer_lost_to("MSETNX").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_an_acknowledgement_repeats_nothing() {
    answer_lost_to("XDEL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_to_an_append_has_the_events_sent_again_and_stored_once() {
    let mut system = System::start().await;
    let proxy = Proxy::before(&system.urls.redis).await;
    let urls = Urls { redis: proxy.url(&system.urls.redis), ..system.urls.clone() };
    let (serve, addr) = Running::serve(&urls, &[], "").await;
    (system.serve, system.urls) = (serve, urls);
    system.oracle.redirect(addr);
    let worker = system.worker().await;
    system.oracle.start();
    for nth in [1, 10, 20] {
        proxy.cut(Cut { bytes: b"XADD", nth, at: At::Answer }).await;
    }
    system.oracle.until_recovered(&system.stores).await;
    system.assert_kept("answer to XADD lost", vec![worker]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destroyed_consumer_group_is_made_again_and_nothing_is_lost() {
    let mut system = System::start().await;
    let worker = system.worker().await;
    system.oracle.start();
    let mut redis = system.stores.redis().await;
    for _ in 0..3 {
        system.oracle.until_acknowledged(300).await;
        let streams: Vec<String> = redis::cmd("KEYS").arg("events:*").query_async(&mut redis).await.unwrap();
        for stream in streams {
            let destroy = redis::cmd("XGROUP").arg("DESTROY").arg(stream).arg("workers").to_owned();
            // What was destroyed before is made again when the worker reads next.
            until("a group to destroy", DEADLINE, async || {
                destroy.query_async::<i64>(&mut system.stores.redis().await).await.unwrap() == 1
            })
            .await;
        }
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_kept("consumer group destroyed three times", vec![worker]).await;
}
