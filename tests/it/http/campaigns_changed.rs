//! `PATCH /campaigns/{id}`, the versions that changes leave behind, and requests that are sent twice.

use campaign_manager::store::keys::{self, ApiKey, NewKey, Scope};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Reply, TestServer};

const CAMPAIGN: &str = r#"{"name":"Big","description":"spenders","starts_at":"2026-01-01T00:00:00Z",
    "rules":{"event_type":["purchase"],"properties":{"amount":[1.50]}}}"#;

async fn create(server: &TestServer) -> String {
    let created = server.post("/campaigns", CAMPAIGN).await;
    created.expect(201);
    created.header("location").to_owned()
}

fn patching(server: &TestServer, path: &str, body: &Value) -> RequestBuilder {
    let request = server.request(Method::PATCH, path).header("content-type", "application/json");
    request.body(body.to_string())
}

async fn patch(server: &TestServer, path: &str, body: Value) -> Reply {
    Reply::of(patching(server, path, &body)).await
}

async fn new_key(server: &TestServer, name: &str) -> ApiKey {
    let key = NewKey { name, scope: Scope::Admin, rate_limit: None };
    keys::create(&server.pool, &key).await.unwrap().0
}

/// A version as name and author.
fn shown(list: &Value) -> Vec<(i64, &str, Option<&str>)> {
    let versions = list["versions"].as_array().unwrap();
    let shown = |version: &'_ Value| version["version"].as_i64().unwrap();
    versions
        .iter()
        .map(|version| (shown(version), version["name"].as_str().unwrap(), version["author"].as_str()))
        .collect()
}

#[tokio::test]
async fn a_change_makes_a_new_version_with_everything_else_as_it_was() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    let before = server.get(&path).await.expect(200);

    let changed = patch(&server, &path, json!({"name": "Huge", "ends_at": "2027-01-01T00:00:00Z"})).await;

    let mut expected = before.clone();
    expected["name"] = json!("Huge");
    expected["ends_at"] = json!("2027-01-01T00:00:00Z");
    expected["version"] = json!(2);
    let campaign = changed.expect(200);
    expected["updated_at"] = campaign["updated_at"].clone();
    assert_eq!(campaign, expected);
    assert_eq!(changed.header("etag"), "\"2\"");
    assert!(changed.text.contains(r#""amount":[1.50]"#), "the rule as it was written: {}", changed.text);
    assert_eq!(server.get(&path).await.expect(200), campaign);
}

#[tokio::test]
async fn null_removes_what_a_campaign_can_be_without() {
    let server = TestServer::start().await;
    let path = create(&server).await;

    let campaign = patch(&server, &path, json!({"description": null, "starts_at": null})).await.expect(200);

    assert_eq!((&campaign["description"], &campaign["starts_at"]), (&json!(""), &Value::Null));
    for name in ["name", "rules"] {
        let refused = patch(&server, &path, json!({ name: null })).await;
        refused.problem(422);
        assert_eq!(refused.json()["errors"][0]["pointer"], format!("/{name}"));
    }
}

#[tokio::test]
async fn a_change_that_changes_nothing_makes_no_version() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    for body in [json!({}), json!({"name": "Big", "starts_at": "2026-01-01T01:00:00+01:00"})] {
        let reply = patch(&server, &path, body).await;
        reply.expect(200);
        assert_eq!(reply.header("etag"), "\"1\"");
    }
    let versions = server.get(&format!("{path}/versions")).await.expect(200);
    assert_eq!(shown(&versions), [(1, "Big", None)]);
}

#[tokio::test]
async fn rules_are_replaced_as_json_and_merged_as_a_merge_patch() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    let rules = json!({"rules": {"properties": {"amount": null, "currency": ["EUR"]}}});

    let request = patching(&server, &path, &rules).header("content-type", "application/merge-patch+json");
    // reqwest appends; the last type must be the only one
    let request = server
        .request(Method::PATCH, &path)
        .header("content-type", "application/merge-patch+json; charset=utf-8")
        .body(request.build().unwrap().body().unwrap().as_bytes().unwrap().to_vec());
    let merged = Reply::of(request).await.expect(200);
    let replaced = patch(&server, &path, json!({"rules": {"user_id": ["u"]}})).await.expect(200);

    assert_eq!(merged["rules"], json!({"event_type": ["purchase"], "properties": {"currency": ["EUR"]}}));
    assert_eq!(replaced["rules"], json!({"user_id": ["u"]}));
}

