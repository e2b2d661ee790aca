//! The metrics of a worker that stands still: what is queued grows old, and it shows which stage waits for which.

use std::time::Duration;

use campaign_manager::queue::{self, OutgoingFrame};

use super::{DEADLINE, Running, TestStores, Urls, admin, scrape, until};
use crate::support::{Mode, Proxy, Settings, frame_of};

/// Frames of an event each, one after the other in one stream.
pub(super) async fn queue_frames(stores: &TestStores, settings: &Settings, frames: usize) {
    let shard = settings.queue.shards.all().next().unwrap();
    let ids: Vec<String> = (0..frames).map(|number| format!("e{number}")).collect();
    let frames: Vec<OutgoingFrame> = ids.iter().map(|id| frame_of(shard, &[id])).collect();
    let pool = queue::pool(&stores.urls().redis_url, &settings.queue).unwrap();
    queue::append(&pool, &frames).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_worker_takes_grows_old_and_is_gone_once_one_has_stored_it() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let urls = Urls::of(&stores);
    let (mut serve, _) = Running::serve(&urls, &[], "").await;
    let of_serve = admin(&mut serve, "serving").await;
    assert_eq!(scrape(&of_serve).await.get("queue_oldest_seconds"), 0.0, "nothing is queued");
    queue_frames(&stores, &settings, 3).await;
    let mut first = 0.0;
    until("an age", DEADLINE, async || {
        first = scrape(&of_serve).await.get("queue_oldest_seconds");
        first > 0.0
    })
    .await;
    until("a greater one", DEADLINE, async || {
        let shown = scrape(&of_serve).await;
        assert_eq!(shown.get("queue_events"), 3.0);
        shown.get("queue_oldest_seconds") > first
    })
    .await;

    let mut worker = Running::worker(&urls, &[]).await;
    let of_worker = admin(&mut worker, "working").await;
    for addr in [&of_serve, &of_worker] {
        until("an empty queue", DEADLINE, async || {
            let shown = scrape(addr).await;
            shown.get("queue_events") == 0.0 && shown.get("queue_oldest_seconds") == 0.0
        })
        .await;
    }
    let shown = scrape(&of_worker).await;
    assert_eq!(shown.get("event_age_seconds_count"), 3.0);
    assert!(shown.get("event_age_seconds_sum") >= 3.0 * first, "each was as old as it had been seen to be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_postgres_blocks_the_stages_before_it_and_a_worker_alone_shows_the_queue() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let proxy = Proxy::before(stores.database_url()).await;
    let urls = Urls { database: proxy.url(stores.database_url()), ..Urls::of(&stores) };
    let small =
        ["--batch-events=1", "--channel-batches=1", "--transaction-timeout=10s", "--database-timeout=10s"];
    let mut worker = Running::worker(&urls, &small).await;
    let admin = admin(&mut worker, "working").await;
    proxy.set(Mode::Delay(Duration::from_millis(20)));
    queue_frames(&stores, &settings, 20).await;
    until("a batch before each stage that waits for Postgres", DEADLINE, async || {
        let shown = scrape(&admin).await;
        let waiting = |stage| shown.get(&format!("stage_waiting_batches{{stage=\"{stage}\"}}"));
        waiting("store") == 2.0 && waiting("match") >= 1.0 && shown.get("queue_oldest_seconds") > 0.0
    })
    .await;
    proxy.set(Mode::Pass);
    until("everything stored", DEADLINE, async || {
        let shown = scrape(&admin).await;
        shown.get("events_total{outcome=\"stored\"}") == 20.0 && shown.get("queue_oldest_seconds") == 0.0
    })
    .await;
    let shown = scrape(&admin).await;
    let seconds = |name: &str, stage: &str| shown.get(&format!("{name}_sum{{stage=\"{stage}\"}}"));
    // Storing takes several round trips of 40 ms, and matching none.
    assert!(
        seconds("stage_blocked_seconds", "match") >= 0.04,
        "{}",
        seconds("stage_blocked_seconds", "match")
    );
    assert!(seconds("stage_seconds", "store") > seconds("stage_seconds", "match"));
    assert!(shown.get("postgres_round_trip_seconds_sum{operation=\"store\"}") >= 0.04);
    for stage in ["dedupe", "match", "store", "ack"] {
        assert_eq!(shown.get(&format!("stage_waiting_batches{{stage=\"{stage}\"}}")), 0.0, "{stage}");
    }
}
