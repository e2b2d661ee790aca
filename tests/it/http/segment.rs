//! Segment's routes: what its libraries send is taken, and answered as they expect.

use campaign_manager::store::keys::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use super::key;
use crate::support::{Reply, TestServer};

/// A batch as the Python library sends it.
fn batch() -> Value {
    json!({
        "batch": [
            {"type": "identify", "userId": "u-42", "anonymousId": null, "messageId": "m-1",
             "timestamp": "2026-11-23T05:00:00.123456+00:00", "integrations": {}, "traits": {"plan": "pro"},
             "context": {"library": {"name": "analytics-python", "version": "2.3.3"}}},
            {"type": "track", "userId": "u-42", "anonymousId": null, "messageId": "m-2", "event": "purchase",
             "timestamp": "2026-11-23T05:00:01.000000+00:00", "integrations": {"All": true},
             "properties": {"amount": 129.99},
             "context": {"library": {"name": "analytics-python", "version": "2.3.3"}}},
        ],
        "sentAt": "2026-11-23T05:00:02+00:00",
        "writeKey": "cmk_secret",
    })
}

async fn payloads(server: &TestServer) -> Vec<Value> {
    let queued = server.queued().await;
    queued.iter().map(|event| serde_json::from_str(&event.payload).unwrap()).collect()
}

#[tokio::test]
async fn a_batch_becomes_events() {
    let server = TestServer::start().await;
    for path in ["/v1/batch", "/v1/import"] {
        assert_eq!(server.post(path, batch().to_string()).await.expect(200), json!({"success": true}));
    }

    let queued = server.queued().await;
    let told = |at: usize| (&*queued[at].event_id, &*queued[at].event_type, &*queued[at].user_id);
    assert_eq!([told(0), told(2)], [("m-1", "identify", "u-42"), ("m-2", "purchase", "u-42")]);
    let [identify, _, track, _] = &payloads(&server).await[..] else { panic!("four events") };
    assert_eq!(identify["properties"], json!({"plan": "pro"}));
    assert_eq!(identify["timestamp"], "2026-11-23T05:00:00.123456+00:00");
    assert_eq!(track["properties"], json!({"amount": 129.99}));
    assert_eq!(
        track["context"],
        json!({"library": {"name": "analytics-python", "version": "2.3.3"},
               "segment": {"type": "track", "integrations": {"All": true}}})
    );
    assert!(!queued.iter().any(|event| event.payload.contains("cmk_secret")));
}

#[tokio::test]
async fn each_call_has_its_route() {
    let server = TestServer::start().await;
    let calls = ["alias", "group", "identify", "page", "screen", "track"];
    for call in calls {
        let message = json!({"messageId": call, "anonymousId": "a-1", "event": "purchase", "groupId": "g"});
        let reply = server.post(&format!("/v1/{call}"), message.to_string()).await;
        assert_eq!(reply.expect(200), json!({"success": true}));
    }
    let queued = server.queued().await;
    assert_eq!(
        queued.iter().map(|event| &*event.event_type).collect::<Vec<_>>(),
        ["alias", "group", "identify", "page", "screen", "purchase"]
    );
    assert!(queued.iter().all(|event| event.user_id == "a-1"));
}

#[tokio::test]
async fn a_batch_of_which_a_part_is_refused_is_a_success_that_names_that_part() {
    let server = TestServer::start().await;
    let mut batch = batch();
    batch["batch"][0]["userId"] = Value::Null;
    let reply = server.post("/v1/batch", batch.to_string()).await;
    assert_eq!(
        reply.expect(200),
        json!({"success": true, "rejected": [
            {"index": 0, "pointer": "/userId", "detail": "userId or anonymousId is required"}]})
    );
    assert_eq!(server.queued().await.len(), 1);
}

#[tokio::test]
async fn a_batch_of_which_all_is_refused_is_an_error_in_segments_words_too() {
    let server = TestServer::start().await;
    let reply = server.post("/v1/batch", r#"{"batch":[{"type":"track","userId":"u"}]}"#).await;
    assert_eq!(reply.problem(422), "event is required");
    assert_eq!(
        (&reply.json()["code"], &reply.json()["message"]),
        (&json!("invalid"), &json!("event is required"))
    );
    for body in ["{}", "[]", "7", r#"{"batch":{}}"#, r#"{"batch":[],"batch":[]}"#] {
        let reply = server.post("/v1/batch", body).await;
        assert!(reply.problem(422).contains("batch is required once"), "{body}");
        assert_eq!(reply.json()["errors"][0]["pointer"], "/batch");
    }
    for body in ["", "{", r#"{"batch":[}"#, r#"{"batch":[1e999]}"#] {
        server.post("/v1/batch", body).await.problem(400);
    }
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn the_batchs_context_is_that_of_messages_without_one_and_may_not_swell() {
    let server = TestServer::with(&["--max-body=4KiB"]).await;
    let message = json!({"type": "track", "event": "e", "userId": "u", "messageId": "m"});
    let mut own = message.clone();
    own["context"] = json!({"ip": "10.0.0.2"});
    let body = json!({"batch": [message, own], "context": {"ip": "10.0.0.1"}});
    server.post("/v1/batch", body.to_string()).await.expect(200);
    let mut ips: Vec<_> =
        payloads(&server).await.iter().map(|event| event["context"]["ip"].clone()).collect();
    ips.sort_by_key(Value::to_string);
    assert_eq!(ips, ["10.0.0.1", "10.0.0.2"]);

    let body = json!({"batch": vec![message; 10], "context": {"pad": "x".repeat(1000)}});
    let reply = server.post("/v1/batch", body.to_string()).await;
    assert!(reply.problem(413).contains("4096 bytes"));
    assert_eq!(server.queued().await.len(), 2);
}

#[tokio::test]
async fn a_write_key_is_an_api_key() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let send = |secret: &str| {
        Reply::of(server.posting("/v1/batch", batch().to_string()).basic_auth(secret, Some("")))
    };
    let refused = send("cmk_unknown").await;
    refused.problem(401);
    assert_eq!(refused.json()["code"], "unauthorized");
    let secret = key(&server, Scope::Ingest).await;
    send(secret.expose()).await.expect(200);
}

#[tokio::test]
async fn another_type_of_body_is_refused() {
    let server = TestServer::start().await;
    let request = server.request(Method::POST, "/v1/track").header("content-type", "text/plain").body("{}");
    assert!(Reply::of(request).await.problem(415).contains("application/json"));
}
