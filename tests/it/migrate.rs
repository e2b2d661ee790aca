//! Migrations: safe to run twice, and by two processes at once.

use std::time::Duration;

use campaign_manager::store::Partitions;
use campaign_manager::store::migrate::migrate;
use jiff::Timestamp;

use crate::support::{DEADLINE, TestStores, program, run, until};

/// Servers with a database that was never migrated.
pub(crate) async fn unmigrated() -> TestStores {
    let stores = TestStores::start().await;
    stores.postgres().await.batch_execute("drop schema public cascade; create schema public").await.unwrap();
    stores
}

#[tokio::test]
async fn the_second_run_changes_nothing() {
    let stores = unmigrated().await;
    let url = stores.database_url();

    let first = migrate(url).await.unwrap();
    let second = migrate(url).await.unwrap();

    assert_eq!(first.migrations.first().map(String::as_str), Some("V1__campaigns"));
    assert_eq!(second.migrations, Vec::<String>::new());
    assert_eq!(second.version, first.version);
}

#[tokio::test]
async fn of_runs_at_once_one_does_the_work() {
    let stores = unmigrated().await;
    let url = stores.database_url();

    let runs = tokio::join!(migrate(url), migrate(url), migrate(url), migrate(url));
    let runs = [runs.0, runs.1, runs.2, runs.3].map(Result::unwrap);

    let busy: Vec<_> = runs.iter().filter(|run| !run.migrations.is_empty()).collect();
    assert_eq!(busy.len(), 1, "{runs:?}");
    assert!(runs.iter().all(|run| run.version == busy[0].version), "{runs:?}");
}

#[tokio::test]
async fn of_partitions_made_before_those_still_open_are_vacuumed_no_more() {
    const STORAGE: &str = "select partition.suffix, count(*) from partitions partition
        join pg_class leaf on leaf.relname in ('events_' || suffix, 'triggers_' || suffix, 'frames_' || suffix)
        where leaf.reloptions = '{autovacuum_vacuum_insert_threshold=-1}' group by 1";
    let stores = TestStores::start().await;
    let (mut client, now, hour) = (stores.postgres().await, Timestamp::now(), Duration::from_hours(1));
    Partitions::new(hour).ensure_at(&mut client, [now + hour, now - 2 * hour].into_iter()).await.unwrap();
    let reset =
        "select 'alter table ' || name || '_' || suffix || ' reset (autovacuum_vacuum_insert_threshold)'
        from partitions, unnest(array['events', 'triggers', 'frames']) name";
    for row in client.query(reset, &[]).await.unwrap() {
        client.batch_execute(row.get(0)).await.unwrap();
    }
    assert!(client.query(STORAGE, &[]).await.unwrap().is_empty());

    let migration = include_str!("../../migrations/V8__open_partitions_unvacuumed.sql");
    client.batch_execute(migration).await.unwrap();

    let open = "select suffix from partitions order by lower_bound desc limit 1";
    let open: String = client.query_one(open, &[]).await.unwrap().get(0);
    let set = client.query(STORAGE, &[]).await.unwrap();
    assert_eq!(set.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(String, i64)>>(), [(open, 3)]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = migrate("postgres://campaigns@127.0.0.1:1/campaigns").await.unwrap_err();
    assert!(error.to_string().contains("DATABASE_URL"), "{error}");
}

#[tokio::test]
async fn a_check_changes_nothing_and_ends_with_1_until_the_schema_is_there() {
    let stores = unmigrated().await;

    let before = run(&stores, &["migrate", "--check"]).await;
    assert_eq!(before.code, 1, "{before:?}");
    assert!(
        before.err.contains("at version 0") && before.err.contains("campaign-manager migrate"),
        "{before:?}"
    );
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    assert_eq!(stores.postgres().await.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);

    migrate(stores.database_url()).await.unwrap();
    let after = run(&stores, &["migrate", "--check"]).await;
    assert_eq!((after.code, after.err.as_str()), (0, ""), "{after:?}");
}

#[tokio::test]
async fn a_check_may_wait_for_a_migration_that_comes_later() {
    let stores = unmigrated().await;
    let mut command = program();
    command.args(["migrate", "--check", "--wait=1h"]).env("DATABASE_URL", stores.database_url());
    let mut waiting = command.stdout(std::process::Stdio::null()).spawn().unwrap();

    // it has looked, and found nothing
    let looks =
        "select count(*) from pg_stat_database where datname = current_database() and xact_rollback > 0";
    let postgres = stores.postgres().await;
    until("a look", DEADLINE, async || postgres.query_one(looks, &[]).await.unwrap().get::<_, i64>(0) > 0)
        .await;
    assert!(waiting.try_wait().unwrap().is_none());
    migrate(stores.database_url()).await.unwrap();
    until("its end", DEADLINE, async || waiting.try_wait().unwrap().is_some()).await;
    assert!(waiting.wait().unwrap().success());
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_new_enough() {
    let stores = TestStores::start().await;
    let newer = "insert into refinery_schema_history (version, name) values (9999, 'later')";
    stores.postgres().await.batch_execute(newer).await.unwrap();
    let checked = run(&stores, &["migrate", "--check"]).await;
    assert_eq!((checked.code, checked.out.as_str()), (0, "the schema is at version 9999\n"), "{checked:?}");
}
