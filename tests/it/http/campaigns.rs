//! `/campaigns`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestServer, until};

const RULES: &str =
    r#"{"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 1.50e2]}]}}"#;

async fn create(server: &TestServer, name: &str) -> Value {
    let body = format!(r#"{{"name":"{name}","rules":{RULES}}}"#);
    server.post("/campaigns", body).await.expect(201)
}

async fn names(server: &TestServer, path: &str) -> Vec<String> {
    let list = server.get(path).await.expect(200);
    list["campaigns"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().into()).collect()
}

#[tokio::test]
async fn a_campaign_is_created_as_a_draft_and_read_back() {
    let server = TestServer::start().await;
    let body = format!(
        r#"{{"name":"Big","description":"spenders","rules":{RULES},"starts_at":"2026-01-01T00:00:00+01:00","ends_at":null}}"#
    );
    let created = server.post("/campaigns", body).await;

    let campaign = created.expect(201);
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(created.header("location"), format!("/campaigns/{}", campaign["id"]));
    assert_eq!(campaign["status"], "draft");
    assert_eq!(campaign["description"], "spenders");
    assert_eq!(campaign["starts_at"], "2025-12-31T23:00:00Z");
    assert_eq!(campaign["ends_at"], Value::Null);

    let read = server.get(created.header("location")).await;
    assert_eq!(read.expect(200), campaign);
    assert_eq!(read.header("etag"), "\"1\"");
    assert!(read.text.contains(&format!(r#""rules":{RULES}"#)), "the rule as it was written: {}", read.text);
}

#[tokio::test]
async fn a_campaign_goes_through_its_life_and_keeps_its_history() {
    let server = TestServer::start().await;
    let id = create(&server, "Big").await["id"].to_string();

    for (version, step, status) in [
        (2, "activate", "active"),
        (3, "pause", "paused"),
        (4, "activate", "active"),
        (5, "archive", "archived"),
    ] {
        let reply = server.post(&format!("/campaigns/{id}/{step}"), "").await;
        let campaign = reply.expect(200);
        assert_eq!((&campaign["status"], &campaign["version"]), (&json!(status), &json!(version)));
        assert_eq!(reply.header("etag"), format!("\"{version}\""));
    }

    let history = "select string_agg(status, ' ' order by version) from campaign_versions";
    let row = server.stores.postgres().await.query_one(history, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "draft active paused active archived");
}

#[tokio::test]
async fn a_wrong_step_is_refused_with_the_steps_allowed() {
    let server = TestServer::start().await;
    let id = create(&server, "Big").await["id"].to_string();

    let refused = server.post(&format!("/campaigns/{id}/pause"), "").await;

    assert!(refused.problem(409).contains("draft"));
    assert_eq!(refused.json()["allowed"], json!(["activate", "archive"]));
    assert_eq!(server.get(&format!("/campaigns/{id}")).await.expect(200)["version"], 1);
}

#[tokio::test]
async fn of_two_who_take_the_same_step_at_once_one_is_refused() {
    let server = TestServer::start().await;
    let id = create(&server, "Big").await["id"].to_string();
    let path = format!("/campaigns/{id}/activate");

    let (one, other) = tokio::join!(server.post(&path, ""), server.post(&path, ""));

    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(server.get(&format!("/campaigns/{id}")).await.expect(200)["version"], 2);
}

#[tokio::test]
async fn the_list_has_pages_from_the_newest_to_the_oldest() {
    let server = TestServer::start().await;
    for name in ["a", "b", "c"] {
        create(&server, name).await;
    }

    let first = server.get("/campaigns?limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.get(&format!("/campaigns?limit=2&cursor={cursor}")).await.expect(200);

    assert_eq!(first["campaigns"][0]["name"], "c");
    assert_eq!(first["campaigns"][1]["name"], "b");
    assert_eq!(second["campaigns"].as_array().unwrap().len(), 1);
    assert_eq!(second["campaigns"][0]["name"], "a");
    assert_eq!(second["next_cursor"], Value::Null);
}

#[tokio::test]
async fn the_list_can_be_of_one_status() {
    let server = TestServer::start().await;
    let active = create(&server, "active").await["id"].to_string();
    create(&server, "draft").await;
    server.post(&format!("/campaigns/{active}/activate"), "").await.expect(200);

    assert_eq!(names(&server, "/campaigns?status=active").await, ["active"]);
    assert_eq!(names(&server, "/campaigns?status=draft").await, ["draft"]);
    assert_eq!(names(&server, "/campaigns?status=archived").await, [""; 0]);
    assert_eq!(names(&server, "/campaigns?status=").await, ["draft", "active"]);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let server = TestServer::start().await;
    for (query, named) in [
        ("status=running", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
        ("color=red", "color"),
        ("limit=1&limit=2", "limit"),
    ] {
        let detail = server.get(&format!("/campaigns?{query}")).await.problem(400);
        assert!(detail.starts_with(&format!("{named}: ")), "{detail}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_campaign_is_pointed_to() {
    let server = TestServer::start().await;
    let body =
        r#"{"name":"n","color":"red","rules":{"event_type":[{"sounds-like":"x"}]},"starts_at":"soon"}"#;
    let reply = server.post("/campaigns", body).await;

    reply.problem(422);
    let body = reply.json();
    let mut pointers: Vec<_> =
        body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/color", "/rules/event_type/0/sounds-like", "/starts_at"]);
    assert!(names(&server, "/campaigns").await.is_empty());
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let server = TestServer::start().await;
    server.post("/campaigns", "{").await.problem(400);
    server.post("/campaigns", "[]").await.problem(422);
    server.post("/campaigns", " ".repeat(200_000)).await.problem(413);
    let form = server.request(Method::POST, "/campaigns").header("content-type", "text/plain").body("{}");
    assert_eq!(Reply::of(form).await.json()["allowed"], json!(["application/json"]));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    for path in ["/campaigns/7", "/campaigns/seven", "/campaigns/99999999999999999999", "/campaign"] {
        server.get(path).await.problem(404);
    }
    server.post("/campaigns/7/activate", "").await.problem(404);
    let wrong_method = Reply::of(server.request(Method::PUT, "/campaigns")).await;
    wrong_method.problem(405);
    assert_eq!(wrong_method.header("allow"), "POST, GET");
}

#[tokio::test]
async fn while_postgres_is_down_the_client_is_told_to_try_again() {
    let mut server = TestServer::start().await;
    create(&server, "Big").await;
    server.stores.servers.postgres.kill().await;

    // a connection may outlive the server by a moment
    until("the database is missed", Duration::from_secs(10), async || {
        server.get("/campaigns").await.status.as_u16() != 200
    })
    .await;
    let reply = server.get("/campaigns").await;
    assert!(reply.problem(503).contains("database"));
    assert_eq!(reply.header("retry-after"), "1");
}
