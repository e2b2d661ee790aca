//! Sealing of closed partitions in a real Postgres, step by step and by a worker.

use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::queue::{EventRecord, OutgoingFrame, Records, Sender, Shard, append, pool};
use campaign_manager::store::partitions::{self, Duplicate, Duplicates, Sealing, Span};
use campaign_manager::store::{Partitions, Searches, StoreError, events};
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::support::{
    DEADLINE, SHARDS, Settings, TestStores, connect, count, start_worker, until, until_rows,
};

const DAY: Duration = Duration::from_hours(24);
/// The indexes that sealing adds.
const SEALED: [(&str, bool); 4] = [
    ("events_20261110_event_id_user_id_from_browser_key", true),
    ("events_20261110_user_id_received_at_idx", false),
    ("triggers_20261110_campaign_id_received_at_idx", false),
    ("triggers_20261110_event_id_idx", false),
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-11-10T12:00:00Z")
}

fn day() -> Span {
    Span { lower: at("2026-11-10T00:00:00Z"), upper: at("2026-11-11T00:00:00Z") }
}

/// Servers with the partition of that day, which holds these events.
async fn stores_with(ids: &[&str]) -> TestStores {
    let stores = TestStores::start().await;
    let mut client = stores.postgres().await;
    Partitions::new(DAY).ensure(&mut client, noon(), noon()).await.unwrap();
    for id in ids {
        insert(&client, id, "u").await.unwrap();
    }
    stores
}

async fn insert(client: &Client, id: &str, user: &str) -> Result<(), StoreError> {
    const INSERT: &str =
        "insert into events (event_id, user_id, event_type, received_at, campaign_ids, payload)
        values ($1, $2, 't', $3, '{}', '{}')";
    client.execute(INSERT, &[&id, &user, &noon()]).await?;
    Ok(())
}

fn done() -> Sealing {
    Sealing::Done(Duplicates::default())
}