#[tokio::test]
async fn what_is_wrong_with_a_change_is_pointed_to_and_nothing_is_changed() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    let body =
        json!({"status": "active", "color": "red", "rules": {"a": []}, "ends_at": "2025-01-01T00:00:00Z"});

    let refused = patch(&server, &path, body).await;

    assert!(refused.problem(422).contains("4 things"));
    let mut pointers: Vec<String> = Vec::new();
    for error in refused.json()["errors"].as_array().unwrap() {
        pointers.push(error["pointer"].as_str().unwrap().to_owned());
    }
    pointers.sort();
    assert_eq!(pointers, ["/color", "/ends_at", "/rules/a", "/status"]);
    assert!(refused.text.contains("/activate"), "{}", refused.text);
    assert_eq!(server.get(&path).await.expect(200)["version"], 1);
    patch(&server, "/campaigns/7777", json!({})).await.problem(404);
    let text = server.request(Method::PATCH, &path).header("content-type", "text/plain").body("{}");
    let allowed = json!(["application/json", "application/merge-patch+json"]);
    assert_eq!(Reply::of(text).await.json()["allowed"], allowed);
}

#[tokio::test]
async fn an_archived_campaign_cannot_be_changed() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    server.post(&format!("{path}/archive"), "").await.expect(200);
    assert!(patch(&server, &path, json!({"name": "n"})).await.problem(409).contains("archived"));
}

#[tokio::test]
async fn a_change_to_a_version_that_was_not_seen_is_refused() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    patch(&server, &path, json!({"name": "two"})).await.expect(200);
    let change = json!({"name": "three"});
    let with = async |tag: &str| Reply::of(patching(&server, &path, &change).header("if-match", tag)).await;

    let stale = with("\"1\"").await;
    assert!(stale.problem(412).contains("version 2"));
    assert_eq!(stale.header("etag"), "\"2\"");
    for malformed in ["W/\"2\"", "2", "\"2"] {
        assert!(with(malformed).await.problem(400).starts_with("If-Match: "));
    }
    assert_eq!(with("\"2\"").await.expect(200)["version"], 3);
    assert_eq!(with("*").await.expect(200)["version"], 3, "nothing is left to change");
}

#[tokio::test]
async fn steps_can_be_tied_to_a_version_too() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    for (step, version) in [("activate", 1), ("pause", 2), ("archive", 3)] {
        let with = async |tag: String| {
            Reply::of(server.posting(&format!("{path}/{step}"), "").header("if-match", tag)).await
        };
        with("\"7\"".to_owned()).await.problem(412);
        assert_eq!(with(format!("\"{version}\"")).await.expect(200)["version"], version + 1);
    }
}

#[tokio::test]
async fn of_two_changes_of_one_version_at_once_one_is_refused() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    for (tag, refusal) in [(Some("\"1\""), 412), (None, 409)] {
        let mut changes = Vec::new();
        for name in 0..8 {
            let request = patching(&server, &path, &json!({"name": format!("{tag:?} {name}")}));
            let request = match tag {
                Some(tag) => request.header("if-match", tag),
                None => request,
            };
            changes.push(Reply::of(request));
        }
        let before = server.get(&path).await.expect(200)["version"].as_i64().unwrap();
        let replies = futures_util::future::join_all(changes).await;
        let made = replies.iter().filter(|reply| reply.status == 200).count();
        assert!(replies.iter().all(|reply| [200, refusal].contains(&reply.status.as_u16())));
        assert!(made == 1 || tag.is_none() && made > 0, "{made}");
        let after = server.get(&path).await.expect(200)["version"].as_i64().unwrap();
        assert_eq!(usize::try_from(after - before).unwrap(), made);
    }
}

#[tokio::test]
async fn who_has_the_version_already_is_not_sent_it_again() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    let with =
        async |tag: &str| Reply::of(server.request(Method::GET, &path).header("if-none-match", tag)).await;

    let known = with("W/\"1\"").await;
    assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", "\"1\""));
    assert_eq!(with("\"2\"").await.expect(200)["version"], 1);
    with("1").await.problem(400);
    let stale = server.request(Method::GET, &path).header("if-match", "\"2\"");
    Reply::of(stale).await.problem(412);
}

#[tokio::test]
async fn a_change_that_excludes_the_version_of_now_is_refused() {
    let server = TestServer::start().await;
    let path = create(&server).await;
    let activating = async |tag: &str| {
        Reply::of(server.request(Method::POST, &format!("{path}/activate")).header("if-none-match", tag))
            .await
    };
    for tag in ["\"1\"", "*"] {
        assert!(activating(tag).await.problem(412).contains("If-None-Match"));
    }
    assert_eq!(activating("\"7\"").await.expect(200)["status"], "active");
}

