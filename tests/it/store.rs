//! Batches, receipts and partitions in a real Postgres.

use std::time::Duration;

use campaign_manager::config::StoreConfig;
use campaign_manager::ops::metrics::PostgresOperation;
use campaign_manager::queue::{EntryId, Epoch, Epochs, RunId, Shard};
use campaign_manager::store::{
    self, Action, CopyRows, Partitions, Receipt, Rows, StoreError, Stored, epochs, partitions,
};
use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use uuid::Uuid;

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
        letter: None,
        stored: 1,
        duplicates: 0,
        dead_lettered: 0,
    }
}

/// Epochs with this id, of all shards.
fn epochs_of(id: u128) -> Epochs {
    let epoch = Epoch { id: Uuid::from_u128(id), keyspace: 7, run_id: RunId::new("run") };
    Epochs::new(SHARDS.all().map(|_| epoch.clone()).collect())
}

/// Records those epochs as the ones that hold.
async fn record(client: &mut ClientWrapper, id: u128) {
    let transaction = client.transaction().await.unwrap();
    let epochs = epochs_of(id);
    let epochs: Vec<_> = SHARDS.all().map(|shard| (shard, epochs.of(shard).clone())).collect();
    epochs::record(&transaction, &epochs).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Stores under the epochs that hold; for each receipt, whether it is new.
async fn store_under_1(
    client: &mut ClientWrapper,
    receipts: &[Receipt],
    rows: impl Fn(&[bool]) -> Rows,
) -> Result<Vec<bool>, StoreError> {
    let Stored::Committed(new) = store::store(client, &epochs_of(1), receipts, rows).await? else {
        unreachable!("the epochs hold, and no letter is replayed")
    };
    Ok(new)
}

/// Partitions, and epochs that hold.
async fn prepared(client: &mut ClientWrapper) {
    Partitions::new(DAY).ensure(client, now(), now()).await.unwrap();
    record(client, 1).await;
}

/// One event for each receipt that is asked for, with one trigger.
fn rows(wanted: &[bool]) -> Rows {
    rows_with("", wanted)
}

/// Such events, with more members in their payload.
fn rows_with(members: &str, wanted: &[bool]) -> Rows {
    let empty = || CopyRows::with_capacity(0);
    let mut rows = Rows { events: empty(), triggers: empty(), dead_letters: empty() };
    for (index, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
        let id = format!("event {index}");
        let payload = format!(r#"{{"event_id": "event {index}",  "amount": 1.0{members}}}"#);
        rows.events.row(8).bytes(id.as_bytes()).bytes(b"u").bytes(b"t").timestamp(now());
        rows.events.int8_array([7].into_iter()).bytes(payload.as_bytes()).optional_int8(None).bool(false);
        rows.triggers.row(6).int8(7).int4(2).bytes(id.as_bytes()).bytes(b"u").timestamp(now()).bool(false);
    }
    rows
}

#[tokio::test]
async fn a_frame_with_a_receipt_is_never_stored_again() {
    let stores = TestStores::start().await;
    let mut client = stores.pool().get().await.unwrap();
    prepared(&mut client).await;

    let first = store_under_1(&mut client, &[receipt(1)], rows).await.unwrap();
    let again = store_under_1(&mut client, &[receipt(1), receipt(2)], rows).await.unwrap();

    assert_eq!((first, again), (vec![true], vec![false, true]));
    assert_eq!((count(&stores, "events").await, count(&stores, "triggers").await), (2, 2));
}

#[tokio::test]
async fn frames_with_a_receipt_are_told_from_those_without_whatever_their_days() {
    let stores = TestStores::start().await;
    let mut client = stores.pool().get().await.unwrap();
    prepared(&mut client).await;
    let day_before = now() - DAY;
    Partitions::new(DAY).ensure(&mut client, day_before, now()).await.unwrap();
    let old = Receipt { received_at: day_before, ..receipt(2) };
    store_under_1(&mut client, &[receipt(1), old.clone()], rows).await.unwrap();

    let name = |receipt: &Receipt| (receipt.shard, receipt.entry, receipt.received_at);
    let frames = [name(&receipt(1)), name(&receipt(3)), name(&old)];
    assert_eq!(store::have_receipts(&mut client, &frames).await.unwrap(), [true, false, true]);
    assert!(store::have_receipts(&mut client, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_that_was_claimed_under_another_epoch_is_not_stored() {
    let stores = TestStores::start().await;
    let mut client = stores.pool().get().await.unwrap();
    prepared(&mut client).await;

    let stale = store::store(&mut client, &epochs_of(2), &[receipt(1)], rows).await.unwrap();

    assert_eq!(stale, Stored::Stale);
    assert_eq!((count(&stores, "events").await, count(&stores, "frames").await), (0, 0));
    assert_eq!(store_under_1(&mut client, &[receipt(1)], rows).await.unwrap(), [true]);
}

#[tokio::test]
async fn a_dead_letter_is_used_up_by_one_frame() {
    let stores = TestStores::start().await;
    let mut client = stores.pool().get().await.unwrap();
    prepared(&mut client).await;
    let letter = "insert into dead_letters (reason, detail, shard, entry_ms, entry_seq, payload)
        values ('refused', '', 0, 1, 0, '') returning id";
    let letter: i64 = client.query_one(letter, &[]).await.unwrap().get(0);
    let replaying = |entry| [Receipt { letter: Some(letter), ..receipt(entry) }];

    let first = store::store(&mut client, &epochs_of(1), &replaying(5), rows).await.unwrap();
    let again = store::store(&mut client, &epochs_of(1), &replaying(5), rows).await.unwrap();
    let other = store::store(&mut client, &epochs_of(1), &replaying(6), rows).await.unwrap();

    assert_eq!(first, Stored::Committed(vec![true]));
    assert_eq!(again, Stored::Committed(vec![false]), "redelivered");
    assert_eq!(other, Stored::UsedUp(vec![letter]));
    assert_eq!(count(&stores, "events").await, 1);
}

#[tokio::test]
async fn rows_read_back_as_they_were_written() {
    let stores = TestStores::start().await;
    let mut client = stores.pool().get().await.unwrap();
    prepared(&mut client).await;
    store_under_1(&mut client, &[receipt(1)], rows).await.unwrap();

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
async fn a_large_payload_is_packed_with_lz4_where_postgres_knows_it() {
    let stores = TestStores::start().await;
    let mut client = stores.pool().get().await.unwrap();
    prepared(&mut client).await;
    let text = format!(r#", "text": "{}""#, "thirty bytes of one more event".repeat(133));
    let large = |wanted: &[bool]| rows_with(&text, wanted);
    store_under_1(&mut client, &[receipt(1)], large).await.unwrap();

    let wanted = "select case when 'lz4' = any(enumvals) then 'lz4' else 'pglz' end
        from pg_settings where name = 'default_toast_compression'";
    let wanted: String = client.query_one(wanted, &[]).await.unwrap().get(0);
    let packed = "select pg_column_compression(payload) from events";
    let packed: String = client.query_one(packed, &[]).await.unwrap().get(0);
    assert_eq!(packed, wanted);
}

#[tokio::test]
async fn two_workers_with_one_frame_store_it_once() {
    let stores = TestStores::start().await;
    let (mut one, mut other) = (stores.pool().get().await.unwrap(), stores.pool().get().await.unwrap());
    prepared(&mut one).await;
    let (receipts, reversed) = ([receipt(1), receipt(2)], [receipt(2), receipt(1)]);

    let (first, second) =
        tokio::join!(store_under_1(&mut one, &receipts, rows), store_under_1(&mut other, &reversed, rows));

    let new = [first.unwrap(), second.unwrap()].concat().into_iter().filter(|new| *new).count();
    assert_eq!(new, 2);
    assert_eq!(count(&stores, "events").await, 2);
}

#[tokio::test]
async fn after_rows_were_refused_the_next_ones_are_stored_at_once() {
    let stores = TestStores::start().await;
    let config = StoreConfig { database_connections: 1, ..StoreConfig::for_one_command() };
    let pool = store::connect(&stores.urls().database_url, &config).unwrap();
    prepared(&mut pool.get().await.unwrap()).await;
    let probe = async |rows: Rows| {
        let probing = async |client: &mut _| store::probe(client, rows).await;
        store::within(Duration::from_secs(5), &pool, PostgresOperation::Probe, probing).await
    };
    // With triggers behind the events: what is sent with their end is refused too.
    let refused = || {
        let mut events = CopyRows::with_capacity(0);
        events.row(8).bytes(b"id").bytes(b"u").bytes(b"t").timestamp(now()).int8_array([7].into_iter());
        events.bytes(b"no JSON").optional_int8(None).bool(false);
        Rows { events, ..rows(&[true]) }
    };
    probe(rows(&[true])).await.unwrap();
    for _ in 0..3 {
        assert_eq!(probe(refused()).await.unwrap_err().action(), Action::Refuse);
        probe(rows(&[true])).await.unwrap();
    }
}

#[tokio::test]
async fn a_probe_leaves_nothing_behind() {
    let stores = TestStores::start().await;
    let mut client = stores.pool().get().await.unwrap();
    prepared(&mut client).await;
    store::probe(&mut client, rows(&[true])).await.unwrap();
    assert_eq!(count(&stores, "events").await, 0);
}

#[tokio::test]
async fn workers_that_make_the_same_partitions_at_once_do_not_meet() {
    let stores = TestStores::start().await;
    let (mut one, mut other) = (stores.pool().get().await.unwrap(), stores.pool().get().await.unwrap());
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
    let mut client = stores.pool().get().await.unwrap();
    Partitions::new(DAY).ensure(&mut client, now(), at("2026-11-24T12:00:00Z")).await.unwrap();
    record(&mut client, 1).await;
    store_under_1(&mut client, &[receipt(1)], rows).await.unwrap();
    let pool = stores.pool();
    client.batch_execute("update frames set stored_at = received_at").await.unwrap();

    assert_eq!(partitions::drop_before(&pool, at("2026-11-23T23:59:59Z")).await.unwrap(), []);
    let dropped = partitions::drop_before(&pool, at("2026-11-24T00:00:00Z")).await.unwrap();

    assert_eq!(dropped.len(), 1);
    assert_eq!((count(&stores, "events").await, count(&stores, "partitions").await), (0, 1));
}
