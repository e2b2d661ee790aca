//! `POST /rules/test`, `POST /campaigns/{id}/test`, `GET /events/{event_id}/explain`, and the time in which a campaign
//! runs, end to end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{DEADLINE, Settings, TestServer, start_worker, until, until_rows};

const RULES: &str = r#"{"event_type":["purchase"],"properties":{"amount":[{"numeric":[">=",100]}]}}"#;

fn purchase(amount: i32) -> Value {
    json!({"event_type": "purchase", "user_id": "u", "properties": {"amount": amount}})
}

fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

/// Creates a campaign with these members more, and returns its path.
async fn create(server: &TestServer, more: Value) -> String {
    let mut body = json!({"name": "n", "rules": serde_json::from_str::<Value>(RULES).unwrap()});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.post("/campaigns", body.to_string()).await.expect(201)["id"].to_string()
}

#[tokio::test]
async fn a_rule_is_tried_on_an_event_and_says_why() {
    let server = TestServer::start().await;
    let test = async |amount| {
        let body = format!(r#"{{"rules":{RULES},"event":{}}}"#, purchase(amount));
        server.post("/rules/test", body).await.expect(200)
    };

    let (matching, missing) = (test(100).await, test(80).await);

    assert_eq!((&matching["matches"], &missing["matches"]), (&json!(true), &json!(false)));
    assert_eq!(
        missing["sentence"],
        "the event does not match: `properties.amount` is 80; the rule wants ≥ 100"
    );
    assert_eq!(missing["explanation"]["satisfied"], false);
    assert_eq!(missing["explanation"]["all"][1]["all"][0]["field"]["seen"], json!([80]));
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_and_an_event_is_said_at_once() {
    let server = TestServer::start().await;
    let body = r#"{"rules":{"a":[]},"event":{"event_type":"t","user_id":7},"color":1}"#;
    let refused = server.post("/rules/test", body).await;
    refused.problem(422);
    assert_eq!(pointers(&refused.json()), ["/rules/a", "/event/user_id", "/color"]);

    let empty = server.post("/rules/test", "{}").await;
    empty.problem(422);
    assert_eq!(pointers(&empty.json()), ["/rules", "/event"]);
    let unlike = server.post("/rules/test", r#"{"rules":{"user_id":["u"]},"event":[]}"#).await;
    unlike.problem(422);
    assert_eq!(pointers(&unlike.json()), ["/event"]);
    server.post("/rules/test", "{").await.problem(400);
}

#[tokio::test]
async fn a_campaign_says_whether_an_event_would_trigger_it_and_what_is_in_the_way() {
    let server = TestServer::start().await;
    let time = json!({"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"});
    let id = create(&server, time).await;
    let test = async |amount, at: &str| {
        let body = json!({"event": purchase(amount), "at": at}).to_string();
        server.post(&format!("/campaigns/{id}/test"), body).await.expect(200)
    };

    let draft = test(100, "2026-01-01T00:00:00Z").await;
    let activated = server.post(&format!("/campaigns/{id}/activate"), "").await.expect(200);
    assert_eq!(activated["warnings"][0]["pointer"], "/ends_at", "it is over: {activated}");
    let active = test(100, "2026-01-01T00:00:00Z").await;
    let early = test(100, "2025-12-31T23:59:59.999999Z").await;
    let late = test(100, "2026-02-01T00:00:00Z").await;
    let unlike = test(80, "2026-01-01T00:00:00Z").await;

    for (tested, version, status, matches, triggers, told) in [
        (&draft, 1, "draft", true, false, "it is draft"),
        (&active, 2, "active", true, true, "the event matches: "),
        (&early, 2, "active", true, false, "begins only at 2026-01-01T00:00:00Z"),
        (&late, 2, "active", true, false, "ended at 2026-02-01T00:00:00Z"),
        (&unlike, 2, "active", false, false, "does not match"),
    ] {
        assert_eq!((&tested["version"], &tested["status"]), (&json!(version), &json!(status)));
        assert_eq!(
            (&tested["matches"], &tested["would_trigger"]),
            (&json!(matches), &json!(triggers)),
            "{tested}"
        );
        assert!(tested["sentence"].as_str().unwrap().contains(told), "{tested}");
    }
    assert_eq!(late["at"], "2026-02-01T00:00:00Z");
    let now = json!({"event": purchase(100)}).to_string();
    server.post(&format!("/campaigns/{id}/test"), now.clone()).await.expect(200);
    server.post("/campaigns/7777/test", now).await.problem(404);
    let wrong = json!({"event": purchase(100), "at": "noon"}).to_string();
    server.post(&format!("/campaigns/{id}/test"), wrong).await.problem(422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_event_says_why_it_did_or_did_not_trigger_a_campaign() {
    let server = TestServer::start().await;
    let id = create(&server, json!({"status": "active"})).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    let send = async |event_id: &str, amount: i32| {
        let mut event = purchase(amount);
        event["event_id"] = json!(event_id);
        server.post("/events", event.to_string()).await.expect(202);
    };
    send("much", 100).await;
    send("little", 80).await;
    until_rows(&server.stores, "events", 2).await;
    // What is valid later does not count.
    server.post(&format!("/campaigns/{id}/pause"), "").await.expect(200);
    send("late", 100).await;
    until_rows(&server.stores, "events", 3).await;
    let explain = async |event_id: &str, query: String| {
        server.get(&format!("/events/{event_id}/explain?{query}")).await
    };

    let much = explain("much", format!("campaign_id={id}")).await.expect(200);
    let little = explain("little", format!("campaign_id={id}&user_id=u")).await.expect(200);
    let late = explain("late", format!("campaign_id={id}")).await.expect(200);

    assert_eq!(
        (&much["triggered"], &much["triggered_version"], &much["version"]),
        (&json!(true), &json!(1), &json!(1))
    );
    assert_eq!(
        (&much["would_trigger"], &much["matches"], &much["note"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    assert_eq!((&much["status"], &much["starts_at"]), (&json!("active"), &Value::Null));
    assert_eq!((&little["triggered"], &little["triggered_version"]), (&json!(false), &Value::Null));
    assert!(little["sentence"].as_str().unwrap().contains("`properties.amount` is 80"), "{little}");
    assert_eq!(little["note"], Value::Null);
    assert_eq!((&late["version"], &late["status"]), (&json!(2), &json!("paused")));
    assert!(late["sentence"].as_str().unwrap().contains("it is paused"), "{late}");
    // The worker may not have heard of the pause yet, and then the answer says so.
    assert_eq!(late["triggered"] == json!(true), late["note"] != Value::Null, "{late}");

    for query in ["", "campaign_id=seven", "user_id=u"] {
        assert!(explain("much", query.to_owned()).await.problem(400).starts_with("campaign_id: "));
    }
    assert!(explain("much", "campaign_id=7777".to_owned()).await.problem(404).contains("campaign"));
    assert!(explain("none", format!("campaign_id={id}")).await.problem(404).contains("event"));
    assert!(explain("much", format!("campaign_id={id}&user_id=v")).await.problem(404).contains("\"v\""));
    server.get("/events/much?user_id=u").await.expect(200);
    server.get("/events/much?user_id=v").await.problem(404);
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_from_before_a_campaign_says_so_and_what_was_recorded_comes_first() {
    let server = TestServer::start().await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    let mut event = purchase(100);
    event["event_id"] = json!("e");
    server.post("/events", event.to_string()).await.expect(202);
    until_rows(&server.stores, "events", 1).await;
    let id = create(&server, json!({"status": "active"})).await;
    let explain = async || server.get(&format!("/events/e/explain?campaign_id={id}")).await.expect(200);

    let before = explain().await;
    assert_eq!(
        (&before["triggered"], &before["version"], &before["note"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    assert!(before["sentence"].as_str().unwrap().contains("created only after"), "{before}");
    assert_eq!((&before["matches"], &before["explanation"]), (&Value::Null, &Value::Null));

    let record = "insert into triggers (campaign_id, campaign_version, event_id, user_id, received_at)
        select 1, 1, event_id, user_id, received_at from events";
    server.stores.postgres().await.batch_execute(record).await.unwrap();
    let recorded = explain().await;
    assert_eq!((&recorded["triggered"], &recorded["triggered_version"]), (&json!(true), &json!(1)));
    assert!(recorded["note"].as_str().unwrap().contains("version 1 was triggered"), "{recorded}");
    worker.drain(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_begins_and_ends_to_match_at_its_times_without_being_changed() {
    let server = TestServer::start().await;
    let (start, end) = {
        let now = Timestamp::now();
        (now + SignedDuration::from_secs(1), now + SignedDuration::from_secs(2))
    };
    let time = json!({"status": "active", "starts_at": start.to_string(), "ends_at": end.to_string()});
    let id = create(&server, time).await;
    let worker = start_worker(&server.stores, &Settings::with(&[])).await;
    let postgres = server.stores.postgres().await;
    let ended = format!("select count(*) from events where received_at >= timestamptz '{end}'");

    until("events from after the end", DEADLINE, async || {
        server.post("/events", purchase(100).to_string()).await.expect(202);
        postgres.query_one(&ended, &[]).await.unwrap().get::<_, i64>(0) > 3
    })
    .await;

    let wrong = format!(
        "select count(*) filter (where in_time), count(*) filter (where in_time <> ({id} = any(campaign_ids)))
        from (select *, received_at >= timestamptz '{start}' and received_at < timestamptz '{end}' as in_time from events) e"
    );
    let row = postgres.query_one(&wrong, &[]).await.unwrap();
    let (in_time, wrong): (i64, i64) = (row.get(0), row.get(1));
    assert!(in_time > 3, "{in_time}");
    assert_eq!(wrong, 0, "events that triggered it out of its time, or did not within it");
    assert_eq!(server.get(&format!("/campaigns/{id}")).await.expect(200)["version"], 1);
    worker.drain(Duration::from_secs(20)).await.unwrap();
}
