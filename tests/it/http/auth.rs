//! API keys, as they are asked for.

use std::time::Duration;

use campaign_manager::store::keys::{ApiKey, Scope};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

use super::{EVENT, key, locked_server as server, reading, sending};
use crate::support::{DEADLINE, Reply, Running, TestServer, TestStores, Urls, until};

/// Within it a revoked key stops working.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);
const LOCK: &str = "begin; lock table api_keys in access exclusive mode";

#[tokio::test]
async fn without_a_valid_key_nothing_is_possible() {
    let server = server().await;
    let strange = ApiKey::generate();

    for reply in [
        server.post("/events", EVENT).await,
        server.get("/events").await,
        server.post("/campaigns/1/activate", "").await,
        Reply::of(sending(&server, &strange)).await,
        Reply::of(server.posting("/events", EVENT).bearer_auth("password")).await,
        Reply::of(server.posting("/events", EVENT).basic_auth("cmk_", Some("password"))).await,
    ] {
        reply.problem(401);
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn a_failed_sign_in_is_logged_once_a_minute_for_its_source_and_without_the_key() {
    const LOGGED: &str = "requests without a valid API key are refused";

    let stores = TestStores::start().await;
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &["--auth=keys"], "").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let stranger = ApiKey::generate();
    for _ in 0..3 {
        let request = client.get(format!("http://{addr}/campaigns")).bearer_auth(stranger.expose());
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    assert_eq!(client.get(format!("http://{addr}/campaigns")).send().await.unwrap().status(), 401);

    let logged = serve.until_logged(LOGGED).await;
    assert_eq!((&logged["source"], &logged["why"]), (&"127.0.0.1".into(), &"UnknownKey".into()));
    let lines = serve.logged(LOGGED).len();
    // The test may have begun in one minute and ended in the next one.
    assert!(lines <= 2 && !serve.said().contains(stranger.expose()), "{}", serve.said());
    serve.drain().await;
}

#[tokio::test]
async fn a_request_with_two_keys_is_refused_whichever_is_valid() {
    let server = server().await;
    let (valid, strange) = (key(&server, Scope::Ingest).await, ApiKey::generate());
    for (first, second) in [(&valid, &strange), (&strange, &valid), (&valid, &valid)] {
        let request = sending(&server, first).bearer_auth(second.expose());
        assert!(Reply::of(request).await.problem(401).contains("several Authorization headers"));
    }
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn an_ingest_key_sends_and_does_not_read() {
    let server = server().await;
    let key = key(&server, Scope::Ingest).await;

    Reply::of(sending(&server, &key)).await.expect(202);
    let refused = Reply::of(reading(&server, &key)).await;
    assert!(refused.problem(403).contains("admin"));
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
}

#[tokio::test]
async fn an_admin_key_does_both() {
    let server = server().await;
    let key = key(&server, Scope::Admin).await;

    Reply::of(sending(&server, &key)).await.expect(202);
    Reply::of(reading(&server, &key)).await.expect(200);
}

#[tokio::test]
async fn a_key_is_taken_as_the_user_name_of_basic() {
    let server = server().await;
    let key = key(&server, Scope::Ingest).await;

    Reply::of(server.posting("/events", EVENT).basic_auth(key.expose(), Some(""))).await.expect(202);
}

#[tokio::test]
async fn a_revoked_key_stops_working_within_five_seconds() {
    let server = server().await;
    let key = key(&server, Scope::Ingest).await;
    Reply::of(sending(&server, &key)).await.expect(202);

    server.stores.postgres().await.execute("update api_keys set revoked_at = now()", &[]).await.unwrap();

    until("the key is refused", REVOKED_WITHIN, async || {
        Reply::of(sending(&server, &key)).await.status.as_u16() == 401
    })
    .await;
}

#[tokio::test]
async fn while_postgres_is_down_known_keys_go_on_sending() {
    let mut server = server().await;
    let key = key(&server, Scope::Ingest).await;
    Reply::of(sending(&server, &key)).await.expect(202);

    server.stores.servers.postgres.kill().await;

    // longer than a look-up is believed
    let start = tokio::time::Instant::now();
    until("a look-up has failed", Duration::from_secs(10), async || {
        Reply::of(sending(&server, &key)).await.expect(202);
        start.elapsed() > Duration::from_secs(3)
    })
    .await;
    let unknown = Reply::of(sending(&server, &ApiKey::generate())).await;
    assert!(unknown.problem(503).contains("database"));
}

#[tokio::test]
async fn while_postgres_does_not_answer_known_keys_go_on_sending() {
    let server = server().await;
    let key = key(&server, Scope::Ingest).await;
    Reply::of(sending(&server, &key)).await.expect(202);
    let postgres = server.stores.postgres().await;
    postgres.batch_execute(LOCK).await.unwrap();
    let start = tokio::time::Instant::now();
    until("longer than a look-up is believed", DEADLINE, async || {
        Reply::of(sending(&server, &key)).await.expect(202);
        start.elapsed() > Duration::from_secs(4)
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_stops_working_though_its_client_hangs_up_when_it_is_looked_up() {
    let server = server().await;
    let key = key(&server, Scope::Ingest).await;
    Reply::of(sending(&server, &key)).await.expect(202);
    let postgres = server.stores.postgres().await;
    postgres.batch_execute("update api_keys set revoked_at = now()").await.unwrap();
    postgres.batch_execute(LOCK).await.unwrap();

    until("the look-up, at which the client hangs up", DEADLINE, async || {
        sending(&server, &key).timeout(Duration::from_millis(100)).send().await.is_err()
    })
    .await;
    postgres.batch_execute("rollback").await.unwrap();

    // sooner than the next look-up is due
    until("the key is refused", Duration::from_millis(1500), async || {
        Reply::of(sending(&server, &key)).await.status.as_u16() == 401
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_leaves_connections_and_known_keys_alone() {
    const FLOOD: usize = 64;
    let server = server().await;
    let key = key(&server, Scope::Admin).await;
    Reply::of(reading(&server, &key)).await.expect(200);
    let postgres = server.stores.postgres().await;
    postgres.batch_execute(LOCK).await.unwrap();

    let flood = async {
        let strangers: Vec<ApiKey> = std::iter::repeat_with(ApiKey::generate).take(FLOOD).collect();
        let requests = strangers.iter().map(async |stranger| {
            let request = sending(&server, stranger).timeout(Duration::from_secs(3));
            request.send().await.ok().map(|answer| answer.status().as_u16())
        });
        join_all(requests).await
    };
    let meanwhile = async {
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
        let observer = server.stores.postgres().await;
        until("look-ups wait", DEADLINE, async || {
            observer.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) >= 4
        })
        .await;
        // fresh or stale, it is let in, and there is a connection to answer it
        Reply::of(reading(&server, &key)).await.expect(200);
        observer.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0)
    };
    let (answers, waiting) = tokio::join!(flood, meanwhile);

    assert!((4..=5).contains(&waiting), "half of 8 connections, and perhaps the known key's: {waiting}");
    let refused = answers.iter().filter(|status| **status == Some(503)).count();
    assert_eq!(refused, FLOOD - 4, "{answers:?}");
    postgres.batch_execute("rollback").await.unwrap();
    let stranger = ApiKey::generate();
    until("strangers are refused again for what they are", DEADLINE, async || {
        Reply::of(sending(&server, &stranger)).await.status.as_u16() == 401
    })
    .await;
}

#[tokio::test]
async fn without_keys_no_key_is_made_or_revoked() {
    let server = TestServer::start().await;
    let key = key(&server, Scope::Admin).await;
    for reply in [
        server.post("/keys", r#"{"name": "mine", "scope": "admin"}"#).await,
        Reply::of(server.request(Method::DELETE, "/keys/1").bearer_auth(key.expose())).await,
    ] {
        let problem = reply.expect(403);
        assert_eq!(problem["type"], "urn:campaign-manager:problem:keys-unused");
        assert!(problem["detail"].as_str().unwrap().contains("campaign-manager keys create"), "{problem}");
    }
    let keys = server.get("/keys").await.expect(200);
    assert_eq!((keys["keys"].as_array().unwrap().len(), &keys["keys"][0]["revoked_at"]), (1, &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_a_page_of_another_machine_can_have_nothing_done() {
    let server = TestServer::start().await;
    let id = server.activate(&serde_json::json!({"event_type": ["test"]})).await;
    let archive = || server.request(Method::POST, &format!("/campaigns/{id}/archive"));
    for (header, value) in [("origin", "https://evil.example"), ("origin", "null"), ("host", "evil.example")]
    {
        let reply = Reply::of(archive().header(header, value)).await;
        assert!(reply.problem(403).contains("--auth=keys"), "{}", reply.text);
        assert_eq!(reply.json()["title"], "This server answers requests of its own machine only");
    }
    assert_eq!(server.get(&format!("/campaigns/{id}")).await.expect(200)["status"], "active");
    Reply::of(archive().header("origin", "http://localhost:3000")).await.expect(200);
    let event = r#"{"event_type": "test", "user_id": "u"}"#;
    let send = |origin: &'static str| {
        let request = server.request(Method::POST, "/events").header("content-type", "application/json");
        Reply::of(request.header("origin", origin).body(event))
    };
    send("https://evil.example").await.problem(403);
    send("http://localhost:3000").await.expect(202);
}

#[tokio::test]
async fn a_key_in_the_url_may_send_events_and_nothing_else() {
    let server = server().await;
    let [ingest, admin] = [key(&server, Scope::Ingest).await, key(&server, Scope::Admin).await];
    let with = |method: Method, path: &str, key: &ApiKey| {
        let request = server.request(method, &format!("{path}?key={}", key.expose()));
        request.header("content-type", "text/plain;charset=UTF-8").body(EVENT)
    };
    Reply::of(with(Method::POST, "/events", &ingest)).await.expect(202);
    Reply::of(with(Method::POST, "/v1/track", &ingest)).await.problem(422);
    let refused = Reply::of(with(Method::POST, "/events", &admin)).await;
    assert!(refused.problem(403).contains("admin key"), "{}", refused.text);
    Reply::of(with(Method::POST, "/events", &ApiKey::generate())).await.problem(401);
    for key in [&ingest, &admin] {
        Reply::of(with(Method::GET, "/events", key)).await.problem(401);
        Reply::of(with(Method::GET, "/keys", key)).await.problem(401);
    }
    assert_eq!(server.queued().await.len(), 1);
}

#[tokio::test]
async fn without_keys_no_body_is_taken_that_a_page_can_send_unasked() {
    let server = TestServer::start().await;
    let post = |path| server.request(Method::POST, path).header("content-type", "text/plain").body(EVENT);
    for path in ["/events", "/events?key=cmk_any", "/v1/track"] {
        assert!(Reply::of(post(path)).await.problem(415).contains("API key"), "{path}");
    }
    assert!(server.queued().await.is_empty());
}
