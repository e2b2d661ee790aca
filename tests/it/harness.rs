//! The harness itself: what every other test relies on.

use std::time::Duration;

use bb8_redis::redis::AsyncCommands;

use crate::support::{TestStores, until};

#[tokio::test]
async fn tests_do_not_see_each_others_data() {
    let (one, other) = tokio::join!(TestStores::start(), TestStores::start());

    let (key, count) = ("key", "select count(*) from api_keys");
    let insert = "insert into api_keys (name, scope, hash) values ('k', 'ingest', sha256('k'))";
    one.postgres().await.execute(insert, &[]).await.unwrap();
    let () = one.redis().await.set(key, 1).await.unwrap();

    assert_eq!(one.postgres().await.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert_eq!(other.postgres().await.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert!(one.redis().await.exists::<_, bool>(key).await.unwrap());
    assert!(!other.redis().await.exists::<_, bool>(key).await.unwrap());
}

#[tokio::test]
async fn a_killed_redis_comes_back_at_its_address_with_its_data() {
    let mut stores = TestStores::start().await;
    let () = stores.redis().await.set("key", "value").await.unwrap();

    stores.servers.redis.kill().await;
    stores.servers.redis.start().await.unwrap();

    assert_eq!(stores.redis().await.get::<_, String>("key").await.unwrap(), "value");
}

#[tokio::test]
async fn a_killed_postgres_comes_back_at_its_address_with_its_data() {
    let mut stores = TestStores::start().await;
    // a connection that the killed server leaves behind
    let client = stores.postgres().await;
    client.batch_execute("create table kept as select 42 as value").await.unwrap();

    stores.servers.postgres.kill().await;
    stores.servers.postgres.start().await.unwrap();

    let row = stores.postgres().await.query_one("select value from kept", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
}

#[tokio::test]
async fn stopped_servers_start_again_at_their_addresses() {
    let mut stores = TestStores::start().await;
    let (redis_url, database_url) = (stores.redis_url().to_owned(), stores.database_url().to_owned());

    stores.servers.redis.stop().await;
    stores.servers.postgres.stop().await;
    stores.servers.redis.start().await.unwrap();
    stores.servers.postgres.start().await.unwrap();

    assert_eq!((stores.redis_url(), stores.database_url()), (&*redis_url, &*database_url));
    stores.postgres().await;
    stores.redis().await;
}

#[tokio::test]
async fn until_returns_as_soon_as_the_condition_holds() {
    let mut looks = 0;
    until("the third look", Duration::from_secs(10), async || {
        looks += 1;
        looks == 3
    })
    .await;
    assert_eq!(looks, 3);
}

#[tokio::test]
#[should_panic(expected = "waited 20ms in vain: a day that never comes")]
async fn until_names_what_it_waited_for() {
    until("a day that never comes", Duration::from_millis(20), async || false).await;
}
