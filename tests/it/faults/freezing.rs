//! A worker that stands still for longer than its frames are left to it, and then goes on as if nothing had happened.

use bb8_redis::redis::{self, Value};
use rustix::process::Signal;

use super::System;
use crate::support::{DEADLINE, Running, TestStores, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_past_the_time_to_reclaim_and_thawed_repeats_nothing() {
    let mut system = System::start().await;
    let flags = ["--batch-events=100", "--reclaim-after=200ms", "--consumer=frozen"];
    let frozen = Running::worker(&system.urls, &flags).await;
    let other = system.worker().await;
    system.oracle.start();
    for _ in 0..3 {
        freeze_with_frames(&system.stores, &frozen).await;
        let before = other.logged("took over").len();
        until("a takeover", DEADLINE, async || other.logged("took over").len() > before).await;
        frozen.signal(Signal::CONT);
        system.oracle.until_recovered(&system.stores).await;
    }
    system.assert_kept("worker frozen three times", vec![frozen, other]).await;
}

/// Freezes it at a moment when there are frames that it has not acknowledged.
async fn freeze_with_frames(stores: &TestStores, worker: &Running) {
    until("a worker frozen with frames", DEADLINE, async || {
        worker.signal(Signal::STOP);
        let holds = unacknowledged(stores, "frozen").await > 0;
        if !holds {
            worker.signal(Signal::CONT);
        }
        holds
    })
    .await;
}

/// How many frames the consumer was given and has not acknowledged.
async fn unacknowledged(stores: &TestStores, consumer: &str) -> usize {
    let mut redis = stores.redis().await;
    let streams: Vec<String> = redis::cmd("KEYS").arg("events:*").query_async(&mut redis).await.unwrap();
    let mut frames = 0;
    for stream in streams {
        let mut pending = redis::cmd("XPENDING");
        pending.arg(stream).arg("workers").arg("-").arg("+").arg(1000).arg(consumer);
        frames += pending.query_async::<Vec<Value>>(&mut redis).await.unwrap().len();
    }
    frames
}
