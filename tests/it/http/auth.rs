//! API keys.

use std::time::Duration;

use campaign_manager::store::keys::{self, ApiKey, NewKey, Scope};
use reqwest::{Method, RequestBuilder};

use crate::support::{Reply, TestServer, until};

const EVENT: &str = r#"{"event_type":"login","user_id":"u"}"#;

async fn server() -> TestServer {
    TestServer::with(&["--auth=keys"]).await
}

async fn key(server: &TestServer, scope: Scope) -> ApiKey {
    let new = NewKey { name: "test", scope, rate_limit: None };
    keys::create(&server.pool, &new).await.unwrap().0
}

fn sending(server: &TestServer, key: &ApiKey) -> RequestBuilder {
    server.posting("/events", EVENT).bearer_auth(key.expose())
}

fn reading(server: &TestServer, key: &ApiKey) -> RequestBuilder {
    server.request(Method::GET, "/campaigns").bearer_auth(key.expose())
}

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

    until("the key is refused", Duration::from_secs(5), async || {
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
