//! Batches, receipts and partitions in a real Postgres.

use std::time::Duration;

use campaign_manager::queue::{EntryId, Shard};
use campaign_manager::store::{self, CopyRows, Partitions, Receipt, Rows, partitions};
use jiff::Timestamp;

use crate::support::{SHARDS, TestStores, count};

const DAY: Duration = Duration::from_hours(24);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn receipt(entry: u64) -> Receipt {
    let shard: Shard = SHARDS.all().next().unwrap();
    let entry = EntryId { milliseconds: entry, sequence: 0 };
    Receipt {
        shard,
        entry,
        received_at: now(),
        event_times: (now(), now()),
        stored: 1,
        duplicates: 0,
        dead_lettered: 0,
    }
}

/// One event for each receipt that is asked for, with one trigger.
fn rows(wanted: &[bool]) -> Rows {
    let empty = || CopyRows::with_capacity(0);
    let mut rows = Rows { events: empty(), triggers: empty(), dead_letters: empty() };
    for (index, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
        let id = format!("event {index}");
        let payload = format!(r#"{{"event_id": "event {index}",  "amount": 1.0}}"#);
        rows.events.row(6).bytes(id.as_bytes()).bytes(b"u").bytes(b"t").timestamp(now());
        rows.events.int8_array([7].into_iter()).bytes(payload.as_bytes());
        rows.triggers.row(5).int8(7).int4(2).bytes(id.as_bytes()).bytes(b"u").timestamp(now());
    }
    rows
}

#[tokio::test]
async fn a_frame_with_a_receipt_is_never_stored_again() {
    let stores = TestStores::start().await;
    let mut client = stores.postgres().await;
    Partitions::new(DAY).ensure(&mut client, now(), now()).await.unwrap();

    let first = store::store(&mut client, &[receipt(1)], rows).await.unwrap();
    let again = store::store(&mut client, &[receipt(1), receipt(2)], rows).await.unwrap();

    assert_eq!((first, again), (vec![true], vec![false, true]));
    assert_eq!((count(&stores, "events").await, count(&stores, "triggers").await), (2, 2));
}

#[tokio::test]
async fn rows_read_back_as_they_were_written() {
    let stores = TestStores::start().await;
    let mut client = stores.postgres().await;
    Partitions::new(DAY).ensure(&mut client, now(), now()).await.unwrap();
    store::store(&mut client, &[receipt(1)], rows).await.unwrap();

    let row = client
        .query_one(
            "select event_id, user_id, event_type, received_at, campaign_ids, payload::text from events",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "event 0");
    assert_eq!((row.get::<_, &str>(1), row.get::<_, &str>(2)), ("u", "t"));
    assert_eq!(row.get::<_, Timestamp>(3), now());
    assert_eq!(row.get::<_, Vec<i64>>(4), [7]);
    assert_eq!(row.get::<_, &str>(5), r#"{"event_id": "event 0",  "amount": 1.0}"#, "byte-true");
}

#[tokio::test]
async fn two_workers_with_one_frame_store_it_once() {
    let stores = TestStores::start().await;
    let (mut one, mut other) = (stores.postgres().await, stores.postgres().await);
    Partitions::new(DAY).ensure(&mut one, now(), now()).await.unwrap();
    let (receipts, reversed) = ([receipt(1), receipt(2)], [receipt(2), receipt(1)]);

    let (first, second) =
        tokio::join!(store::store(&mut one, &receipts, rows), store::store(&mut other, &reversed, rows));

    let new = [first.unwrap(), second.unwrap()].concat().into_iter().filter(|new| *new).count();
    assert_eq!(new, 2);
    assert_eq!(count(&stores, "events").await, 2);
}

#[tokio::test]
async fn a_probe_leaves_nothing_behind() {
    let stores = TestStores::start().await;
    let mut client = stores.postgres().await;
    Partitions::new(DAY).ensure(&mut client, now(), now()).await.unwrap();
    store::probe(&mut client, rows(&[true])).await.unwrap();
    assert_eq!(count(&stores, "events").await, 0);
}

#[tokio::test]
async fn workers_that_make_the_same_partitions_at_once_do_not_meet() {
    let stores = TestStores::start().await;
    let (mut one, mut other) = (stores.postgres().await, stores.postgres().await);
    let (mut first, mut second) = (Partitions::new(DAY), Partitions::new(Duration::from_hours(1)));
    let (from, to) = (now(), at("2026-11-25T12:00:00Z"));

    let (made, too) = tokio::join!(first.ensure(&mut one, from, to), second.ensure(&mut other, from, to));

    made.unwrap();
    too.unwrap();
    let gaps = "select count(*) from partitions p where upper_bound <= $1
        and not exists (select from partitions n where n.lower_bound = p.upper_bound)";
    assert_eq!(one.query_one(gaps, &[&to]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn partitions_past_retention_are_dropped_with_all_that_is_in_them() {
    let stores = TestStores::start().await;
    let mut client = stores.postgres().await;
    Partitions::new(DAY).ensure(&mut client, now(), at("2026-11-24T12:00:00Z")).await.unwrap();
    store::store(&mut client, &[receipt(1)], rows).await.unwrap();
    let pool = stores.pool();

    assert_eq!(partitions::drop_before(&pool, at("2026-11-23T23:59:59Z")).await.unwrap(), []);
    let dropped = partitions::drop_before(&pool, at("2026-11-24T00:00:00Z")).await.unwrap();

    assert_eq!(dropped.len(), 1);
    assert_eq!((count(&stores, "events").await, count(&stores, "partitions").await), (0, 1));
}

#[tokio::test]
async fn fresh_rows_are_summarised_for_the_brin_indexes() {
    let stores = TestStores::start().await;
    let mut client = stores.postgres().await;
    Partitions::new(DAY).ensure(&mut client, now(), now()).await.unwrap();
    store::store(&mut client, &[receipt(1)], rows).await.unwrap();
    partitions::summarize(&stores.pool(), now()).await.unwrap();
    // Nothing is left to summarise.
    let left: i32 = client
        .query_one("select brin_summarize_new_values('events_20261123_received_at_idx')", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
}
