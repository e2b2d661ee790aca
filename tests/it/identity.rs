//! Which events are the same one: those with one id of one user, sent by the same class of senders.

use bb8_redis::redis;
use campaign_manager::roles::Worker;
use campaign_manager::store::keys::{self, ApiKey, NewKey, Scope};
use serde_json::json;

use crate::support::{
    DEADLINE, Reply, Settings, TestServer, TestStores, count, start_worker, until, until_rows,
};

async fn key(server: &TestServer, scope: Scope) -> ApiKey {
    keys::create(&server.pool, &NewKey { name: "test", scope, rate_limit: None }).await.unwrap().0
}

fn event(event_id: &str, user_id: &str) -> String {
    json!({"event_id": event_id, "event_type": "purchase", "user_id": user_id}).to_string() + "\n"
}

async fn send(server: &TestServer, key: &ApiKey, body: String) {
    let request = server.posting("/events", body).header("content-type", "application/x-ndjson");
    Reply::of(request.bearer_auth(key.expose())).await.expect(202);
}

/// Waits until so many events are stored and so many were duplicates.
async fn until_outcomes(stores: &TestStores, kept: i64, duplicates: i64) {
    let sums = "select coalesce(sum(stored), 0), coalesce(sum(duplicates), 0) from frames";
    let client = stores.postgres().await;
    until(&format!("{kept} stored and {duplicates} duplicates"), DEADLINE, async || {
        let row = client.query_one(sums, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1)) == (kept, duplicates)
    })
    .await;
    assert_eq!(count(stores, "events").await, kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_id_of_a_thousand_users_is_a_thousand_events() {
    let server = TestServer::start().await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    let all = || (0..1_000).map(|user| event("order-1", &format!("u{user}"))).collect::<String>();

    server.post_lines(all()).await.expect(202);
    until_outcomes(&server.stores, 1_000, 0).await;
    server.post_lines(all()).await.expect(202);
    until_outcomes(&server.stores, 1_000, 1_000).await;

    // So they are when the claims are restored.
    let () = redis::cmd("FLUSHALL").query_async(&mut server.stores.redis().await).await.unwrap();
    until("the queue to take events", DEADLINE, async || {
        server.post_lines(event("order-1", "u0")).await.status.as_u16() == 202
    })
    .await;
    server.post_lines(all() + &event("order-1", "another")).await.expect(202);
    until("the other user's event", DEADLINE, async || count(&server.stores, "events").await == 1_001).await;
    drained(worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_browser_sent_hides_no_servers_event() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let (browser, shop) = (key(&server, Scope::Browser).await, key(&server, Scope::Ingest).await);
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;

    send(&server, &browser, event("order-1001", "u-42")).await;
    until_outcomes(&server.stores, 1, 0).await;
    send(&server, &shop, event("order-1001", "u-42")).await;
    until_outcomes(&server.stores, 2, 0).await;

    let select = "select key_id, from_browser from events order by from_browser";
    let rows = server.stores.postgres().await.query(select, &[]).await.unwrap();
    let senders: Vec<(Option<i64>, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(senders, [(Some(2), false), (Some(1), true)]);
    drained(worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_with_another_key_of_the_same_class_is_a_duplicate() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    let mut sent = 0;
    for scopes in [[Scope::Ingest, Scope::Admin], [Scope::Browser, Scope::Browser]] {
        for scope in scopes {
            let key = key(&server, scope).await;
            send(&server, &key, event("e", "u")).await;
            sent += 1;
            until_outcomes(&server.stores, (sent + 1) / 2, sent / 2).await;
        }
    }
    drained(worker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_keeps_its_sender_and_is_replayed_as_its_own() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let (browser, shop) = (key(&server, Scope::Browser).await, key(&server, Scope::Admin).await);
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    let client = server.stores.postgres().await;
    client.batch_execute("alter table events add constraint none check (user_id <> 'u')").await.unwrap();
    send(&server, &browser, event("e", "u")).await;
    until_rows(&server.stores, "dead_letters", 1).await;
    let letter = "select id, key_id, from_browser from dead_letters";
    let letter = client.query_one(letter, &[]).await.unwrap();
    assert_eq!((letter.get(1), letter.get(2)), (Some(1_i64), true));

    client.batch_execute("alter table events drop constraint none").await.unwrap();
    send(&server, &shop, event("e", "u")).await;
    until_rows(&server.stores, "events", 1).await;
    let replay = format!("/dead-letters/{}/replay", letter.get::<_, i64>(0));
    Reply::of(server.posting(&replay, "").bearer_auth(shop.expose())).await.expect(202);
    until_rows(&server.stores, "events", 2).await;
    drained(worker).await;
}

async fn drained(worker: Worker) {
    worker.drain(DEADLINE).await.unwrap();
}
