//! CloudEvents: structured, batched and in binary mode.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestServer};

const ONE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";

fn cloud_event(id: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/shop/eu", "type": "com.shop.purchase", "subject": "u-42",
           "time": "2026-11-23T05:00:00Z", "datacontenttype": "application/json",
           "traceparent": "00-ab-cd-01", "data": {"amount": 129.99}})
}

async fn post(server: &TestServer, headers: &[(&str, &str)], body: impl ToString) -> Reply {
    let request = server.request(Method::POST, "/events").body(body.to_string());
    Reply::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn payloads(server: &TestServer) -> Vec<Value> {
    let queued = server.queued().await;
    queued.iter().map(|event| serde_json::from_str(&event.payload).unwrap()).collect()
}

fn stored() -> Value {
    json!({
        "event_id": "/shop/eu 17", "event_type": "com.shop.purchase", "user_id": "u-42",
        "timestamp": "2026-11-23T05:00:00Z", "properties": {"amount": 129.99},
        "context": {"source": "/shop/eu", "id": "17", "datacontenttype": "application/json",
                    "traceparent": "00-ab-cd-01"},
    })
}

#[tokio::test]
async fn a_structured_event_becomes_an_event() {
    let server = TestServer::start().await;
    let reply = post(&server, &[("content-type", ONE)], cloud_event("17")).await;
    assert_eq!(reply.expect(202), json!({"accepted": 1, "event_ids": ["/shop/eu 17"]}));
    assert_eq!(payloads(&server).await, [stored()]);
}

#[tokio::test]
async fn an_event_in_binary_mode_becomes_the_same() {
    let server = TestServer::start().await;
    let headers = [
        ("content-type", "application/json"),
        ("CE-SpecVersion", "1.0"),
        ("ce-id", "17"),
        ("ce-source", "/shop/eu"),
        ("ce-type", "com.shop.purchase"),
        ("ce-subject", "u%2D42"),
        ("ce-time", "\"2026-11-23T05:00:00Z\""),
        ("ce-traceparent", "00-ab-cd-01"),
    ];
    post(&server, &headers, r#"{"amount": 129.99}"#).await.expect(202);
    assert_eq!(payloads(&server).await, [stored()]);

    let attributes = &headers[1..];
    post(&server, attributes, "").await.expect(202);
    post(&server, attributes, "{").await.problem(400);
    let smuggled = post(&server, attributes, r#"{}, "subject": "u-1""#).await;
    assert!(smuggled.problem(400).contains("not valid JSON"));
    let reply = post(&server, attributes, r#""text""#).await;
    assert_eq!(reply.problem(422), "data must be an object, not a string");
    let text = [&[("content-type", "text/plain")], attributes].concat();
    post(&server, &text, "{}").await.problem(415);
    let twice = [&headers[..], &[("ce-subject", "u-43")]].concat();
    assert_eq!(post(&server, &twice, "{}").await.problem(422), "subject is given twice");
    let not_utf8 = [&headers[..], &[("ce-note", "%C0%A0")]].concat();
    assert!(post(&server, &not_utf8, "{}").await.problem(422).contains("note is not UTF-8"));
    assert_eq!(server.queued().await.len(), 2);
}

#[tokio::test]
async fn of_a_batch_the_good_events_are_accepted_and_the_others_named_in_their_own_words() {
    let server = TestServer::start().await;
    let mut events: Vec<Value> = ["17", "18", "19", "20"].map(cloud_event).into();
    events[0].as_object_mut().unwrap().remove("subject");
    events[1]["specversion"] = json!("0.3");
    events[2]["data"] = json!([1]);
    let reply = post(&server, &[("content-type", BATCH)], json!(events)).await;
    assert_eq!(
        reply.expect(207),
        json!({"accepted": 1, "event_ids": ["/shop/eu 20"], "rejected": [
            {"index": 0, "event_id": "/shop/eu 17", "pointer": "/subject", "detail": "subject is required"},
            {"index": 1, "event_id": "/shop/eu 18", "pointer": "/specversion",
             "detail": "specversion is \"0.3\"; \"1.0\" is what is read here"},
            {"index": 2, "event_id": "/shop/eu 19", "pointer": "/data",
             "detail": "data must be an object, not an array"},
        ]})
    );
    assert_eq!(server.queued().await.len(), 1);
    let empty = post(&server, &[("content-type", BATCH)], " [ ]").await;
    assert_eq!(empty.expect(202), json!({"accepted": 0, "event_ids": []}));
    let one = post(&server, &[("content-type", BATCH)], cloud_event("1")).await;
    assert!(one.problem(422).contains("array"), "{}", one.text);
    post(&server, &[("content-type", BATCH)], "[{]").await.problem(400);
}

#[tokio::test]
async fn the_same_event_from_two_modes_is_one_event_and_from_two_sources_two() {
    let server = TestServer::start().await;
    let mut elsewhere = cloud_event("17");
    elsewhere["source"] = json!("/shop/us");
    post(&server, &[("content-type", ONE)], cloud_event("17")).await.expect(202);
    post(&server, &[("content-type", BATCH)], json!([cloud_event("17"), elsewhere])).await.expect(202);
    let ids: Vec<_> = server.queued().await.into_iter().map(|event| event.event_id).collect();
    assert_eq!(ids, ["/shop/eu 17", "/shop/eu 17", "/shop/us 17"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_in_headers_without_its_version_is_told_what_is_missing() {
    let server = TestServer::start().await;
    let request = server.posting("/events", r#"{"amount": 1}"#).header("ce-type", "t").header("ce-id", "1");
    assert_eq!(Reply::of(request).await.problem(422), "specversion is required");
}

#[tokio::test]
async fn an_attribute_that_is_given_twice_is_refused_with_the_events_id() {
    let server = TestServer::start().await;
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "17"),
        ("ce-source", "/shop/eu"),
        ("ce-type", "t"),
        ("ce-subject", "u"),
        ("ce-tier", "gold"),
    ];
    let with = async |header| post(&server, &[&headers[..], &[header]].concat(), "{}").await;
    for (header, pointer) in
        [(("ce-tier", "silver"), "/tier"), (("ce-datacontenttype", "text/json"), "/datacontenttype")]
    {
        let reply = with(header).await;
        reply.problem(422);
        let fault = &reply.json()["errors"][0];
        assert_eq!((&fault["event_id"], &fault["pointer"]), (&json!("/shop/eu 17"), &json!(pointer)));
    }
    with(("ce-datacontenttype", "application/json")).await.expect(202);

    let twice = cloud_event("18").to_string().replacen("\"traceparent\"", "\"tier\":1,\"tier\"", 1);
    assert_eq!(post(&server, &[("content-type", ONE)], twice).await.problem(422), "\"tier\" is given twice");
    let stored = payloads(&server).await;
    assert_eq!(stored[0]["context"]["datacontenttype"], "application/json");
    assert_eq!(stored.len(), 1);
}

#[tokio::test]
async fn a_source_with_an_escape_gives_one_id_in_both_modes() {
    let server = TestServer::start().await;
    let mut structured = cloud_event("17");
    structured["source"] = json!("/a%2Fb");
    post(&server, &[("content-type", ONE)], structured).await.expect(202);
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "17"),
        ("ce-source", "/a%2Fb"),
        ("ce-type", "t"),
        ("ce-subject", "u"),
    ];
    post(&server, &headers, "{}").await.expect(202);
    let half = post(&server, &headers, "{\n \"a\": \"\\ud800\"}").await;
    assert!(half.problem(422).ends_with("line 2 column 7"), "{}", half.text);
    let ids: Vec<_> = server.queued().await.into_iter().map(|event| event.event_id).collect();
    assert_eq!(ids, ["/a%2Fb 17", "/a%2Fb 17"]);
}
