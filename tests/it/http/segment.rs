//! Segment's routes: what its libraries send is taken, and answered as they expect.

use std::io::Write as _;

use campaign_manager::store::keys::Scope;
use flate2::Compression;
use flate2::write::GzEncoder;
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
            {"index": 0, "event_id": "m-1", "pointer": "/userId", "detail": "userId or anonymousId is required"}]})
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
    let empty = server.post("/v1/batch", r#"{"batch":[]}"#).await;
    assert_eq!(empty.expect(200), json!({"success": true}), "as Segment takes it");
    for body in ["{}", "[]", "7", r#"{"batch":{}}"#, r#"{"batch":[],"batch":[]}"#] {
        let reply = server.post("/v1/batch", body).await;
        assert!(reply.problem(422).contains("batch is required once"), "{body}");
        assert_eq!(reply.json()["errors"][0]["pointer"], "/batch");
    }
    for body in ["", "{", r#"{"batch":[}"#, r#"{"batch":[1e]}"#] {
        server.post("/v1/batch", body).await.problem(400);
    }
    assert!(server.queued().await.is_empty());
}

#[tokio::test]
async fn the_batchs_context_is_merged_with_that_of_each_message_and_may_not_swell() {
    let server = TestServer::with(&["--max-body=4KiB"]).await;
    let message = json!({"type": "track", "event": "e", "userId": "u", "messageId": "m"});
    let mut own = message.clone();
    own["context"] = json!({"ip": "10.0.0.2"});
    own["integrations"] = json!({"All": true});
    let body = json!({"batch": [message, own], "context": {"ip": "10.0.0.1", "app": "shop"},
                      "integrations": {"All": false, "Other": true}});
    server.post("/v1/batch", body.to_string()).await.expect(200);
    let contexts: Vec<_> = payloads(&server).await.iter().map(|event| event["context"].clone()).collect();
    let merged = |ip: &str, all: bool| json!({"segment": {"type": "track", "integrations": {"All": all, "Other": true}}, "ip": ip, "app": "shop"});
    assert_eq!(contexts, [merged("10.0.0.1", false), merged("10.0.0.2", true)]);

    let body = json!({"batch": vec![message; 10], "context": {"pad": "x".repeat(1000)}});
    let reply = server.post("/v1/batch", body.to_string()).await;
    assert!(reply.problem(413).contains("4096 bytes"));
    // Reading it again costs the same for messages that are refused then.
    let body = json!({"batch": vec![json!({"type": "page"}); 10], "context": {"pad": "x".repeat(1000)}});
    let reply = server.post("/v1/batch", body.to_string()).await;
    assert!(reply.problem(413).contains("4096 bytes"));
    assert_eq!(server.queued().await.len(), 2);
}

#[tokio::test]
async fn a_value_that_cannot_be_kept_does_not_sink_its_batch() {
    let server = TestServer::start().await;
    let body = batch().to_string().replacen("129.99", r#""\ud83d""#, 1);
    let reply = server.post("/v1/batch", body).await.expect(200);
    let fault = &reply["rejected"][0];
    assert_eq!((&fault["index"], &fault["event_id"]), (&json!(1), &json!("m-2")));
    assert_eq!(fault["pointer"], "/properties/amount");
    assert_eq!(server.queued().await.len(), 1);
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
async fn a_write_key_in_the_body_is_an_api_key_unless_it_is_an_admins() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let [ingest, admin] = [key(&server, Scope::Ingest).await, key(&server, Scope::Admin).await];
    let send = |path: &str, kind: &str, body: String| {
        Reply::of(server.request(Method::POST, path).header("content-type", kind).body(body))
    };
    let mut batch = batch();
    batch["writeKey"] = json!(ingest.expose());
    send("/v1/batch", "application/json", batch.to_string()).await.expect(200);
    send("/v1/batch", "text/plain", batch.to_string()).await.expect(200);
    let message = json!({"userId": "u", "event": "e", "messageId": "m-3", "writeKey": ingest.expose()});
    send("/v1/track", "text/plain;charset=UTF-8", message.to_string()).await.expect(200);

    batch["writeKey"] = json!(admin.expose());
    assert!(
        send("/v1/batch", "application/json", batch.to_string()).await.problem(403).contains("admin key")
    );
    for wrong in [json!("cmk_unknown"), json!(7), Value::Null] {
        batch["writeKey"] = wrong;
        send("/v1/batch", "application/json", batch.to_string()).await.problem(401);
    }
    batch["writeKey"] = json!(ingest.expose());
    batch["pad"] = json!("x".repeat(600_000));
    send("/v1/batch", "application/json", batch.to_string()).await.problem(413);
    send("/events", "application/json", batch.to_string()).await.problem(401);
    let queued = server.queued().await;
    assert_eq!(queued.len(), 5);
    assert!(!queued.iter().any(|event| event.payload.contains("cmk_")));
}

/// The requests of libraries that were read, and cannot be run here: their paths, headers and forms of bodies.
#[tokio::test]
async fn requests_as_other_libraries_make_them_are_taken() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let key = key(&server, Scope::Ingest).await;
    let key = key.expose();
    let message =
        |id: &str| json!({"type": "track", "messageId": id, "userId": "u", "event": "e", "writeKey": key});
    let batch =
        |id: &str| json!({"batch": [message(id)], "sentAt": "2026-11-23T05:00:02.000Z", "writeKey": key});
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(batch("kotlin").to_string().as_bytes()).unwrap();
    let post = |path: &str, kind: &str| server.request(Method::POST, path).header("content-type", kind);
    let (plain, json) = ("text/plain", "application/json; charset=utf-8");
    let go = json!({"batch": [message("go")], "messageId": "b-1", "sentAt": "2026-11-23T05:00:02Z", "context": null});
    for (library, request) in [
        ("Kotlin", post("/v1/b", plain).header("content-encoding", "gzip").body(packed.finish().unwrap())),
        ("Swift", post("/v1/b", json).body(batch("swift").to_string())),
        ("Go", post("//v1/batch", json).basic_auth(key, Some("")).body(go.to_string())),
        ("Ruby", post("/v1/import", json).basic_auth(key, Some("")).body(batch("ruby").to_string())),
        ("analytics.js", post("/v1/t", plain).basic_auth(key, Some("")).body(message("js").to_string())),
        ("analytics.js without a header", post("/v1/t", plain).body(message("js-1").to_string())),
        ("analytics.js in batches", post("/v1/b", plain).body(batch("js-2").to_string())),
    ] {
        // Other spellings of paths are not in the contract.
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{library}");
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({"success": true}), "{library}");
    }
    let mut ids: Vec<_> = server.queued().await.into_iter().map(|event| event.event_id).collect();
    ids.sort();
    assert_eq!(ids, ["go", "js", "js-1", "js-2", "kotlin", "ruby", "swift"]);
    let nowhere = post("//v1/nowhere/", json).body("{}").send().await.unwrap();
    assert_eq!(nowhere.status(), 404);
    assert_eq!(nowhere.json::<Value>().await.unwrap()["code"], "not-found");
}

#[tokio::test]
async fn another_type_of_body_is_refused() {
    let server = TestServer::start().await;
    let request = server.request(Method::POST, "/v1/track").header("content-type", "text/plain").body("{}");
    assert!(Reply::of(request).await.problem(415).contains("application/json"));
}
