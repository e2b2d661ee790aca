//! The ledger: what was accepted is stored, a duplicate, a dead letter, or in flight; and what is not is found.

use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::roles::Worker;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{
    DEADLINE, Ran, Running, Settings, TestServer, TestStores, Urls, run, start_worker, until, until_rows,
};

fn lines(ids: std::ops::Range<u32>) -> String {
    ids.map(|id| {
        json!({"event_id": format!("e{id}"), "event_type": "test", "user_id": format!("u{}", id % 5)})
            .to_string()
            + "\n"
    })
    .collect()
}

async fn worker(server: &TestServer) -> Worker {
    start_worker(&server.stores, &Settings::with(&[])).await
}

/// The ledger, once nothing is queued.
async fn rested(server: &TestServer) -> Value {
    let ledger = async || server.get("/ledger").await.expect(200);
    until("an empty queue", DEADLINE, async || ledger().await["queued"]["events"] == 0).await;
    ledger().await
}

/// The only day of a ledger.
fn only(ledger: &Value) -> &Value {
    assert_eq!(ledger["days"].as_array().unwrap().len(), 1, "{ledger}");
    &ledger["days"][0]
}

/// Accepted, stored, duplicates, dead letters, in flight; of all days, as it may have become midnight.
fn sums(ledger: &Value) -> [i64; 5] {
    let sum =
        |name: &str| ledger["days"].as_array().unwrap().iter().map(|day| day[name].as_i64().unwrap()).sum();
    ["accepted", "stored", "duplicate", "dead_lettered", "in_flight"].map(sum)
}

