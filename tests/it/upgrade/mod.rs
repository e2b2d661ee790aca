//! A database that the release before has filled is brought to the newest schema, and the business goes on. `make.sh` has
//! made it, with the program of that release.

use campaign_manager::store::migrate::migrate;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::migrate::unmigrated;
use crate::support::{
    DEADLINE, Reply, Settings, TestServer, TestStores, count, start_worker, until, until_rows,
};

/// Schema version 8, the last one without identities, reports of servers, rules set aside and bursts of keys.
const RELEASE_8: &str = include_str!("release_8.sql");
const EVENTS: i64 = 101;
const CLOSED_AND_UNSEALED: &str = "select count(*) from partitions
    where upper_bound < now() - interval '2 hours' and (sealed_at is null or seal_form is null)";

/// A key that the dump names in its first lines.
fn key(scope: &str) -> &'static str {
    let start = format!("-- {scope} key: ");
    RELEASE_8.lines().find_map(|line| line.strip_prefix(&start)).unwrap()
}

/// Servers with the database of the release before, not yet migrated.
async fn stores_of_the_release_before() -> TestStores {
    let stores = unmigrated().await;
    stores.postgres().await.batch_execute(RELEASE_8).await.unwrap();
    stores
}

/// Each table with the columns that it has.
async fn columns(client: &Client) -> Vec<(String, String)> {
    const SELECT: &str = "select c.relname::text, string_agg(quote_ident(attname), ', ' order by attnum)
        from pg_class c join pg_attribute on attrelid = c.oid
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped
            and relname <> 'refinery_schema_history'
        group by 1 order by 1";
    client.query(SELECT, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The rows of these columns, each as text.
async fn rows(client: &Client, (table, columns): &(String, String)) -> Vec<String> {
    let select = format!("select row({columns})::text from {table} order by 1");
    client.query(&select, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn ask(server: &TestServer, method: Method, path: &str, body: Option<Value>) -> Value {
    let mut request = server.request(method, path).bearer_auth(key("admin"));
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let reply = Reply::of(request).await;
    assert!(reply.status.is_success(), "{path}: {reply:?}");
    reply.json()
}

async fn get(server: &TestServer, path: &str) -> Value {
    ask(server, Method::GET, path, None).await
}

/// The id of each campaign by its name, with its status.
async fn campaigns(server: &TestServer) -> Vec<(String, i64, String)> {
    let listed = get(server, "/campaigns").await;
    let text = |campaign: &Value, field: &str| campaign[field].as_str().unwrap().to_owned();
    let campaign = |one: &Value| (text(one, "name"), one["id"].as_i64().unwrap(), text(one, "status"));
    let mut all: Vec<_> = listed["campaigns"].as_array().unwrap().iter().map(campaign).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_the_release_before_has_stored_is_there_unchanged_after_the_migration() {
    let stores = stores_of_the_release_before().await;
    let client = stores.postgres().await;
    let tables = columns(&client).await;
    let mut before = Vec::new();
    for table in &tables {
        before.push(rows(&client, table).await);
    }
    let names: Vec<&str> = tables.iter().map(|(table, _)| table.as_str()).collect();
    for table in
        ["api_keys", "campaign_versions", "campaigns", "claim_epochs", "dead_letters", "events", "frames"]
    {
        let place = names.iter().position(|name| *name == table);
        assert!(!before[place.unwrap()].is_empty(), "{table} is empty: the dump shows nothing of it");
    }

    let applied = migrate(stores.database_url()).await.unwrap();

    assert_eq!(applied.migrations.first().map(String::as_str), Some("V9__identity"));
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(rows(&client, table).await, before, "{table:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_goes_on_where_the_release_before_left_it() {
    let stores = stores_of_the_release_before().await;
    migrate(stores.database_url()).await.unwrap();
    let sealed_before = "select count(*) from partitions where sealed_at is not null";
    let sealed_before: i64 = stores.postgres().await.query_one(sealed_before, &[]).await.unwrap().get(0);
    assert!(sealed_before > 0, "the dump has no partition that the release before has sealed");
    let server = TestServer::with_stores(stores, &["--auth", "keys"]).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;

    // What is there can be read, by the keys that there are
    let known = campaigns(&server).await;
    let named: Vec<(&str, &str)> =
        known.iter().map(|(name, _, status)| (name.as_str(), status.as_str())).collect();
    assert_eq!(
        named,
        [
            ("a draft", "draft"),
            ("archived", "archived"),
            ("big spenders", "active"),
            ("everybody", "active"),
            ("paused", "paused"),
        ]
    );
    let id = |name: &str| known.iter().find(|(campaign, ..)| campaign == name).unwrap().1;
    let versions = get(&server, &format!("/campaigns/{}/versions", id("big spenders"))).await;
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2, "{versions}");
    let found = get(&server, "/events?user_id=u-1&limit=100").await;
    assert_eq!(found["events"].as_array().unwrap().len(), 5, "{found}");
    let why = format!("/events/second-21/explain?user_id=u-1&campaign_id={}", id("big spenders"));
    assert_eq!(get(&server, &why).await["matches"], false);

    // What comes triggers the campaigns that were active, and what was put aside can be stored again
    let purchase = json!({"event_id": "new", "user_id": "u-1", "event_type": "purchase",
        "properties": {"amount": 200, "currency": "EUR"}});
    let sent = server.request(Method::POST, "/events").bearer_auth(key("ingest"));
    let sent = sent.header("content-type", "application/json").body(purchase.to_string());
    Reply::of(sent).await.expect(202);
    let letters = get(&server, "/dead-letters").await;
    let letter =
        letters["dead_letters"].as_array().unwrap().iter().find(|one| one["state"] == "waiting").unwrap();
    ask(&server, Method::POST, &format!("/dead-letters/{}/replay", letter["id"]), None).await;
    until_rows(&server.stores, "events", EVENTS + 2).await;
    let new = get(&server, "/events/new?user_id=u-1").await;
    assert_eq!(new["campaign_ids"], json!([id("big spenders"), id("everybody")]));

    // Partitions that have closed are sealed as this release does it, those of the release before too
    let client = server.stores.postgres().await;
    until("every closed partition to be sealed", DEADLINE, async || {
        client.query_one(CLOSED_AND_UNSEALED, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
    let of_the_form_before =
        "select count(*) from pg_indexes where indexname ~ '^events_[0-9]+_event_id_key$'";
    assert_eq!(client.query_one(of_the_form_before, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(count(&server.stores, "events").await, EVENTS + 2);
    worker.drain(DEADLINE).await.unwrap();
}
