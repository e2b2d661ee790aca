//! Migrations: safe to run twice, and by two processes at once.

use campaign_manager::store::migrate::migrate;

use crate::support::TestStores;

/// Servers with a database that was never migrated.
async fn unmigrated() -> TestStores {
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
async fn a_server_that_is_not_there_is_named() {
    let error = migrate("postgres://campaigns@127.0.0.1:1/campaigns").await.unwrap_err();
    assert!(error.to_string().contains("DATABASE_URL"), "{error}");
}
