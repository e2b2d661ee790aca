//! The catalog that a worker matches against, kept up to date while campaigns change in a real Postgres.

use std::sync::Arc;
use std::time::Duration;

use campaign_manager::campaign::{Catalog, Scratch};
use campaign_manager::event::Parser;
use campaign_manager::worker::CatalogKeeper;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::support::{DEADLINE, TestStores, until};

/// The ids of the campaigns that an event of this type triggers.
fn triggered(catalog: &Catalog, event_type: &str) -> Vec<i64> {
    let mut scratch = Scratch::default();
    let event = format!(r#"{{"event_type":"{event_type}"}}"#);
    let ids = Parser::new(8).parse(event.as_bytes(), |document| {
        let triggered = catalog.triggered(&document, Timestamp::UNIX_EPOCH, &mut scratch);
        triggered.map(|triggered| triggered.campaign_id).collect()
    });
    ids.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_changes_stay_apart_and_many_are_settled_in_the_background() {
    let stores = TestStores::start().await;
    let postgres = stores.postgres().await;
    let insert = async |event_type: &str, count: i32| {
        let insert = format!(
            r#"insert into campaigns (version, name, status, rules)
               select 1, 'c', 'active', '{{"event_type": ["{event_type}"]}}' from generate_series(1, {count})"#
        );
        postgres.batch_execute(&insert).await.unwrap();
    };
    insert("before", 3).await;
    let keeper = CatalogKeeper::load(stores.pool()).await.unwrap();
    let catalog = keeper.catalog();
    assert!(catalog.load().is_settled());
    let following = tokio::spawn(keeper.follow(Arc::new(Notify::new()), Duration::from_millis(20)));

    insert("after", 2).await;
    until("the new campaigns to match", DEADLINE, async || triggered(&catalog.load(), "after") == [4, 5])
        .await;
    assert!(!catalog.load().is_settled(), "two changes are too few to compile all for");
    postgres
        .batch_execute("update campaigns set status = 'paused', version = 2 where id in (1, 4)")
        .await
        .unwrap();
    until("the paused ones not to match", DEADLINE, async || triggered(&catalog.load(), "after") == [5])
        .await;
    assert_eq!(triggered(&catalog.load(), "before"), [2, 3]);

    insert("after", 300).await;
    until("all to be settled", DEADLINE, async || catalog.load().is_settled() && catalog.load().len() == 303)
        .await;
    assert_eq!(triggered(&catalog.load(), "after").len(), 301);
    assert_eq!(triggered(&catalog.load(), "before"), [2, 3]);
    following.abort();
}
