//! The whole way of an event: HTTP in; rows, campaign ids and triggers out.

use std::time::Duration;

use serde_json::json;

use crate::support::{DEADLINE, Settings, TestServer, count, start_worker, until, until_rows};

fn purchase(id: usize, amount: f64) -> String {
    json!({"event_id": format!("e{id}"), "event_type": "purchase", "user_id": format!("u{}", id % 7),
        "properties": {"amount": amount}})
    .to_string()
}

fn ndjson(ids: std::ops::Range<usize>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    ids.map(|id| purchase(id, id as f64) + "\n").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_stored_with_the_campaigns_that_it_triggers() {
    let server = TestServer::start().await;
    let dear = json!({"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 100]}]}});
    let dear = server.activate(&dear).await;
    let any = server.activate(&json!({"event_type": [{"prefix": "purch"}]})).await;
    server.activate(&json!({"event_type": ["purchase"], "properties": {"coupon": [{"exists": true}]}})).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;

    let accepted = server.post("/events", purchase(1, 129.99)).await.expect(202);
    assert_eq!(accepted, json!({"accepted": 1, "event_ids": ["e1"]}));
    server.post("/events", purchase(2, 5.0)).await.expect(202);
    until_rows(&server.stores, "events", 2).await;

    let campaigns = async |id| server.get(&format!("/events/{id}")).await.expect(200)["campaign_ids"].clone();
    assert_eq!(campaigns("e1").await, json!([dear, any]));
    assert_eq!(campaigns("e2").await, json!([any]));
    let found = server.get(&format!("/events?campaign_id={dear}")).await.expect(200);
    assert_eq!(
        (found["events"].as_array().unwrap().len(), &found["events"][0]["event_id"]),
        (1, &json!("e1"))
    );
    let trigger = |campaign, event: &str, user: &str| (campaign, 1, event.to_owned(), user.to_owned());
    assert_eq!(
        triggers(&server).await,
        [trigger(dear, "e1", "u1"), trigger(any, "e1", "u1"), trigger(any, "e2", "u2")]
    );
    worker.drain(DEADLINE).await.unwrap();
}

/// Campaign, version, event and user of every trigger.
async fn triggers(server: &TestServer) -> Vec<(i64, i32, String, String)> {
    let all = "select campaign_id, campaign_version, event_id, user_id from triggers order by 1, 3";
    let rows = server.stores.postgres().await.query(all, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_sent_again_stores_nothing_twice() {
    let server = TestServer::start().await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    for _ in 0..3 {
        assert_eq!(server.post_lines(ndjson(0..500)).await.expect(202)["accepted"], 500);
    }
    let outcomes = "select coalesce(sum(stored), 0), coalesce(sum(duplicates), 0) from frames";
    let client = server.stores.postgres().await;
    until("all 1,500 events to have left the queue", DEADLINE, async || {
        let sums = client.query_one(outcomes, &[]).await.unwrap();
        (sums.get::<_, i64>(0), sums.get::<_, i64>(1)) == (500, 1000)
    })
    .await;
    assert_eq!(count(&server.stores, "events").await, 500);
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_accepted_event_outlives_a_restart_of_worker_and_servers_in_the_middle() {
    let mut server = TestServer::with(&["--redis-timeout", "1s"]).await;
    let settings =
        Settings::with(&["--batch-events", "100", "--reclaim-after", "1ms", "--redis-timeout", "1s"]);
    server.activate(&json!({"properties": {"amount": [{"numeric": [">=", 1000]}]}})).await;
    let worker = start_worker(&server.stores, &settings).await;
    for from in (0..2000).step_by(100) {
        server.post_lines(ndjson(from..from + 100)).await.expect(202);
    }
    until("the first rows", DEADLINE, async || count(&server.stores, "events").await > 0).await;
    drop(worker);
    server.stores.servers.postgres.kill().await;
    server.stores.servers.redis.stop().await;
    server.stores.servers.redis.start().await.unwrap();
    server.stores.servers.postgres.start().await.unwrap();

    let worker = start_worker(&server.stores, &settings).await;
    until_rows(&server.stores, "events", 2000).await;
    until_rows(&server.stores, "triggers", 1000).await;
    worker.drain(DEADLINE).await.unwrap();

    let ids = "select count(distinct event_id), (select count(distinct event_id) from triggers) from events";
    let ids = server.stores.postgres().await.query_one(ids, &[]).await.unwrap();
    assert_eq!((ids.get::<_, i64>(0), ids.get::<_, i64>(1)), (2000, 1000), "none twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_matches_within_a_second_of_its_activation_and_not_after_its_pause() {
    let server = TestServer::start().await;
    // The poll is out of the way: it is the notification that counts.
    let worker = start_worker(&server.stores, &Settings::with(&["--catalog-poll", "1h"])).await;
    let draft = json!({"name": "later", "rules": {"event_type": ["purchase"]}}).to_string();
    let id = server.post("/campaigns", draft).await.expect(201)["id"].as_i64().unwrap();

    let mut sent = 0;
    let mut triggers = async || {
        sent += 1;
        server.post("/events", purchase(sent, 1.0)).await.expect(202);
        until_rows(&server.stores, "events", i64::try_from(sent).unwrap()).await;
        server.get(&format!("/events/e{sent}")).await.expect(200)["campaign_ids"] == json!([id])
    };
    let step = async |step| server.post(&format!("/campaigns/{id}/{step}"), "").await.expect(200);
    let second = Duration::from_secs(1);

    assert!(!triggers().await, "a draft triggers nothing");
    step("activate").await;
    until("the active campaign to match", second, &mut triggers).await;
    step("pause").await;
    until("the paused campaign not to match", second, async || !triggers().await).await;
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_notification_is_made_good_by_the_poll() {
    let server = TestServer::start().await;
    let worker = start_worker(&server.stores, &Settings::with(&["--catalog-poll", "100ms"])).await;
    let silence = "alter table campaigns disable trigger campaigns_notify";
    server.stores.postgres().await.batch_execute(silence).await.unwrap();
    let id = server.activate(&json!({"event_type": ["purchase"]})).await;

    let mut sent = 0;
    until("the campaign to match", DEADLINE, async || {
        sent += 1;
        server.post("/events", purchase(sent, 1.0)).await.expect(202);
        until_rows(&server.stores, "events", i64::try_from(sent).unwrap()).await;
        server.get(&format!("/events/e{sent}")).await.expect(200)["campaign_ids"] == json!([id])
    })
    .await;
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_triggers_only_between_its_start_and_its_end() {
    let server = TestServer::start().await;
    let window = |name: &str, from: &str, to: &str| {
        json!({"name": name, "status": "active", "rules": {"event_type": ["purchase"]}, "starts_at": from, "ends_at": to})
            .to_string()
    };
    let create =
        async |campaign| server.post("/campaigns", campaign).await.expect(201)["id"].as_i64().unwrap();
    create(window("over", "2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z")).await;
    let running = create(window("running", "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z")).await;
    create(window("to come", "2998-01-01T00:00:00Z", "2999-01-01T00:00:00Z")).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;

    server.post("/events", purchase(1, 1.0)).await.expect(202);
    until_rows(&server.stores, "events", 1).await;
    assert_eq!(server.get("/events/e1").await.expect(200)["campaign_ids"], json!([running]));
    worker.drain(DEADLINE).await.unwrap();
}
