//! The count of shards: it belongs to the queue, and every process has the same.

use bb8_redis::redis;
use campaign_manager::embedded::Part;
use serde_json::json;

use crate::support::{
    DEADLINE, Ran, Running, TestServer, TestStores, Urls, connect_redis, run, until, until_rows,
};

/// The count that a shard keeps.
async fn kept(stores: &TestStores, shard: u16) -> Option<u16> {
    let mut command = redis::cmd("HGET");
    command.arg(format!("ledger:{{{shard}}}")).arg("shards");
    command.query_async(&mut stores.redis().await).await.unwrap()
}

async fn keep(stores: &TestStores, shard: u16, count: u16) {
    let mut command = redis::cmd("HSET");
    command.arg(format!("ledger:{{{shard}}}")).arg("shards").arg(count);
    command.query_async::<()>(&mut stores.redis().await).await.unwrap();
}

fn event(id: u32) -> serde_json::Value {
    json!({"event_id": format!("e{id}"), "event_type": "test", "user_id": format!("u{id}")})
}

/// Sends events, and waits until there are so many rows.
async fn send(stores: &TestStores, addr: std::net::SocketAddr, ids: std::ops::Range<u32>, rows: i64) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let events: Vec<_> = ids.map(event).collect();
    let answer = client.post(format!("http://{addr}/events")).json(&events).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    until_rows(stores, "events", rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_counts_otherwise_than_the_queue_does_not_start_and_names_both_counts() {
    let stores = TestStores::start().await;
    let urls = Urls::of(&stores);
    let (serve, _) = Running::serve(&urls, &[], "").await;
    assert_eq!(kept(&stores, 7).await, Some(8));

    let more = Running::doomed_worker(&urls, &["--shards=16"], "");
    let fewer = Running::unready_serve(&urls, &["--shards=4"], "");
    for (mut other, count) in [(more, 16), (fewer, 4)] {
        assert_eq!(other.ended_within(DEADLINE).await.code(), Some(1));
        let said = other.said();
        assert!(said.contains(&format!("SHARDS is {count} here")) && said.contains("has 8 shards"), "{said}");
        assert!(said.contains(&format!("campaign-manager reshard --shards {count}")), "{said}");
    }
    assert_eq!(kept(&stores, 15).await, None, "whoever is refused writes nothing");
    let Ran { code, err, .. } = run(&stores, &["ledger", "--shards", "16"]).await;
    assert!(code == 1 && err.contains("has 8 shards"), "{err}");
    serve.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_the_release_before_takes_the_count_that_it_is_started_with() {
    let stores = TestStores::start().await;
    let mut count = redis::cmd("HINCRBY");
    count.arg("ledger:{0}").arg("queued_events").arg(0);
    count.query_async::<()>(&mut stores.redis().await).await.unwrap();
    let worker = Running::worker(&Urls::of(&stores), &["--shards=3"]).await;
    assert_eq!((kept(&stores, 0).await, kept(&stores, 2).await), (Some(3), Some(3)));
    worker.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_has_the_count_back_from_the_processes_that_run() {
    let stores = TestStores::start().await;
    let (serve, addr) = Running::serve(&Urls::of(&stores), &[], "").await;
    let worker = Running::worker(&Urls::of(&stores), &[]).await;
    for process in [serve, worker] {
        redis::cmd("FLUSHALL").query_async::<()>(&mut stores.redis().await).await.unwrap();
        until("the count", DEADLINE, async || kept(&stores, 7).await == Some(8)).await;
        drop(process);
    }
    assert!(reqwest::get(format!("http://{addr}/")).await.is_err(), "each has written it alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_run_stop_their_work_where_the_queue_has_another_count() {
    let server = TestServer::start().await;
    let mut worker = Running::worker(&Urls::of(&server.stores), &[]).await;
    server.post("/events", event(1).to_string()).await.expect(202);
    until_rows(&server.stores, "events", 1).await;
    // An emptied Redis, and somebody else was faster.
    redis::cmd("FLUSHALL").query_async::<()>(&mut server.stores.redis().await).await.unwrap();
    for shard in 0..8 {
        keep(&server.stores, shard, 16).await;
    }
    until("a refusal", DEADLINE, async || {
        server.post("/events", event(2).to_string()).await.status.as_u16() == 503
    })
    .await;
    let mut append = redis::cmd("XADD");
    append.arg("events:{0}").arg("*").arg("f").arg("no frame").arg("n").arg(1).arg("t").arg(0);
    append.query_async::<()>(&mut server.stores.redis().await).await.unwrap();
    assert_eq!(worker.ended_within(DEADLINE).await.code(), Some(1));
    assert!(worker.said().contains("has 16 shards"), "{}", worker.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_is_changed_while_nothing_is_queued_and_nobody_works_and_no_event_is_stored_twice() {
    let stores = TestStores::start().await;
    let urls = Urls::of(&stores);
    let reshard = async |count| run(&stores, &["reshard", "--shards", count]).await;
    let Ran { code, out, .. } = reshard("16").await;
    assert!(code == 0 && out.contains("keeps no count"), "{out}");
    let (serve, addr) = Running::serve(&urls, &[], "").await;
    let mut worker = Running::worker(&urls, &[]).await;
    send(&stores, addr, 0..20, 20).await;
    let Ran { code, err, .. } = reshard("16").await;
    assert!(code == 1 && (err.contains("has read from the queue") || err.contains("not empty")), "{err}");
    worker.drain_in_place().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("http://{addr}/events")).json(&event(20)).send().await.unwrap();
    let Ran { code, err, .. } = reshard("16").await;
    assert!(code == 1 && err.contains("not empty (1 frames of events)"), "{err}");
    let worker = Running::worker(&urls, &[]).await;
    until_rows(&stores, "events", 21).await;
    serve.drain().await;
    worker.drain().await;

    // More, and fewer again; with the rights of a worker too.
    let of_worker = Part::Worker.redis_url(stores.redis_url());
    for (count, flag, old) in [("16", "--shards=16", 8), ("4", "--shards=4", 16)] {
        let Ran { code, out, err } =
            run(&stores, &["reshard", "--shards", count, "--redis-url", &of_worker]).await;
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(&format!("had {old} shards and has {count} now")), "{out}");
        let (serve, addr) = Running::serve(&urls, &[flag], "").await;
        let worker = Running::worker(&urls, &[flag]).await;
        send(&stores, addr, 0..21, 21).await;
        let Ran { code, out, err } = run(&stores, &["ledger", flag, "--wait", "20s"]).await;
        assert!(code == 0 && out.contains("balanced; 0 events"), "{out}{err}");
        serve.drain().await;
        worker.drain().await;
    }
    until_rows(&stores, "events", 21).await;
    assert_eq!((kept(&stores, 3).await, kept(&stores, 4).await), (Some(4), None));
    let mut redis = connect_redis(stores.redis_url()).await.unwrap();
    let left: Vec<String> = redis::cmd("KEYS").arg("lots:{7}*").query_async(&mut redis).await.unwrap();
    assert!(left.is_empty(), "no claims of shards that are gone: {left:?}");
}
