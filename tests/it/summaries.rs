//! The BRIN indexes of the partitions that are written, in a real Postgres.

use std::time::Duration;

use campaign_manager::store::Partitions;
use campaign_manager::store::partitions::Summaries;
use jiff::Timestamp;
use tokio_postgres::Client;

use crate::support::TestStores;

const TABLE: &str = "events_20261123";
const INDEX: &str = "events_20261123_received_at_event_id_user_id_idx";
const PAGES_PER_RANGE: i64 = 64;

#[tokio::test]
async fn what_has_filled_is_summarised_and_what_still_fills_is_not() {
    let stores = TestStores::start().await;
    let client = stores.postgres().await;
    with_a_partition(&stores).await;
    let mut summaries = Summaries::default();
    // The second time goes on where the first ended.
    for _ in 0..2 {
        add_events(&client).await;
        summaries.refresh(&stores.pool(), 0).await.unwrap();
        let pages = pages(&client).await;
        assert!(pages > 3 * PAGES_PER_RANGE && pages % PAGES_PER_RANGE > 0, "{pages}");
        assert_eq!(ranges_left(&client, INDEX).await, 1, "the last one of {pages} pages");
    }
}

#[tokio::test]
async fn receipts_are_summarised_too() {
    let stores = TestStores::start().await;
    let client = stores.postgres().await;
    with_a_partition(&stores).await;
    let insert =
        "insert into frames (shard, entry_ms, entry_seq, received_at, stored, duplicates, dead_lettered, earliest_at, latest_at)
        select 1, 1, i, '2026-11-23T12:00:00Z', 1, 0, 0, now(), now() from generate_series(1, 20000) i";
    client.execute(insert, &[]).await.unwrap();

    Summaries::default().refresh(&stores.pool(), 0).await.unwrap();
    assert_eq!(ranges_left(&client, "frames_20261123_stored_at_idx").await, 1);
}

#[tokio::test]
async fn a_table_whose_lock_another_has_is_left_alone_until_it_is_free() {
    let stores = TestStores::start().await;
    let (client, mut other) = (stores.postgres().await, stores.postgres().await);
    with_a_partition(&stores).await;
    add_events(&client).await;
    let vacuum = other.transaction().await.unwrap();
    vacuum.batch_execute(&format!("lock table {TABLE} in share update exclusive mode")).await.unwrap();
    let mut summaries = Summaries::default();

    summaries.refresh(&stores.pool(), 0).await.unwrap();
    vacuum.rollback().await.unwrap();
    assert!(ranges_left(&client, INDEX).await > 1);
    add_events(&client).await;
    summaries.refresh(&stores.pool(), 0).await.unwrap();
    assert_eq!(ranges_left(&client, INDEX).await, 1);
}

async fn with_a_partition(stores: &TestStores) {
    let moment: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let mut partitions = Partitions::new(Duration::from_hours(24));
    partitions.ensure(&mut stores.postgres().await, moment, moment).await.unwrap();
}

/// More than three ranges of them, of which the last is not full.
async fn add_events(client: &Client) {
    let insert =
        "insert into events select gen_random_uuid()::text, 'u' || i, 't', '2026-11-23T12:00:00Z', '{}',
        json_build_object('padding', repeat('x', 400)) from generate_series(1, 4000) i";
    client.execute(insert, &[]).await.unwrap();
}

async fn pages(client: &Client) -> i64 {
    let size = format!("select pg_relation_size('{TABLE}') / 8192");
    client.query_one(&size, &[]).await.unwrap().get(0)
}

/// How many ranges have no summary; now they have one.
async fn ranges_left(client: &Client, index: &str) -> i32 {
    let rest = format!("select brin_summarize_new_values('{index}')");
    client.query_one(&rest, &[]).await.unwrap().get(0)
}
