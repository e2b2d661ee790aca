//! When partitions are vacuumed, in a real Postgres: not while they are open, and once and for all when they are sealed.

use std::time::Duration;

use campaign_manager::store::partitions::{self, Duplicates, Sealing, Span};
use campaign_manager::store::{Partitions, StoreError};
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::support::{DEADLINE, TestStores, connect, until};

const LEAVES: [&str; 3] = ["events_20261110", "triggers_20261110", "frames_20261110"];
const UNVACUUMED: &str = "autovacuum_vacuum_insert_threshold=-1";

fn day() -> Span {
    let [lower, upper] = ["2026-11-10T00:00:00Z", "2026-11-11T00:00:00Z"].map(|time| time.parse().unwrap());
    Span { lower, upper }
}

/// Servers with the partition of that day.
async fn stores() -> TestStores {
    let stores = TestStores::start().await;
    let noon: Timestamp = "2026-11-10T12:00:00Z".parse().unwrap();
    let mut partitions = Partitions::new(Duration::from_hours(24));
    partitions.ensure(&mut stores.postgres().await, noon, noon).await.unwrap();
    stores
}

/// Stores as many of each as are vacuumed for being new, on a connection of their own: Postgres counts them at its end.
async fn store(stores: &TestStores, name: &str) {
    let insert = format!(
        "insert into events select '{name}' || n, 'u', 't', '2026-11-10 12:00Z', '{{}}', '{{}}' from generate_series(1, 3000) n;
        insert into triggers select 1, 1, '{name}' || n, 'u', '2026-11-10 12:00Z' from generate_series(1, 3000) n;
        insert into frames (shard, entry_ms, entry_seq, received_at, stored, duplicates, dead_lettered, earliest_at, latest_at)
            select 1, hashtext('{name}'), n, '2026-11-10 12:00Z', 1, 0, 0, now(), now() from generate_series(1, 3000) n"
    );
    stores.postgres().await.batch_execute(&insert).await.unwrap();
}

/// An event that is too large for a page.
async fn store_large(client: &Client) {
    let insert = "insert into events select 'large', 'u', 't', '2026-11-10 12:00Z', '{}',
        json_build_object('text', string_agg(md5(n::text), '')) from generate_series(1, 1000) n";
    client.batch_execute(insert).await.unwrap();
}

async fn configure(client: &Client, setting: &str) {
    client.batch_execute(&format!("alter system set {setting}")).await.unwrap();
    client.batch_execute("select pg_reload_conf()").await.unwrap();
}

/// The storage parameters of each leaf.
async fn parameters(client: &Client) -> [String; 3] {
    const SELECT: &str =
        "select coalesce(array_to_string(reloptions, ', '), '') from pg_class where relname = $1";
    let mut parameters = LEAVES.map(str::to_owned);
    for leaf in &mut parameters {
        *leaf = client.query_one(SELECT, &[leaf]).await.unwrap().get(0);
    }
    parameters
}

/// Whether each leaf was vacuumed, or analyzed, so often by Postgres itself.
async fn counted(client: &Client, what: &str, times: i64) -> bool {
    let select =
        format!("select bool_and({what}_count = $1) from pg_stat_user_tables where relname = any($2)");
    client.query_one(&select, &[&times, &LEAVES.as_slice()]).await.unwrap().get(0)
}

