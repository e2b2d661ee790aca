//! What retention may drop: what is past it by every clock, and by what Postgres noted when it was stored.

use std::time::Duration;

use campaign_manager::queue::{self, EventRecord, OutgoingFrame, Records, Sender};
use campaign_manager::store::{Partitions, partitions};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Client;

use crate::support::{DEADLINE, SHARDS, Settings, TestStores, count, start_worker, until, until_rows};

const DAY: Duration = Duration::from_hours(24);

/// Queues a frame of one event, received that long after now.
async fn queue_event(stores: &TestStores, settings: &Settings, event_id: &str, from_now: SignedDuration) {
    queue_event_of(stores, settings, event_id, Timestamp::now().saturating_add(from_now).unwrap()).await;
}

async fn queue_event_of(stores: &TestStores, settings: &Settings, event_id: &str, received_at: Timestamp) {
    let mut records = Records::default();
    records.push(&EventRecord {
        received_at,
        sender: Sender::default(),
        event_id,
        event_type: "test",
        user_id: "u",
        payload: b"{}",
    });
    let frame = OutgoingFrame::new(SHARDS.of_user("u"), records);
    let redis = queue::pool(&stores.urls().redis_url, &settings.queue).unwrap();
    queue::append(&redis, &[frame]).await.unwrap();
}

/// Runs a worker with a retention of a day until it has dropped what is past that.
async fn drop_what_is_past_retention(stores: &TestStores) {
    let mut client = stores.postgres().await;
    let ancient = "2001-01-01T00:00:00Z".parse().unwrap();
    Partitions::new(DAY).ensure(&mut client, ancient, ancient).await.unwrap();
    let worker = start_worker(stores, &Settings::with(&["--shards=4", "--retention=24h"])).await;
    let ancient = "select from partitions where suffix = '20010101'";
    until("an ancient partition dropped", DEADLINE, async || {
        client.query(ancient, &[]).await.unwrap().is_empty()
    })
    .await;
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stored_lately_is_kept_however_long_ago_it_says_that_it_was_received() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&["--shards=4"]));
    let worker = start_worker(&stores, &settings).await;
    for (event_id, days) in [("a", 3), ("b", 400), ("c", 20_000)] {
        queue_event(&stores, &settings, event_id, SignedDuration::from_hours(-24 * days)).await;
    }
    until_rows(&stores, "events", 3).await;
    worker.drain(DEADLINE).await.unwrap();

    drop_what_is_past_retention(&stores).await;
    assert_eq!(count(&stores, "events").await, 3);

    let long_ago = "update frames set stored_at = now() - interval '25 hours'";
    stores.postgres().await.batch_execute(long_ago).await.unwrap();
    drop_what_is_past_retention(&stores).await;
    assert_eq!(count(&stores, "events").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_finds_a_partition_whatever_time_it_bears() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&["--shards=4"]));
    let worker = start_worker(&stores, &settings).await;
    let years = SignedDuration::from_hours(24 * 365);
    let times = [("a", years * -60), ("b", -SignedDuration::from_hours(72)), ("c", SignedDuration::ZERO)];
    for (event_id, from_now) in
        times.into_iter().chain([("d", SignedDuration::from_hours(72)), ("e", years * 60)])
    {
        queue_event(&stores, &settings, event_id, from_now).await;
    }
    until_rows(&stores, "events", 5).await;
    worker.drain(DEADLINE).await.unwrap();
    assert_eq!((count(&stores, "frames").await, count(&stores, "dead_letters").await), (5, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_whose_partition_was_dropped_after_it_was_looked_up_are_stored_in_a_new_one() {
    let (stores, settings) = (TestStores::start().await, Settings::with(&["--shards=4"]));
    let noon = "2001-01-01T12:00:00Z".parse().unwrap();
    let worker = start_worker(&stores, &settings).await;
    queue_event_of(&stores, &settings, "a", noon).await;
    until_rows(&stores, "frames", 1).await;

    let dropped = "drop table frames_20010101, events_20010101, triggers_20010101;
        delete from partitions where suffix = '20010101'";
    stores.postgres().await.batch_execute(dropped).await.unwrap();
    queue_event_of(&stores, &settings, "b", noon).await;
    until_rows(&stores, "frames", 1).await;
    worker.drain(DEADLINE).await.unwrap();
    assert_eq!((count(&stores, "events").await, count(&stores, "dead_letters").await), (1, 0));
}

/// A receipt of a frame of this day, whose last event came when it says.
async fn note_receipt(client: &Client, received_at: &str, latest_at: &str, stored_at: &str) {
    let insert = format!(
        "insert into frames (shard, entry_ms, entry_seq, received_at, earliest_at, latest_at, stored_at, stored, duplicates, dead_lettered)
        values (0, 1, 0, '{received_at}', '{received_at}', '{latest_at}', {stored_at}, 1, 0, 0)"
    );
    client.batch_execute(&insert).await.unwrap();
}

#[tokio::test]
async fn a_partition_is_kept_for_a_receipt_in_the_one_before() {
    let stores = TestStores::start().await;
    let mut client = stores.postgres().await;
    let [from, to, now] = ["2001-01-01T12:00:00Z", "2001-01-03T12:00:00Z", "2010-01-01T00:00:00Z"]
        .map(|time| time.parse().unwrap());
    Partitions::new(DAY).ensure(&mut client, from, to).await.unwrap();
    note_receipt(&client, "2001-01-01 23:59:59.9Z", "2001-01-02 00:00:00.1Z", "now()").await;

    let dropped = partitions::drop_before(&stores.pool(), now).await.unwrap();
    assert_eq!(dropped.iter().map(partitions::Span::suffix).collect::<Vec<_>>(), ["20010103"]);
    assert_eq!(partitions::expired_until(&stores.pool(), now).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_stored_while_a_drop_waits_is_kept() {
    let stores = TestStores::start().await;
    let (mut client, watching) = (stores.postgres().await, stores.postgres().await);
    let [day, now] = ["2001-01-01T12:00:00Z", "2010-01-01T00:00:00Z"].map(|time| time.parse().unwrap());
    Partitions::new(DAY).ensure(&mut client, day, day).await.unwrap();
    client.batch_execute("begin").await.unwrap();
    note_receipt(&client, "2001-01-01 12:00Z", "2001-01-01 12:00Z", "now()").await;

    let pool = stores.pool();
    let dropping = tokio::spawn(async move { partitions::drop_before(&pool, now).await });
    let waits = "select exists (select from pg_locks where not granted)";
    until("a drop that waits, or has given up", DEADLINE, async || {
        dropping.is_finished() || watching.query_one(waits, &[]).await.unwrap().get(0)
    })
    .await;
    client.batch_execute("commit").await.unwrap();

    // It may have given up, where the machine was slow.
    assert_eq!(dropping.await.unwrap().unwrap_or_default(), []);
    assert_eq!(count(&stores, "frames").await, 1);
}
