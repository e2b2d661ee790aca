//! Rules that are too dear for an event: what becomes of the event, of the rule, and of the process.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{DEADLINE, Settings, TestServer, start_worker, until, until_rows};

/// A rule whose `$or`s are combined in 1,000 ways for each item of an array.
fn dear() -> Value {
    let or = |name: &str| {
        let branches = (0..10).map(|n| json!({ format!("{name}{n}"): [{"exists": false}, "r"] }));
        json!({"$or": branches.collect::<Vec<_>>()})
    };
    json!({"properties": {"i": {"f": [1, {"exists": false}], "g": [1], "x": or("x"), "y": or("y"), "z": or("z")}}})
}

/// An event about which the rule is too dear.
fn large(id: &str) -> String {
    let items: Vec<Value> = (0..4_000).map(|n| json!({"f": n % 2, "g": 1 - n % 2})).collect();
    json!({"event_id": id, "event_type": "t", "user_id": "u", "properties": {"i": items}}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_stored_without_the_campaign_whose_rule_is_too_dear_and_the_campaign_shows_it() {
    let server = TestServer::start().await;
    let dear = server.activate(&dear()).await;
    let cheap = server.activate(&json!({"event_type": ["t"]})).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;

    server.post("/events", large("a")).await.expect(202);
    server.post("/events", large("b")).await.expect(202);
    until_rows(&server.stores, "events", 2).await;

    let stored = server.get("/events/a").await.expect(200);
    assert_eq!(stored["campaign_ids"], json!([cheap]));
    let set_aside = async |campaign: i64| {
        server.get(&format!("/campaigns/{campaign}/stats")).await.expect(200)["set_aside"].clone()
    };
    until("both events are counted", DEADLINE, async || set_aside(dear).await["events"] == 2).await;
    let shown = set_aside(dear).await;
    assert_eq!((&shown["last_event_id"], &shown["last_user_id"]), (&json!("b"), &json!("u")));
    assert_eq!(set_aside(cheap).await, Value::Null);
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn trying_a_rule_that_is_too_dear_says_so_at_once() {
    let server = TestServer::start().await;
    let body = format!(r#"{{"rules":{},"event":{}}}"#, dear(), large("a"));
    let tried = server.post("/rules/test", body).await.expect(200);
    assert_eq!(tried["matches"], Value::Null);
    assert!(tried["sentence"].as_str().unwrap().contains("set aside"), "{}", tried["sentence"]);
}

#[cfg(feature = "fail-points")]
mod held_up {
    use rustix::process::Signal;

    use super::*;
    use crate::support::{Running, TestStores, Urls, scrape};

    /// Longer than any test waits.
    const FOR_EVER: &str = "=sleep(600000)";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_worker_whose_match_does_not_end_says_where_it_is_and_ends_by_its_deadline() {
        let stores = TestStores::start().await;
        let urls = Urls::of(&stores);
        let (_serve, addr) = Running::serve(&urls, &[], "").await;
        let flags = ["--shutdown-timeout=500ms"];
        let mut worker = Running::doomed_worker(&urls, &flags, &format!("matching-held-up{FOR_EVER}"));
        worker.until_logged("working").await;

        let event = json!({"event_type": "held-up", "user_id": "u"});
        let events = format!("http://{addr}/events");
        let answer = reqwest::Client::new().post(events).json(&event).send().await.unwrap();
        assert_eq!(answer.status(), 202);
        let logged = worker.until_logged("one event holds up match").await;
        assert!(logged["entry"].as_str().unwrap().contains('-'), "{logged}");
        assert_eq!(logged["event"], 1, "{logged}");
        assert!(logged["shard"].is_number(), "{logged}");

        worker.signal(Signal::TERM);
        assert_eq!(worker.ended_within(Duration::from_secs(10)).await.code(), Some(0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_ends_by_its_deadline_while_a_rule_is_tried() {
        let stores = TestStores::start().await;
        let urls = Urls::of(&stores);
        let flags = ["--shutdown-timeout=500ms"];
        let (mut serve, addr) = Running::serve(&urls, &flags, &format!("trying{FOR_EVER}")).await;
        let admin = serve.until_logged("serving").await["admin"].as_str().map(str::to_owned);
        let body = json!({"rules": {"event_type": ["t"]}, "event": {"event_type": "t", "user_id": "u"}});
        let request = reqwest::Client::new().post(format!("http://{addr}/rules/test")).json(&body);
        let trying = tokio::spawn(request.send());
        if let Some(admin) = admin {
            let busy = async || scrape(&admin).await.get("http_requests_in_flight") > 0.0;
            until("the rule is being tried", DEADLINE, busy).await;
        }
        serve.signal(Signal::TERM);
        let status = serve.ended_within(Duration::from_secs(10)).await;
        assert_eq!(status.code(), Some(0));
        assert!(trying.await.unwrap().is_err(), "it was not answered");
    }
}
