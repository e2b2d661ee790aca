//! The pipeline on frames put into the queue by hand.

use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::queue::{OutgoingFrame, Records, append, pool};
use campaign_manager::store::Partitions;
use serde_json::json;

use crate::support::{
    DEADLINE, Settings, TestServer, TestStores, count, event, frame_of, start_worker, until, until_rows,
};

const TABLES: [&str; 4] = ["events", "triggers", "frames", "dead_letters"];

async fn queue_frames(stores: &TestStores, settings: &Settings, frames: &[OutgoingFrame]) {
    append(&pool(&stores.urls().redis_url, &settings.queue).unwrap(), frames).await.unwrap();
}

/// How many frames lie in the queue, acknowledged ones not counted.
async fn queued(stores: &TestStores, settings: &Settings) -> u64 {
    let mut redis = stores.redis().await;
    let mut queued = 0;
    for shard in settings.queue.shards.all() {
        queued += redis::cmd("XLEN").arg(shard.stream()).query_async::<u64>(&mut redis).await.unwrap();
    }
    queued
}

async fn counts(stores: &TestStores) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(count(stores, table).await);
    }
    counts
}

fn shard(settings: &Settings) -> campaign_manager::queue::Shard {
    settings.queue.shards.all().next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_in_a_frame_and_across_frames_are_stored_once() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let shard = shard(&settings);
    let frames = [frame_of(shard, &["a", "b", "a"]), frame_of(shard, &["b", "c"])];
    queue_frames(&stores, &settings, &frames).await;
    let worker = start_worker(&stores, &settings).await;
    until_rows(&stores, "frames", 2).await;
    // A worker that did not see the first batch meets the claims in Redis.
    queue_frames(&stores, &settings, &[frame_of(shard, &["c", "d"])]).await;
    until_rows(&stores, "frames", 3).await;
    worker.drain(DEADLINE).await.unwrap();

    assert_eq!(counts(&stores).await, [4, 0, 3, 0]);
    let receipts = "select sum(stored), sum(duplicates), sum(dead_lettered) from frames";
    let sums = stores.postgres().await.query_one(receipts, &[]).await.unwrap();
    assert_eq!((sums.get::<_, i64>(0), sums.get::<_, i64>(1), sums.get::<_, i64>(2)), (4, 3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_worker_has_finished_what_it_fetched_and_left_nothing_behind() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&["--batch-events", "50"]));
    let ids: Vec<Vec<String>> =
        (0..100).map(|frame| (0..10).map(|id| format!("{frame}/{id}")).collect()).collect();
    let frames: Vec<OutgoingFrame> = ids
        .iter()
        .map(|ids| frame_of(shard(&settings), &ids.iter().map(|id| &**id).collect::<Vec<_>>()))
        .collect();
    queue_frames(&stores, &settings, &frames).await;

    let worker = start_worker(&stores, &settings).await;
    until("the first rows", DEADLINE, async || count(&stores, "events").await > 0).await;
    worker.drain(DEADLINE).await.unwrap();

    let unstored = 1000 - count(&stores, "events").await;
    assert_eq!(
        i64::try_from(queued(&stores, &settings).await).unwrap() * 10,
        unstored,
        "acknowledged = committed"
    );
    let pending: (u64,) = redis::cmd("XPENDING")
        .arg(shard(&settings).stream())
        .arg("workers")
        .query_async::<redis::Value>(&mut stores.redis().await)
        .await
        .map(|summary| match summary {
            redis::Value::Array(parts) => {
                redis::FromRedisValue::from_redis_value(redis::Value::Array(parts[..1].to_vec())).unwrap()
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    assert_eq!(pending, (0,), "everything fetched was acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_abandoned_in_the_middle_is_carried_on_by_the_next_without_a_duplicate() {
    let stores = TestStores::start().await;
    let settings = Settings::with(&["--batch-events", "10", "--reclaim-after", "1ms"]);
    let frames: Vec<OutgoingFrame> =
        (0..200).map(|id| frame_of(shard(&settings), &[&format!("e{id}")])).collect();
    queue_frames(&stores, &settings, &frames).await;

    let first = start_worker(&stores, &settings).await;
    until("the first rows", DEADLINE, async || count(&stores, "events").await > 0).await;
    drop(first);
    let second = start_worker(&stores, &settings).await;
    until("an empty queue", DEADLINE, async || queued(&stores, &settings).await == 0).await;
    second.drain(DEADLINE).await.unwrap();

    assert_eq!(counts(&stores).await, [200, 0, 200, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_becomes_a_dead_letter_and_its_neighbours_are_stored() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let mut corrupt = frame_of(shard(&settings), &["lost"]);
    *corrupt.bytes.last_mut().unwrap() ^= 1;
    let bytes = corrupt.bytes.clone();
    queue_frames(&stores, &settings, &[frame_of(shard(&settings), &["a"]), corrupt]).await;

    let worker = start_worker(&stores, &settings).await;
    until("an empty queue", DEADLINE, async || queued(&stores, &settings).await == 0).await;
    worker.drain(DEADLINE).await.unwrap();

    assert_eq!(counts(&stores).await, [1, 0, 2, 1]);
    let letter =
        stores.postgres().await.query_one("select detail, payload from dead_letters", &[]).await.unwrap();
    assert!(letter.get::<_, &str>(0).contains("checksum"));
    assert_eq!(letter.get::<_, Vec<u8>>(1), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_postgres_refuses_become_dead_letters_and_their_neighbours_are_stored() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&[]));
    let constraint = "alter table events add constraint no_13 check (event_id not in ('e13', 'e77'))";
    stores.postgres().await.batch_execute(constraint).await.unwrap();
    let mut records = Records::default();
    for id in 0..100 {
        records.push(&event(&format!("e{id}"), "u"));
    }
    let frame = OutgoingFrame::new(shard(&settings), records);
    queue_frames(&stores, &settings, &[frame]).await;

    let worker = start_worker(&stores, &settings).await;
    until("an empty queue", DEADLINE, async || queued(&stores, &settings).await == 0).await;
    worker.drain(DEADLINE).await.unwrap();

    assert_eq!(counts(&stores).await, [98, 0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_outlives_both_of_its_servers() {
    let (mut stores, settings) = (TestStores::start().await, Settings::with(&["--redis-timeout", "1s"]));
    let worker = start_worker(&stores, &settings).await;
    queue_frames(&stores, &settings, &[frame_of(shard(&settings), &["a"])]).await;
    until_rows(&stores, "events", 1).await;

    stores.servers.postgres.kill().await;
    queue_frames(&stores, &settings, &[frame_of(shard(&settings), &["b"])]).await;
    stores.servers.postgres.start().await.unwrap();
    until_rows(&stores, "events", 2).await;

    stores.servers.redis.kill().await;
    stores.servers.redis.start().await.unwrap();
    queue_frames(&stores, &settings, &[frame_of(shard(&settings), &["c"])]).await;
    until_rows(&stores, "events", 3).await;
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_makes_partitions_ahead_of_time_and_drops_those_past_retention() {
    let (stores, settings) =
        (TestStores::start().await, Settings::with(&["--retention", "24h", "--partitions-ahead", "72h"]));
    let mut client = stores.postgres().await;
    let (old, day) = ("2001-01-01T00:00:00Z".parse().unwrap(), Duration::from_hours(24));
    Partitions::new(day).ensure(&mut client, old, old).await.unwrap();

    let worker = start_worker(&stores, &settings).await;
    let bounds =
        "select min(lower_bound) > now() - interval '1 day', max(upper_bound) > now() + interval '3 days',
        count(*) from partitions";
    until("the upkeep of the partitions", DEADLINE, async || {
        let row = client.query_one(bounds, &[]).await.unwrap();
        (row.get(0), row.get(1), row.get(2)) == (Some(true), Some(true), 4_i64)
    })
    .await;
    worker.drain(DEADLINE).await.unwrap();
}

/// As many as the campaigns say, which no limit of a batch's events bounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_triggers_many_campaigns_is_stored_in_several_transactions() {
    const MOST_OF_A_TRANSACTION: i64 = 200_000;
    let server = TestServer::start().await;
    for _ in 0..200 {
        server.activate(&json!({"event_type": ["t"]})).await;
    }
    let event = |number| json!({"event_id": format!("e{number}"), "event_type": "t", "user_id": format!("u{number}")});
    let lines: String = (0..1_500).map(|number| event(number).to_string() + "\n").collect();
    server.post_lines(lines).await.expect(202);

    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    until_rows(&server.stores, "triggers", 300_000).await;

    let largest =
        "select max(rows) from (select count(*) as rows from triggers group by xmin) of_transactions";
    let largest: i64 = server.stores.postgres().await.query_one(largest, &[]).await.unwrap().get(0);
    // One shard of eight has less than a quarter of the users
    let largest_frame = 200 * 1_500 / 4;
    assert!(largest < MOST_OF_A_TRANSACTION + largest_frame, "{largest} triggers in one transaction");
    worker.drain(DEADLINE).await.unwrap();
}

/// With the same time-out for each attempt, such a batch would never be stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_takes_longer_than_a_transaction_may_is_stored_with_more_time() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&["--transaction-timeout", "1s"]));
    let takes_two_seconds = "create function slow() returns trigger language plpgsql
            as $$ begin perform pg_sleep(2); return null; end $$;
        create trigger slow before insert on events for each statement execute function slow()";
    stores.postgres().await.batch_execute(takes_two_seconds).await.unwrap();
    queue_frames(&stores, &settings, &[frame_of(shard(&settings), &["a", "b"])]).await;

    let worker = start_worker(&stores, &settings).await;
    until("an empty queue", DEADLINE, async || queued(&stores, &settings).await == 0).await;
    worker.drain(DEADLINE).await.unwrap();

    assert_eq!(counts(&stores).await, [2, 0, 1, 0]);
}
