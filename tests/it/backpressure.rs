//! Too much for too long: ingest refuses, what is queued is drained, and ingest goes on by itself.

use bb8_redis::redis::{self, InfoDict};
use campaign_manager::ops::Readiness;
use campaign_manager::roles::Worker;
use serde_json::json;

use crate::support::{DEADLINE, Settings, TestServer, TestStores, start_worker, until, until_rows};

/// Redis' memory in these tests; it has about 1.5 MB in use with nothing in it.
const MEMORY: &str = "16mb";

async fn configure(stores: &TestStores, name: &str, value: &str) {
    let set = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).to_owned();
    let () = set.query_async(&mut stores.redis().await).await.unwrap();
}

fn lines(request: usize) -> String {
    lines_with(request, &"x".repeat(200))
}

fn lines_with(request: usize, text: &str) -> String {
    let event = |id: usize| {
        json!({"event_id": format!("{request}/{id}"), "event_type": "t", "user_id": format!("u{id}"),
            "properties": {"text": text}})
    };
    (0..500).map(|id| event(id).to_string() + "\n").collect()
}

/// Fills the queue until it is refused, drains it, and fills it again.
async fn refused_drained_and_accepted_again(policy: &str) {
    let server = TestServer::start().await;
    configure(&server.stores, "maxmemory-policy", policy).await;
    configure(&server.stores, "maxmemory", MEMORY).await;
    let mut accepted = 0;
    let refusal = loop {
        let reply = server.post_lines(lines(accepted)).await;
        if reply.status != 202 {
            break reply;
        }
        accepted += 1;
        assert!(accepted < 1_000, "never refused");
    };
    refusal.problem(429);
    let wait: u64 = refusal.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");

    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    let rows = i64::try_from(accepted * 500).unwrap();
    until_rows(&server.stores, "events", rows).await;
    until("events to be accepted again", DEADLINE, async || {
        server.post_lines(lines(accepted)).await.status == 202
    })
    .await;
    until_rows(&server.stores, "events", rows + 500).await;
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_nearly_full_and_noeviction_ingest_refuses_and_recovers_unaided() {
    refused_drained_and_accepted_again("noeviction").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_nearly_full_and_volatile_ttl_ingest_refuses_and_recovers_unaided() {
    refused_drained_and_accepted_again("volatile-ttl").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_quite_full_nothing_is_accepted_and_what_was_accepted_is_drained() {
    let server = TestServer::start().await;
    server.post_lines(lines(0)).await.expect(202);
    configure(&server.stores, "maxmemory-policy", "volatile-ttl").await;
    let mut redis = server.stores.redis().await;
    let about: InfoDict = redis::cmd("INFO").arg("memory").query_async(&mut redis).await.unwrap();
    let used: usize = about.get("used_memory").unwrap();
    // Keys that may be evicted, in the way of claims.
    for key in 0..300 {
        let set = redis::cmd("SET").arg(key).arg("x".repeat(10_000)).arg("EX").arg(3600).to_owned();
        let () = set.query_async(&mut redis).await.unwrap();
    }
    // Some of them have to go for a worker's connections, its claims, and the histogram of 24 KB that Redis keeps for each
    // command that it is sent.
    configure(&server.stores, "maxmemory", &(used + (2 << 20)).to_string()).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    until_rows(&server.stores, "events", 500).await;
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_full_of_claims_and_volatile_ttl_the_window_shrinks_and_events_go_on() {
    const REQUESTS: usize = 160;
    let server = TestServer::start().await;
    configure(&server.stores, "maxmemory-policy", "volatile-ttl").await;
    configure(&server.stores, "maxmemory", "8mb").await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    for request in 0..REQUESTS {
        until("events to be accepted", DEADLINE, async || {
            server.post_lines(lines_with(request, "")).await.status == 202
        })
        .await;
    }
    until_rows(&server.stores, "events", i64::try_from(REQUESTS * 500).unwrap()).await;
    worker.drain(DEADLINE).await.unwrap();
    let keys: usize = redis::cmd("DBSIZE").query_async(&mut server.stores.redis().await).await.unwrap();
    assert!(keys < REQUESTS * 500, "{keys} keys: their claims would not fit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_may_evict_events_is_refused_with_the_command_that_mends_it() {
    let stores = TestStores::start().await;
    configure(&stores, "maxmemory-policy", "allkeys-lru").await;
    let Settings { queue, store, worker } = Settings::with(&[]);
    let started = Worker::start(&stores.urls(), &queue, &store, &worker, &mut Readiness::default()).await;
    let error = started.unwrap_err().to_string();
    assert!(error.contains("CONFIG SET maxmemory-policy volatile-ttl"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_becomes_unsafe_stops_ingest_until_it_is_safe_again() {
    let server = TestServer::start().await;
    server.post_lines(lines(0)).await.expect(202);
    configure(&server.stores, "maxmemory-policy", "allkeys-random").await;
    let status = async |number: usize| server.post_lines(lines(number)).await.status.as_u16();
    until("events to be refused", DEADLINE, async || status(1).await == 503).await;
    configure(&server.stores, "maxmemory-policy", "noeviction").await;
    until("events to be accepted", DEADLINE, async || status(2).await == 202).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_that_others_delete_do_not_keep_ingest_closed_and_are_missed_by_the_ledger() {
    let server = TestServer::with(&["--queue-budget", "1MiB"]).await;
    let mut accepted = 0;
    while server.post_lines(lines(accepted)).await.status == 202 {
        accepted += 1;
        assert!(accepted < 1_000, "never refused");
    }
    for shard in 0..8 {
        let trim = redis::cmd("XTRIM").arg(format!("events:{{{shard}}}")).arg("MAXLEN").arg(0).to_owned();
        let _: u64 = trim.query_async(&mut server.stores.redis().await).await.unwrap();
    }
    let ledger = server.get("/ledger").await.expect(200);
    assert_eq!((&ledger["balanced"], &ledger["queued"]["events"]), (&json!(false), &json!(0)));
    until("events to be accepted", DEADLINE, async || server.post_lines(lines(accepted)).await.status == 202)
        .await;
}