/// What the command says of it.
async fn audit(server: &TestServer) -> Ran {
    run(&server.stores, &["ledger", "--wait", "20s"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_rest_what_was_accepted_is_stored_a_duplicate_or_a_dead_letter() {
    let server = TestServer::start().await;
    let refuse = "alter table events add constraint no_7 check (event_id <> 'e7')";
    server.stores.postgres().await.batch_execute(refuse).await.unwrap();
    let worker = worker(&server).await;
    server.post_lines(lines(0..20)).await.expect(202);
    until_rows(&server.stores, "events", 19).await;
    server.post_lines(lines(15..30)).await.expect(202);

    let ledger = rested(&server).await;
    assert_eq!(ledger["balanced"], true);
    assert!(ledger["since"].is_string(), "{ledger}");
    assert_eq!(sums(&ledger), [35, 29, 5, 1, 0]);
    let Ran { code, out, err } = audit(&server).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("balanced; 0 events"), "{out}");
    let told = run(&server.stores, &["ledger", "--json"]).await.out;
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), ledger);
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_worker_has_taken_is_in_flight_and_nothing_is_missing() {
    let server = TestServer::start().await;
    server.post_lines(lines(0..10)).await.expect(202);
    let ledger = server.get("/ledger").await.expect(200);
    assert_eq!((sums(&ledger), &ledger["queued"]["events"]), ([10, 0, 0, 0, 10], &json!(10)));
    assert_eq!((&ledger["balanced"], &ledger["since"]), (&json!(true), &Value::Null));
    let Ran { code, out, .. } = run(&server.stores, &["ledger"]).await;
    assert!(code == 0 && out.contains("10 in flight; 10 events"), "{code}: {out}");
    let Ran { code, out, err } = run(&server.stores, &["ledger", "--wait", "1ms"]).await;
    assert!(code == 1 && out.contains("10 in flight; 10 events"), "{code}: {out}");
    assert!(err.contains("events were still queued after 1ms (10 now)"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_was_deleted_and_a_counter_that_was_changed_are_found_and_the_day_is_named() {
    let server = TestServer::start().await;
    let worker = worker(&server).await;
    server.post_lines(lines(0..10)).await.expect(202);
    rested(&server).await;
    let counter = only(&server.get("/ledger").await.expect(200))["day"].as_str().unwrap().to_owned();
    let mut redis = server.stores.redis().await;
    let shard = Settings::with(&[]).queue.shards.of_user("u1");
    let mut change = async |events: i64| {
        let mut change = redis::cmd("HINCRBY");
        change.arg(shard.ledger()).arg(format!("accepted:{counter}")).arg(events);
        change.query_async::<()>(&mut redis).await.unwrap();
    };

    change(-2).await;
    assert_eq!(server.get("/ledger").await.expect(200)["balanced"], false);
    let Ran { code, out, err } = audit(&server).await;
    assert!(code == 1 && out.contains("not balanced"), "{code}: {out}");
    assert!(err.contains(&format!("{counter}: 2 events came to an outcome")), "{err}");
    change(2).await;
    assert_eq!(audit(&server).await.code, 0);

    let delete =
        "with gone as (delete from frames where stored > 0 returning stored) select sum(stored) from gone";
    let gone: i64 = server.stores.postgres().await.query_one(delete, &[]).await.unwrap().get(0);
    let Ran { code, err, .. } = audit(&server).await;
    assert_eq!((code, gone), (1, 10));
    assert!(err.contains(&format!("{counter}: 10 events without an outcome")), "{err}");
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_begins_a_ledger_of_its_own_which_adds_up() {
    let server = TestServer::start().await;
    let worker = worker(&server).await;
    server.post_lines(lines(0..10)).await.expect(202);
    rested(&server).await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut server.stores.redis().await).await.unwrap();
    server.post_lines(lines(5..20)).await.expect(202);
    until_rows(&server.stores, "events", 20).await;

    let ledger = rested(&server).await;
    assert_eq!(ledger["balanced"], true, "{ledger}");
    assert_eq!(sums(&ledger), [15, 10, 5, 0, 0]);
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_that_lose_their_partitions_leave_the_ledger_with_them() {
    let server = TestServer::start().await;
    let settings = Settings::with(&["--partition-interval", "1h", "--partitions-ahead", "1h"]);
    let worker = start_worker(&server.stores, &settings).await;
    let first: Timestamp = "2026-01-05T22:30:00Z".parse().unwrap();
    let redis = campaign_manager::queue::pool(&server.stores.urls().redis_url, &settings.queue).unwrap();
    let hours = [0, 1, 2, 3].map(|hours| first + Duration::from_hours(hours));
    for (id, received_at) in hours.into_iter().enumerate() {
        let (id, mut records) = (id.to_string(), campaign_manager::queue::Records::default());
        let event = campaign_manager::queue::EventRecord { received_at, ..crate::support::event(&id, "u") };
        records.push(&event);
        let frame = campaign_manager::queue::OutgoingFrame::new(settings.queue.shards.of_user("u"), records);
        campaign_manager::queue::append(&redis, &[frame]).await.unwrap();
    }
    let ledger = async || server.get("/ledger?days=366").await.expect(200);
    let accepted = |ledger: &Value| -> Vec<(String, i64)> {
        let days = ledger["days"].as_array().unwrap();
        days.iter()
            .map(|day| (day["day"].as_str().unwrap().to_owned(), day["accepted"].as_i64().unwrap()))
            .collect()
    };
    until_rows(&server.stores, "events", 4).await;
    until("an empty queue", DEADLINE, async || ledger().await["queued"]["events"] == 0).await;
    assert_eq!(accepted(&ledger().await), [("2026-01-05".to_owned(), 2), ("2026-01-06".to_owned(), 2)]);
    worker.drain(DEADLINE).await.unwrap();

    let long_ago = "update frames set stored_at = received_at";
    server.stores.postgres().await.batch_execute(long_ago).await.unwrap();
    // All but the last partition go; the day that it belongs to is not whole any more.
    let age = Timestamp::now().duration_since("2026-01-06T01:00:00Z".parse().unwrap()).as_secs();
    let age = format!("{age}s");
    let settings =
        Settings::with(&["--partition-interval", "1h", "--partitions-ahead", "1h", "--retention", &age]);
    let worker = start_worker(&server.stores, &settings).await;
    until_rows(&server.stores, "events", 1).await;
    assert_eq!(accepted(&ledger().await), []);
    assert_eq!(run(&server.stores, &["ledger", "--days", "366"]).await.code, 0);
    worker.drain(DEADLINE).await.unwrap();
}

/// Sends events to a server, which acknowledges them.
async fn accepted(addr: std::net::SocketAddr, ids: std::ops::Range<u32>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{addr}/events")).header("content-type", "application/x-ndjson");
    assert_eq!(request.body(lines(ids)).send().await.unwrap().status(), 202);
}

/// What servers have reported to Postgres.
async fn reported(stores: &TestStores) -> i64 {
    let sum = "select coalesce(sum(events), 0)::bigint from accepted_reports";
    stores.postgres().await.query_one(sum, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_redis_lost_together_with_their_count_are_found_by_what_the_server_reported() {
    let stores = TestStores::start().await;
    let (serve, addr) = Running::serve(&Urls::of(&stores), &[], "").await;
    let worker = start_worker(&stores, &Settings::with(&[])).await;
    accepted(addr, 0..10).await;
    until_rows(&stores, "events", 10).await;
    worker.drain(DEADLINE).await.unwrap();
    accepted(addr, 10..15).await;
    until("the report of all", DEADLINE, async || reported(&stores).await == 15).await;
    let queued = run(&stores, &["ledger"]).await;
    assert_eq!(queued.code, 0, "what is queued is not lost: {}", queued.err);

    redis::cmd("FLUSHALL").query_async::<()>(&mut stores.redis().await).await.unwrap();
    let Ran { code, err, .. } = run(&stores, &["ledger"]).await;
    assert!(code == 1 && err.contains("5 events acknowledged by a server"), "{code}: {err}");
    let told: Value = serde_json::from_str(&run(&stores, &["ledger", "--json"]).await.out).unwrap();
    let sum = |name: &str| -> i64 {
        told["days"].as_array().unwrap().iter().map(|day| day[name].as_i64().unwrap()).sum()
    };
    assert_eq!([sum("reported"), sum("lost"), sum("in_flight")], [15, 5, 0]);

    // While others flow, and are not reported yet or are queued.
    let worker = start_worker(&stores, &Settings::with(&[])).await;
    accepted(addr, 15..40).await;
    until_rows(&stores, "events", 35).await;
    serve.drain().await;
    assert_eq!(reported(&stores).await, 40, "a server that ends in good order has reported all");
    let Ran { code, err, .. } = run(&stores, &["ledger", "--wait", "20s"]).await;
    assert!(code == 1 && err.contains("5 events acknowledged by a server"), "{code}: {err}");
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_away_events_are_accepted_and_reported_once_it_is_back() {
    let mut stores = TestStores::start().await;
    let (serve, addr) = Running::serve(&Urls::of(&stores), &[], "").await;
    stores.servers.postgres.stop().await;
    accepted(addr, 0..10).await;
    accepted(addr, 10..20).await;
    stores.servers.postgres.start().await.unwrap();
    until("the report of all", DEADLINE, async || reported(&stores).await == 20).await;
    serve.drain().await;
}