/// The btree indexes of the day but for that of the receipts: name, whether it is unique, whether it is valid.
async fn indexes(client: &Client) -> Vec<(String, bool, bool)> {
    const SELECT: &str = "select c.relname::text, i.indisunique, i.indisvalid from pg_index i
        join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
        where a.amname = 'btree' and i.indrelid::regclass::text in ('events_20261110', 'triggers_20261110') order by 1";
    let rows = client.query(SELECT, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

async fn assert_sealed(client: &Client) {
    let expected = SEALED.map(|(name, unique)| (name.to_owned(), unique, true));
    assert_eq!(indexes(client).await, expected);
    assert_eq!(recorded(client).await, (true, Some(0)));
}

/// What the table `partitions` says of the day: whether it is sealed, and with how many duplicates.
async fn recorded(client: &Client) -> (bool, Option<i64>) {
    let select = "select sealed_at is not null, duplicate_ids from partitions where suffix = '20261110'";
    let row = client.query_one(select, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// A sealing under way, held up until the transaction that it waits for ends.
struct HeldUp {
    holder: Client,
    sealing: JoinHandle<Result<Sealing, StoreError>>,
}

impl HeldUp {
    /// Begins to seal the day, and returns when its first index waits for a transaction that has done `holding`.
    async fn begin(stores: &TestStores, holding: &str) -> Self {
        let holder = stores.postgres().await;
        holder.batch_execute(&format!("begin isolation level repeatable read; {holding}")).await.unwrap();
        let url = stores.database_url().to_owned();
        let sealing = tokio::spawn(async move { partitions::seal(&connect(&url).await, day()).await });
        let waits = "select from pg_stat_activity where query like 'create%concurrently%' and wait_event = 'virtualxid'";
        let observer = stores.postgres().await;
        until("an index that waits", DEADLINE, async || {
            !observer.query(waits, &[]).await.unwrap().is_empty()
        })
        .await;
        Self { holder, sealing }
    }

    async fn let_go(self) -> Result<Sealing, StoreError> {
        self.holder.batch_execute("commit").await.unwrap();
        self.sealing.await.unwrap()
    }
}

/// Holds up a build from its beginning, as one does who writes to the partition.
const WRITING: &str = "lock table events_20261110 in row exclusive mode";
/// Holds up a build before its end, since it may read what the index has no entry for.
const READING: &str = "select 1 from campaigns";

#[tokio::test]
async fn a_closed_partition_gets_its_indexes_once() {
    let stores = stores_with(&["a", "b"]).await;
    let client = stores.postgres().await;

    assert_eq!(partitions::seal(&client, day()).await.unwrap(), done());
    assert_sealed(&client).await;
    let sealed_at =
        "select sealed_at::text || (select array_agg(oid order by oid)::text from pg_class) from partitions";
    let before: String = client.query_one(sealed_at, &[]).await.unwrap().get(0);

    assert_eq!(partitions::seal(&client, day()).await.unwrap(), Sealing::Over);
    assert_eq!(client.query_one(sealed_at, &[]).await.unwrap().get::<_, String>(0), before);
}

#[tokio::test]
async fn a_partition_is_due_when_it_has_closed_is_kept_and_not_sealed() {
    let stores = stores_with(&[]).await;
    let client = stores.postgres().await;
    let due = async |closed_before, kept_from| {
        partitions::unsealed(&client, closed_before, kept_from).await.unwrap()
    };
    let before_the_end = at("2026-11-10T23:59:59.999999Z");

    assert_eq!(due(before_the_end, Timestamp::MIN).await, []);
    assert_eq!(due(day().upper, Timestamp::MIN).await, [day()]);
    assert_eq!(due(Timestamp::MAX, before_the_end).await, [day()]);
    assert_eq!(due(Timestamp::MAX, day().upper).await, []);
    partitions::seal(&client, day()).await.unwrap();
    assert_eq!(due(Timestamp::MAX, Timestamp::MIN).await, []);
}

#[tokio::test]
async fn of_two_sealers_one_does_the_work_and_the_other_goes_on() {
    let stores = stores_with(&["a"]).await;
    let other = stores.postgres().await;
    let held_up = HeldUp::begin(&stores, WRITING).await;

    assert_eq!(partitions::seal(&other, day()).await.unwrap(), Sealing::Taken);

    assert_eq!(held_up.let_go().await.unwrap(), done());
    assert_eq!(partitions::seal(&other, day()).await.unwrap(), Sealing::Over);
    assert_sealed(&other).await;
}

#[tokio::test]
async fn an_index_that_a_death_left_unfinished_is_built_anew() {
    let stores = stores_with(&["a"]).await;
    let client = stores.postgres().await;
    let held_up = HeldUp::begin(&stores, READING).await;
    let end =
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'create%concurrently%'";
    client.execute(end, &[]).await.unwrap();
    held_up.let_go().await.unwrap_err();
    assert_eq!(indexes(&client).await, [(SEALED[0].0.to_owned(), true, false)]);
    assert_eq!(recorded(&client).await, (false, None));

    // The dead session's lock goes with it, which may take a moment.
    until("the partition sealed", DEADLINE, async || {
        partitions::seal(&client, day()).await.unwrap() == done()
    })
    .await;

    assert_sealed(&client).await;
}

#[tokio::test]
async fn ids_stored_twice_are_reported_and_indexed_all_the_same() {
    let mut ids: Vec<String> = (0..30).map(|id| format!("e{id:02}")).collect();
    ids.extend_from_within(5..30);
    let stores = stores_with(&ids.iter().map(|id| &**id).collect::<Vec<_>>()).await;
    let client = stores.postgres().await;
    insert(&client, "e05", "another").await.unwrap();

    let Sealing::Done(duplicates) = partitions::seal(&client, day()).await.unwrap() else {
        panic!("not sealed")
    };

    assert_eq!((duplicates.ids, duplicates.named.len()), (25, 20));
    let first =
        Duplicate { event_id: "e05".to_owned(), user_id: "u".to_owned(), from_browser: false, rows: 2 };
    assert_eq!(duplicates.named[0], first);
    assert_eq!(recorded(&client).await, (true, Some(25)));
    let built = indexes(&client).await;
    assert_eq!(built[0], ("events_20261110_event_id_idx".to_owned(), false, true));
    assert_eq!((built.len(), built.iter().all(|(_, unique, valid)| !unique && *valid)), (4, true));
}

#[tokio::test]
async fn a_sealer_that_died_after_finding_duplicates_is_carried_on_by_the_next() {
    let stores = stores_with(&["a", "a"]).await;
    let client = stores.postgres().await;
    let unique = "create unique index concurrently events_20261110_event_id_user_id_from_browser_key
        on events_20261110 (event_id, user_id, from_browser)";
    client.batch_execute(unique).await.unwrap_err();
    let plain = "create index concurrently events_20261110_event_id_idx on events_20261110 (event_id)";
    client.batch_execute(plain).await.unwrap();

    let Sealing::Done(duplicates) = partitions::seal(&client, day()).await.unwrap() else {
        panic!("not sealed")
    };

    assert_eq!(duplicates.ids, 1);
    assert_eq!(indexes(&client).await.len(), 4);
}

#[tokio::test]
async fn late_events_are_written_while_an_index_is_built() {
    let stores = stores_with(&["a"]).await;
    let client = stores.postgres().await;
    for (holding, late) in [(WRITING, "late 1"), (READING, "late 2")] {
        let held_up = HeldUp::begin(&stores, holding).await;
        let rows = format!("{late}\tu\tt\t2026-11-10 13:00:00+00\t{{}}\t{{}}\t\\N\tf\n");
        copy(&client, rows).await;
        assert_eq!(indexes(&client).await, [(SEALED[0].0.to_owned(), true, false)]);
        assert_eq!(held_up.let_go().await.unwrap(), done());
        assert_sealed(&client).await;
        assert!(insert(&client, late, "u").await.unwrap_err().is_stored_already());
        let unseal = SEALED.map(|(name, _)| format!("drop index {name};")).concat();
        let unseal = format!(
            "{unseal} update partitions set sealed_at = null, seal_form = null, duplicate_ids = null"
        );
        client.batch_execute(&unseal).await.unwrap();
    }
    assert_eq!(count(&stores, "events").await, 3);
}

/// Writes rows of text as the pipeline does: through the parent.
async fn copy(client: &Client, rows: String) {
    let sink = client.copy_in("copy events from stdin").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    futures_util::SinkExt::send(&mut sink, bytes::Bytes::from(rows)).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 1);
}

#[tokio::test]
async fn a_partition_being_sealed_is_dropped_later_and_the_others_at_once() {
    let stores = stores_with(&["a"]).await;
    let mut client = stores.postgres().await;
    let earlier = at("2026-11-08T12:00:00Z");
    Partitions::new(DAY).ensure(&mut client, earlier, earlier).await.unwrap();
    let held_up = HeldUp::begin(&stores, WRITING).await;

    let dropped = partitions::drop_before(&stores.pool(), Timestamp::now()).await.unwrap();
    assert_eq!(dropped.iter().map(Span::suffix).collect::<Vec<_>>(), ["20261108"]);

    assert_eq!(held_up.let_go().await.unwrap(), done());
    let dropped = partitions::drop_before(&stores.pool(), Timestamp::now()).await.unwrap();
    assert_eq!(dropped, [day()]);
    assert_eq!(partitions::seal(&client, day()).await.unwrap(), Sealing::Over);
}

#[tokio::test]
async fn a_partition_that_somebody_reads_is_dropped_later() {
    let stores = stores_with(&["a"]).await;
    let reader = stores.postgres().await;
    reader.batch_execute("begin; select count(*) from events").await.unwrap();

    let error = partitions::drop_before(&stores.pool(), Timestamp::now()).await.unwrap_err();
    assert!(error.to_string().contains("lock timeout"), "{error}");

    reader.batch_execute("commit").await.unwrap();
    assert_eq!(partitions::drop_before(&stores.pool(), Timestamp::now()).await.unwrap(), [day()]);
}

#[tokio::test]
async fn a_sealed_partition_is_searched_by_its_indexes() {
    let stores = stores_with(&[]).await;
    let client = stores.postgres().await;
    let fill = "insert into events select 'e' || n, 'u' || n % 100, 't', timestamptz '2026-11-10 00:00Z' + n * interval '8 s',
        '{}', json_build_object('n', n) from generate_series(1, 10000) n";
    client.batch_execute(fill).await.unwrap();
    assert_eq!(partitions::seal(&client, day()).await.unwrap(), done());
    let scans = async |index: &str| -> i64 {
        let select = "select idx_scan from pg_stat_user_indexes where indexrelname = $1";
        client.query_one(select, &[&index]).await.unwrap().get(0)
    };

    let pool = stores.pool();
    let searches = Searches::on(pool.clone());
    let found = events::find(&searches, "e4242", None).await.unwrap().unwrap();
    let filter = events::Filter { user_id: Some("u42".to_owned()), ..events::Filter::default() };
    let page = events::search(&searches, &filter, None, 200, Duration::MAX).await.unwrap();

    assert_eq!((found.user_id.as_str(), page.found.len()), ("u42", 100));
    // Postgres counts the scans of a session no later than at its end.
    pool.close_idle();
    for index in
        ["events_20261110_event_id_user_id_from_browser_key", "events_20261110_user_id_received_at_idx"]
    {
        until(&format!("a scan of {index}"), DEADLINE, async || scans(index).await == 1).await;
    }
    assert_eq!(scans("events_20261110_received_at_event_id_user_id_idx").await, 0, "the BRIN index");
}

/// A frame of events that were received on that day.
fn late_frame(shard: Shard, ids: &[&str]) -> OutgoingFrame {
    let mut records = Records::default();
    for event_id in ids {
        let event = EventRecord {
            received_at: noon(),
            sender: Sender::default(),
            event_id,
            event_type: "test",
            user_id: "u",
            payload: b"{}",
        };
        records.push(&event);
    }
    OutgoingFrame::new(shard, records)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_event_that_a_sealed_partition_holds_is_a_duplicate_and_its_neighbours_are_stored() {
    let (stores, settings) = (stores_with(&["a", "b"]).await, Settings::with(&["--shards", "4"]));
    let client = stores.postgres().await;
    let worker = start_worker(&stores, &settings).await;
    until("the partition sealed", DEADLINE, async || recorded(&client).await.0).await;
    assert_sealed(&client).await;

    let shard = SHARDS.all().next().unwrap();
    let frame = late_frame(shard, &["a", "c", "d", "b", "e"]);
    append(&pool(&stores.urls().redis_url, &settings.queue).unwrap(), &[frame]).await.unwrap();
    until_rows(&stores, "frames", 1).await;
    until("an empty queue", DEADLINE, async || {
        let mut redis = stores.redis().await;
        redis::cmd("XLEN").arg(shard.stream()).query_async::<u64>(&mut redis).await.unwrap() == 0
    })
    .await;
    worker.drain(DEADLINE).await.unwrap();

    let receipt = "select stored, duplicates, dead_lettered from frames";
    let receipt = client.query_one(receipt, &[]).await.unwrap();
    assert_eq!((receipt.get(0), receipt.get(1), receipt.get(2)), (3, 2, 0));
    assert_eq!((count(&stores, "events").await, count(&stores, "dead_letters").await), (5, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_seals_what_closed_long_enough_ago_and_nothing_else() {
    let stores = stores_with(&["a"]).await;
    let mut client = stores.postgres().await;
    let earlier = at("2026-11-08T12:00:00Z");
    Partitions::new(DAY).ensure(&mut client, earlier, earlier).await.unwrap();
    // One closed less than this ago, the other more.
    let age = Timestamp::now().duration_since(at("2026-11-10T00:00:00Z")).as_secs();
    let seal_after = format!("{age}s");
    let worker = start_worker(&stores, &Settings::with(&["--seal-after", &seal_after])).await;

    let sealed = "select suffix from partitions where sealed_at is not null";
    until("a sealed partition", DEADLINE, async || !client.query(sealed, &[]).await.unwrap().is_empty())
        .await;
    worker.drain(DEADLINE).await.unwrap();

    let sealed = client.query(sealed, &[]).await.unwrap();
    assert_eq!(sealed.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["20261108"]);
    assert_eq!(indexes(&client).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_shorter_than_the_wait_for_sealing_drops_partitions_unsealed() {
    let stores = stores_with(&["a"]).await;
    let client = stores.postgres().await;
    let settings = Settings::with(&["--retention", "1h", "--dedupe-window", "1h", "--seal-after", "48h"]);

    let worker = start_worker(&stores, &settings).await;
    let partition = "select from partitions where suffix = '20261110'";
    until("the partition dropped", DEADLINE, async || client.query(partition, &[]).await.unwrap().is_empty())
        .await;
    worker.drain(DEADLINE).await.unwrap();

    assert_eq!(count(&stores, "events").await, 0);
}

/// Seals the day as older releases did, with these indexes on the ids.
async fn seal_as_before(client: &Client, index: &str, duplicate_ids: i64) {
    let rest = SEALED[1..].iter().map(|(name, _)| {
        let (table, columns) = name.strip_suffix("_idx").unwrap().split_once("_20261110_").unwrap();
        let columns = columns.replace("_received_at", ", received_at");
        format!("create index {name} on {table}_20261110 ({columns});")
    });
    let sealed = format!(
        "create {index} on events_20261110 (event_id); {}
        update partitions set sealed_at = now(), duplicate_ids = {duplicate_ids}",
        rest.collect::<String>()
    );
    client.batch_execute(&sealed).await.unwrap();
}

#[tokio::test]
async fn what_an_older_release_has_sealed_gets_the_index_of_this_one_in_place_of_its_own() {
    for (index, users, duplicate_ids) in [
        ("unique index events_20261110_event_id_key", vec!["u"], 0),
        ("index events_20261110_event_id_idx", vec!["u", "v"], 1),
    ] {
        let stores = stores_with(&[]).await;
        let client = stores.postgres().await;
        for user in users {
            insert(&client, "a", user).await.unwrap();
        }
        seal_as_before(&client, index, duplicate_ids).await;
        let due = partitions::unsealed(&client, Timestamp::MAX, Timestamp::MIN).await.unwrap();
        assert_eq!(due, [day()]);

        assert_eq!(partitions::seal(&client, day()).await.unwrap(), done(), "{index}");

        assert_sealed(&client).await;
        insert(&client, "a", "w").await.unwrap();
        assert!(insert(&client, "a", "u").await.unwrap_err().is_stored_already());
        assert_eq!(partitions::unsealed(&client, Timestamp::MAX, Timestamp::MIN).await.unwrap(), []);
    }
}

#[tokio::test]
async fn an_event_that_an_older_release_has_stored_twice_is_found_when_its_partition_is_sealed_anew() {
    let stores = stores_with(&["a", "a"]).await;
    let client = stores.postgres().await;
    seal_as_before(&client, "index events_20261110_event_id_idx", 1).await;

    let Sealing::Done(duplicates) = partitions::seal(&client, day()).await.unwrap() else {
        panic!("not sealed")
    };

    assert_eq!(duplicates.ids, 1);
    assert_eq!(indexes(&client).await[0], ("events_20261110_event_id_idx".to_owned(), false, true));
    assert_eq!(recorded(&client).await, (true, Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_it_is_sealed_anew_another_users_event_of_the_same_id_is_a_dead_letter_and_a_duplicate_is_one()
{
    let (stores, settings) = (stores_with(&["a", "b"]).await, Settings::with(&["--shards", "4"]));
    let client = stores.postgres().await;
    seal_as_before(&client, "unique index events_20261110_event_id_key", 0).await;
    // Somebody else is at it.
    let seal = "select pg_advisory_lock(hashtext('seal'), hashtext('20261110'))";
    client.batch_execute(seal).await.unwrap();
    client.batch_execute("update events set user_id = 'another' where event_id = 'b'").await.unwrap();
    let worker = start_worker(&stores, &settings).await;

    let frame = late_frame(SHARDS.all().next().unwrap(), &["a", "b", "c"]);
    append(&pool(&stores.urls().redis_url, &settings.queue).unwrap(), &[frame]).await.unwrap();
    until_rows(&stores, "frames", 1).await;

    let receipt = "select stored, duplicates, dead_lettered from frames";
    let receipt = client.query_one(receipt, &[]).await.unwrap();
    assert_eq!((receipt.get(0), receipt.get(1), receipt.get(2)), (1, 1, 1));
    let detail: String = client.query_one("select detail from dead_letters", &[]).await.unwrap().get(0);
    assert!(detail.contains("events_20261110_event_id_key"), "{detail}");
    worker.drain(DEADLINE).await.unwrap();
}