#[tokio::test]
async fn the_history_says_who_made_which_version_from_the_newest_back() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let as_key = async |name: &str, request: RequestBuilder| {
        let key = new_key(&server, name).await;
        Reply::of(request.bearer_auth(key.expose())).await
    };
    let created = as_key("ann", server.posting("/campaigns", CAMPAIGN)).await;
    let path = created.header("location").to_owned();
    as_key("bob", patching(&server, &path, &json!({"name": "Huge"}))).await.expect(200);
    as_key("cem", server.posting(&format!("{path}/activate"), "")).await.expect(200);

    let list = async |query: &str| {
        let path = format!("{path}/versions{query}");
        as_key("eve", server.request(Method::GET, &path)).await.expect(200)
    };
    let all = list("").await;
    assert_eq!(shown(&all), [(3, "Huge", Some("cem")), (2, "Huge", Some("bob")), (1, "Big", Some("ann"))]);
    assert_eq!(all["next_cursor"], Value::Null);
    assert_eq!(all["versions"][2]["status"], "draft");
    assert_eq!(all["versions"][2]["rules"], created.json()["rules"]);
    assert_eq!(all["versions"][2]["created_at"], created.json()["created_at"]);

    let first = list("?limit=2").await;
    let second = list(&format!("?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((shown(&first).len(), shown(&second)), (2, vec![(1, "Big", Some("ann"))]));
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn the_history_of_no_campaign_is_not_found() {
    let server = TestServer::start().await;
    server.get("/campaigns/7/versions").await.problem(404);
    let path = create(&server).await;
    assert!(server.get(&format!("{path}/versions?cursor=x")).await.problem(400).starts_with("cursor: "));
}

async fn campaigns(server: &TestServer) -> usize {
    server.get("/campaigns").await.expect(200)["campaigns"].as_array().unwrap().len()
}

fn once(server: &TestServer, key: &str, body: &str) -> RequestBuilder {
    server.posting("/campaigns", body).header("idempotency-key", key)
}

#[tokio::test]
async fn a_request_with_a_key_that_is_sent_again_is_answered_as_at_first() {
    let server = TestServer::start().await;
    let first = Reply::of(once(&server, "\"a key\"", CAMPAIGN)).await;
    let path = first.header("location").to_owned();
    patch(&server, &path, json!({"name": "changed meanwhile"})).await.expect(200);

    let again = Reply::of(once(&server, "\"a key\"", CAMPAIGN)).await;

    assert_eq!(again.expect(201), first.expect(201));
    for name in ["etag", "location"] {
        assert_eq!(again.header(name), first.header(name));
    }
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(campaigns(&server).await, 1);
}

#[tokio::test]
async fn a_key_that_was_used_for_another_body_is_refused() {
    let server = TestServer::start().await;
    Reply::of(once(&server, "k", CAMPAIGN)).await.expect(201);
    let other = Reply::of(once(&server, "k", &CAMPAIGN.replace("Big", "Small"))).await;
    assert!(other.problem(422).contains("Idempotency-Key"));
    assert_eq!(campaigns(&server).await, 1);
    Reply::of(once(&server, "k 2", CAMPAIGN)).await.problem(400);
}

#[tokio::test]
async fn of_many_requests_with_one_key_at_once_exactly_one_creates_a_campaign() {
    let server = TestServer::start().await;
    let requests = (0..24).map(|_| Reply::of(once(&server, "k", CAMPAIGN)));
    let replies = futures_util::future::join_all(requests).await;

    let created: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert!(replies.iter().all(|reply| [201, 409].contains(&reply.status.as_u16())), "{replies:?}");
    assert!(created.iter().all(|reply| reply.json() == created[0].json()));
    assert_eq!(created.iter().filter(|reply| reply.header("idempotent-replayed").is_empty()).count(), 1);
    assert_eq!(campaigns(&server).await, 1);
}

#[tokio::test]
async fn a_request_whose_key_is_at_work_is_told_to_come_back() {
    let server = TestServer::start().await;
    // Whoever holds the table keeps the first request at work.
    let mut other = server.stores.postgres().await;
    let holding = other.transaction().await.unwrap();
    holding.batch_execute("lock table campaigns in exclusive mode").await.unwrap();
    let first = tokio::spawn(once(&server, "k", CAMPAIGN).send());
    let watching = server.stores.postgres().await;
    let waiting = "select count(*) from pg_locks where not granted";
    crate::support::until("the first request to wait", crate::support::DEADLINE, async || {
        watching.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;

    let second = Reply::of(once(&server, "k", CAMPAIGN)).await;

    assert!(second.problem(409).contains("try again"));
    holding.commit().await.unwrap();
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(campaigns(&server).await, 1);
}

#[tokio::test]
async fn keys_of_several_callers_are_apart_and_are_forgotten_after_a_day() {
    let server = TestServer::with(&["--auth=keys"]).await;
    let ann = new_key(&server, "ann").await;
    let bob = new_key(&server, "bob").await;
    let ask = async |caller: &ApiKey, key: &str| {
        let reply = Reply::of(once(&server, key, CAMPAIGN).bearer_auth(caller.expose())).await;
        reply.expect(201)["id"].as_i64().unwrap()
    };
    assert_eq!([ask(&ann, "k").await, ask(&bob, "k").await, ask(&ann, "k").await], [1, 2, 1]);

    let postgres = server.stores.postgres().await;
    let age = "update idempotency_keys set created_at = created_at - interval '24 h'";
    postgres.batch_execute(age).await.unwrap();
    assert_eq!([ask(&ann, "k").await, ask(&ann, "k").await], [3, 3]);
    let kept = postgres.query_one("select count(*) from idempotency_keys", &[]).await.unwrap();
    assert_eq!(kept.get::<_, i64>(0), 1, "what has expired is removed on the way");
}