/// The leaves, and what lies beside them as it is too large for a page, with pages that a vacuum would still read for rows
/// of transactions before this one.
async fn unfrozen(client: &Client, transaction: &str) -> Vec<String> {
    const SELECT: &str = "select leaf.relname || case when c.oid = leaf.oid then '' else ' beside' end
        from pg_class leaf join pg_class c on c.oid in (leaf.oid, leaf.reltoastrelid)
        where leaf.relname = any($1) and not (
            c.relallvisible = pg_relation_size(c.oid) / 8192 and age(c.relfrozenxid) <= age($2::text::xid)
        ) order by 1";
    let rows = client.query(SELECT, &[&LEAVES.as_slice(), &transaction]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn is_sealed(client: &Client) -> bool {
    client.query_one("select sealed_at is not null from partitions", &[]).await.unwrap().get(0)
}

fn done() -> Sealing {
    Sealing::Done(Duplicates::default())
}

/// Begins to seal the day, and returns when that waits for the lock of a leaf, which somebody has.
async fn begin_to_seal(
    stores: &TestStores,
    observer: &Client,
    leaf: &str,
) -> JoinHandle<Result<Sealing, StoreError>> {
    let url = stores.database_url().to_owned();
    let sealing = tokio::spawn(async move { partitions::seal(&connect(&url).await, day()).await });
    let waits = "select from pg_stat_activity where query like 'vacuum%' || $1 and wait_event_type = 'Lock'";
    until("a vacuum that waits", DEADLINE, async || {
        !observer.query(waits, &[&leaf]).await.unwrap().is_empty()
    })
    .await;
    sealing
}

#[tokio::test]
async fn what_is_new_is_vacuumed_by_postgres_only_where_it_came_late() {
    let stores = stores().await;
    let client = stores.postgres().await;
    configure(&client, "autovacuum_naptime = '1s'").await;

    // It vacuums before it analyzes.
    store(&stores, "in time").await;
    until("autoanalyze", DEADLINE, async || counted(&client, "autoanalyze", 1).await).await;
    assert!(counted(&client, "autovacuum", 0).await);
    assert_eq!(parameters(&client).await, [UNVACUUMED; 3]);

    assert_eq!(partitions::seal(&client, day()).await.unwrap(), done());
    assert_eq!(parameters(&client).await, [""; 3]);
    store(&stores, "late").await;
    until("autovacuum", DEADLINE, async || counted(&client, "autovacuum", 1).await).await;
}

#[tokio::test]
async fn a_sealed_partition_is_frozen_whole() {
    let stores = stores().await;
    let client = stores.postgres().await;
    // Whoever looks at the rows while they are frozen keeps them from it.
    configure(&client, "autovacuum = off").await;
    let autovacuum = "select from pg_stat_activity where backend_type like 'autovacuum%'";
    until("no autovacuum", DEADLINE, async || client.query(autovacuum, &[]).await.unwrap().is_empty()).await;
    store(&stores, "e").await;
    store_large(&client).await;
    let next = "select pg_snapshot_xmax(pg_current_snapshot())::text";
    let next: String = client.query_one(next, &[]).await.unwrap().get(0);
    let leaves = ["events_20261110", "events_20261110 beside", "frames_20261110"];
    assert!(unfrozen(&client, &next).await.starts_with(&leaves.map(str::to_owned)));

    assert_eq!(partitions::seal(&client, day()).await.unwrap(), done());

    assert_eq!(unfrozen(&client, &next).await, <[String; 0]>::default());
}

#[tokio::test]
async fn a_sealer_that_died_between_two_vacuums_is_carried_on_by_the_next_and_nobody_waits() {
    let stores = stores().await;
    let (client, mut other) = (stores.postgres().await, stores.postgres().await);
    for (vacuumed, leaf) in LEAVES.into_iter().enumerate() {
        let maintenance = other.transaction().await.unwrap();
        let lock = format!("lock table {leaf} in share update exclusive mode");
        maintenance.batch_execute(&lock).await.unwrap();
        let sealing = begin_to_seal(&stores, &client, leaf).await;

        store(&stores, leaf).await;
        let end = "select pg_terminate_backend(pid, 60000) from pg_stat_activity where query like 'vacuum%'";
        client.execute(end, &[]).await.unwrap();
        sealing.await.unwrap().unwrap_err();
        maintenance.rollback().await.unwrap();

        let expected: Vec<&str> = (0..3).map(|at| if at < vacuumed { "" } else { UNVACUUMED }).collect();
        assert_eq!(parameters(&client).await.as_slice(), expected);
        assert!(!is_sealed(&client).await);
    }

    assert_eq!(partitions::seal(&client, day()).await.unwrap(), done());

    assert_eq!(parameters(&client).await, [""; 3]);
    assert!(is_sealed(&client).await);
}
