//! A thousand events of each client become a thousand rows, which hold what the client said.

use serde_json::{Value, json};

use crate::scene::{Scene, installed};
use crate::support::{DEADLINE, until, until_rows};

const EVENTS: i64 = 1000;

/// Waits until all the events are stored, each once and each of another user; how many there are of each type.
async fn stored(scene: &Scene) -> Value {
    until_rows(&scene.stores, "events", EVENTS).await;
    let postgres = scene.stores.postgres().await;
    let distinct = "select count(distinct event_id), count(distinct user_id) from events";
    let distinct = postgres.query_one(distinct, &[]).await.unwrap();
    assert_eq!((distinct.get(0), distinct.get(1)), (EVENTS, EVENTS));
    let types =
        postgres.query("select event_type, count(*) from events group by event_type", &[]).await.unwrap();
    types
        .iter()
        .map(|row| (row.get(0), json!(row.get::<_, i64>(1))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The document of the only event of the user with this number, as the API tells it.
async fn event(scene: &Scene, number: u32) -> Value {
    let found = scene.get(&format!("/events?user_id=u-{number}")).await;
    assert_eq!(found["events"].as_array().map(Vec::len), Some(1), "{found}");
    found["events"][0]["event"].clone()
}

/// Looks at an event of each of the six calls of Segment.
async fn assert_is_what_segment_said(scene: &Scene) {
    let types = json!({"Order Completed": 167, "identify": 167, "page": 167, "screen": 167, "group": 166, "alias": 166});
    assert_eq!(stored(scene).await, types);
    for (number, event_type, said) in [
        (996, "Order Completed", json!({"order": 996, "currency": "EUR"})),
        (997, "identify", json!({"order": 997, "plan": "pro"})),
        (998, "page", json!({"order": 998})),
        (999, "screen", json!({"order": 999})),
        (994, "group", json!({"order": 994})),
    ] {
        let event = event(scene, number).await;
        assert_eq!(event["event_type"], event_type);
        for (name, value) in said.as_object().unwrap() {
            assert_eq!(&event["properties"][name], value, "{event}");
        }
        assert!(event["context"]["library"]["name"].is_string(), "{event}");
    }
    for (number, name, said) in
        [(995, "previousId", "before-995"), (998, "name", "Home"), (994, "groupId", "shop")]
    {
        let event = event(scene, number).await;
        assert_eq!(event["context"]["segment"][name], said, "{event}");
    }
}

/// Looks at events of each mode of CloudEvents.
async fn assert_are_the_purchases(scene: &Scene, event_type: &str) {
    assert_eq!(stored(scene).await, json!({event_type: EVENTS}));
    for number in [0, 1, 300, 599, 600, 999] {
        let event = event(scene, number).await;
        assert_eq!(event["event_type"], event_type);
        assert_eq!(event["properties"], json!({"order": number, "currency": "EUR"}));
    }
}

#[tokio::test]
async fn the_segment_sdk_for_python_needs_only_another_host() {
    let scene = Scene::start().await;
    scene.run(installed("venv/bin/python"), "segment_sdk.py", &[]).await;
    assert_is_what_segment_said(&scene).await;
}

#[tokio::test]
async fn the_segment_sdk_for_python_may_compress() {
    let scene = Scene::start().await;
    scene.run(installed("venv/bin/python"), "segment_sdk.py", &["gzip"]).await;
    assert_is_what_segment_said(&scene).await;
}

#[tokio::test]
async fn the_segment_sdk_for_node_needs_only_another_host() {
    let scene = Scene::start().await;
    scene.run(installed("node"), "segment_sdk.js", &[]).await;
    assert_is_what_segment_said(&scene).await;
}

#[tokio::test]
async fn what_the_cloudevents_sdk_for_python_makes_is_taken() {
    let scene = Scene::start().await;
    scene.run(installed("venv/bin/python"), "cloudevents_sdk.py", &[]).await;
    assert_are_the_purchases(&scene, "com.example.purchase").await;
}

#[tokio::test]
async fn what_the_cloudevents_sdk_for_javascript_makes_is_taken() {
    let scene = Scene::start().await;
    scene.run(installed("node"), "cloudevents_sdk.js", &[]).await;
    assert_are_the_purchases(&scene, "com.example.purchase").await;
}

#[tokio::test]
async fn curl_sends_every_form_of_body_twice_and_each_event_is_stored_once() {
    let scene = Scene::start().await;
    scene.run("sh", "curl.sh", &[]).await;
    until("the outcome of everything that was sent", DEADLINE, async || {
        let ledger = scene.get("/ledger").await;
        // two days, where midnight is amid it
        let days = ledger["days"].as_array().unwrap();
        let sum = |what: &str| days.iter().filter_map(|day| day[what].as_i64()).sum::<i64>();
        (sum("accepted"), sum("stored"), sum("duplicate")) == (2 * EVENTS, EVENTS, EVENTS)
    })
    .await;
    assert_are_the_purchases(&scene, "purchase").await;
}
