//! `POST /events`: what is accepted is in the queue, what is refused says why.

use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::store::keys::Scope;
use reqwest::Method;
use serde_json::json;

use crate::support::{Reply, TestServer, until};

const SOON: Duration = Duration::from_secs(10);

/// An event that needs nothing added.
fn event(id: &str) -> String {
    format!(
        r#"{{"event_id":"{id}", "event_type":"purchase","user_id":"u-{id}","timestamp":"2026-11-23T05:00:00Z","properties":{{"amount":1.50e2}}}}"#
    )
}

/// Whether the payloads in the queue are these, byte for byte.
async fn assert_queued(server: &TestServer, expected: &[&str]) {
    let queued = server.queued().await;
    assert_eq!(queued.iter().map(|event| event.payload.as_str()).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_object_an_array_and_lines_are_accepted_and_queued_byte_for_byte() {
    let server = TestServer::start().await;
    let events = ["a", "b", "c", "d", "e"].map(event);

    let one = server.post("/events", format!("\n{} ", events[0])).await;
    let array = server.post("/events", format!("[{},\n {}]", events[1], events[2])).await;
    let lines = server.post_lines(format!("{}\r\n\n{}", events[3], events[4])).await;

    assert_eq!(one.expect(202), json!({"accepted": 1, "event_ids": ["a"]}));
    assert_eq!(array.expect(202), json!({"accepted": 2, "event_ids": ["b", "c"]}));
    assert_eq!(lines.expect(202), json!({"accepted": 2, "event_ids": ["d", "e"]}));
    assert_queued(&server, &events.each_ref().map(String::as_str)).await;
    let queued = server.queued().await;
    assert_eq!((&*queued[0].event_id, &*queued[0].event_type, &*queued[0].user_id), ("a", "purchase", "u-a"));
}

#[tokio::test]
async fn an_event_without_id_and_time_is_given_both() {
    let server = TestServer::start().await;
    let body = server.post("/events", r#"{"event_type":"login","user_id":"u"}"#).await.expect(202);

    let [queued] = &server.queued().await[..] else { panic!("one event") };
    assert_eq!(body["event_ids"], json!([queued.event_id]));
    let payload: serde_json::Value = serde_json::from_str(&queued.payload).unwrap();
    assert_eq!(payload["event_id"], queued.event_id);
    assert!(payload["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(queued.payload.ends_with(r#","event_type":"login","user_id":"u"}"#));
}

#[tokio::test]
async fn of_a_mixed_body_the_good_events_are_accepted_and_the_others_named() {
    let server = TestServer::start().await;
    let good = event("good");
    let reply = server
        .post_lines(format!("{{\"event_id\":\"bad\",\"user_id\":\"u\"}}\n{good}\nnot json\n[]\n{{\"x\":1}}"))
        .await;

    let body = reply.expect(207);
    assert_eq!((&body["accepted"], &body["event_ids"]), (&json!(1), &json!(["good"])));
    let rejected: Vec<_> = body["rejected"].as_array().unwrap().iter().collect();
    assert_eq!(
        rejected.iter().map(|item| (&item["index"], &item["pointer"])).collect::<Vec<_>>(),
        [
            (&json!(0), &json!("/event_type")),
            (&json!(2), &json!("")),
            (&json!(3), &json!("")),
            (&json!(4), &json!("/x"))
        ]
    );
    assert_eq!(rejected[0]["event_id"], "bad");
    assert_queued(&server, &[&good]).await;
}

#[tokio::test]
async fn an_element_that_is_no_event_is_refused_alone() {
    let server = TestServer::start().await;
    let good = event("good");
    let body = server.post("/events", format!(r#"[7, {good}, null, "x", []]"#)).await.expect(207);

    let refused: Vec<_> = body["rejected"].as_array().unwrap().iter().map(|item| &item["index"]).collect();
    assert_eq!(refused, [0, 2, 3, 4]);
    assert_queued(&server, &[&good]).await;
}

#[tokio::test]
async fn a_body_of_which_nothing_is_acceptable_is_refused_with_each_reason() {
    let server = TestServer::start().await;
    let reply = server.post("/events", r#"[{"user_id":"u"},{"event_type":"a"}]"#).await;

    assert!(reply.problem(422).contains("none of the 2 events"));
    assert_eq!(
        reply.json()["errors"],
        json!([
            {"index": 0, "pointer": "/event_type", "detail": "event_type is required"},
            {"index": 1, "pointer": "/user_id", "detail": "user_id is required"},
        ])
    );
    let empty = server.post("/events", " [\n]").await;
    assert_eq!(
        empty.expect(202),
        json!({"accepted": 0, "event_ids": []}),
        "nothing is missing of an empty batch"
    );
    assert_eq!(server.post_lines("\n\n").await.problem(422), "the body holds no event");
    assert_queued(&server, &[]).await;
}

#[tokio::test]
async fn a_value_that_cannot_be_kept_is_refused_alone_with_its_place_in_the_body() {
    let server = TestServer::start().await;
    let good = event("good");
    let bad = |id: &str, value: &str| {
        format!(
            "{{\"event_id\":\"{id}\",\"event_type\":\"a\",\"user_id\":\"u\",\n \"properties\":{{\"v\":{value}}}}}"
        )
    };
    let values = [("half", r#""\ud83d""#), ("huge", "1e400"), ("nul", r#""\u0000""#), ("tiny", "1e-20000")];
    let [half, huge, nul, tiny] = values.map(|(id, value)| bad(id, value));
    let body = format!("[{good},\n  {half},\n{huge}, {nul},\n\n{tiny}]");
    let refused = server.post("/events", body).await.expect(207);
    let told: Vec<_> = refused["rejected"].as_array().unwrap().iter().collect();
    let places = ["line 3 column 20", "line 5 column 20", "line 6 column 20", "line 9 column 20"];
    assert_eq!(told.len(), places.len());
    for (index, (fault, place)) in told.iter().zip(places).enumerate() {
        assert_eq!(
            (&fault["index"], &fault["pointer"]),
            (&json!(index + 1), &json!("/properties/v")),
            "{fault}"
        );
        assert!(fault["detail"].as_str().unwrap().ends_with(place), "{fault} should be at {place}");
        assert!(fault["event_id"].is_string(), "{fault}");
    }
    assert_queued(&server, &[&good]).await;

    let alone = server.post("/events", half).await;
    assert!(alone.problem(422).contains("surrogate"), "{}", alone.text);
    assert_eq!(alone.json()["errors"][0]["pointer"], "/properties/v");
}

#[tokio::test]
async fn what_is_not_json_is_placed_in_the_body() {
    let server = TestServer::start().await;
    let good = event("good");
    let column = good.len() + 1;
    for (body, index, place) in [
        (format!("[{good},\n {{\"a\": tru}}]"), 1, "line 2 column 11".to_owned()),
        (format!("\n[{good}"), 0, format!("line 2 column {}", column + 1)),
        (format!("[{good},{good}\n;]"), 1, "line 2 column 1".to_owned()),
    ] {
        let reply = server.post("/events", body).await;
        let detail = reply.problem(400);
        assert!(detail.ends_with(&place), "{detail} should be at {place}");
        assert_eq!(reply.json()["errors"][0]["index"], index, "{}", reply.text);
    }
    let lines = server.post_lines(format!("\n{good}\n\n  {{\"a\":tru}}\n{{}}\n")).await.expect(207);
    let told = lines["rejected"].as_array().unwrap();
    assert_eq!(told.iter().map(|fault| &fault["line"]).collect::<Vec<_>>(), [4, 5]);
    assert!(told[0]["detail"].as_str().unwrap().ends_with("line 4 column 11"), "{lines}");
}

#[tokio::test]
async fn a_short_body_never_calls_for_a_long_answer() {
    let server = TestServer::start().await;
    let many = format!("[{}{}]", "{},".repeat(9_999), event("good"));
    let reply = server.post("/events", many.clone()).await;
    let body = reply.expect(207);
    let (described, others) =
        (body["rejected"].as_array().unwrap(), body["more_rejected"].as_array().unwrap());
    assert_eq!((described.len(), others.len()), (100, 9_899));
    assert_eq!((&others[0], &others[9_898]), (&json!(100), &json!(9_998)));
    assert!(reply.text.len() < 3 * many.len(), "{} for {}", reply.text.len(), many.len());

    let refused = server.post_lines("{}\n".repeat(10_000)).await;
    assert!(refused.problem(422).contains("none of the 10000 events"), "{}", refused.text);
    assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 100);
    assert_eq!(refused.json()["more_errors"], 9_900);
    assert!(refused.text.len() < 30_000);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_whole() {
    let server = TestServer::start().await;
    let good = event("good");
    for body in ["", "{", "nul", &format!("[{good},{{]"), &format!("[{good}"), &format!("[{good}] 1"), "[1,]"]
    {
        assert!(server.post("/events", body).await.problem(400).contains("not valid JSON"), "{body}");
    }
    assert_queued(&server, &[]).await;
}

#[tokio::test]
async fn a_body_or_an_event_over_a_limit_is_refused_with_the_limit() {
    let server =
        TestServer::with(&["--max-body=2000B", "--max-events=2", "--max-event-bytes=200", "--max-depth=3"])
            .await;
    let long = format!("[{}]", " ".repeat(2000));
    let deep = r#"{"event_type":"a","user_id":"u","properties":{"a":{"b":{}}}}"#;
    let wide = format!(r#"{{"event_type":"a","user_id":"u","properties":{{"a":"{}"}}}}"#, "x".repeat(200));

    assert!(server.post("/events", long).await.problem(413).contains("2000 bytes"));
    let three = server.post_lines(format!("{{}}\n{{}}\n{}", event("good"))).await;
    assert!(three.problem(413).contains("2 events"));
    assert!(server.post("/events", deep).await.problem(422).contains("3 levels"));
    assert!(server.post("/events", wide).await.problem(422).contains("200"));
    assert_queued(&server, &[]).await;
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_with_the_types_there_are() {
    let server = TestServer::start().await;
    let post = |headers: &[(&str, &str)]| {
        let request = server.request(Method::POST, "/events").body(event("a"));
        Reply::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    };
    for headers in [&[][..], &[("content-type", "application/x-www-form-urlencoded")]] {
        post(headers).await.problem(415);
    }
    assert_eq!(
        post(&[]).await.json()["allowed"],
        json!([
            "application/json",
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/cloudevents+json",
            "application/cloudevents-batch+json"
        ])
    );
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/x-ndjson",
        "application/ndjson; charset=us-ascii",
        "application/jsonl",
    ] {
        post(&[("content-type", kind)]).await.expect(202);
    }
    let latin = post(&[("content-type", "application/json; charset=latin1")]).await;
    assert!(latin.problem(415).contains("the charset \"latin1\"; send UTF-8"), "{}", latin.text);

    let server = TestServer::with(&["--auth=keys"]).await;
    let key = super::key(&server, Scope::Ingest).await;
    for (path, types) in [("/events", 7), ("/v1/batch", 2)] {
        let request = server.request(Method::POST, path).header("content-type", "text/html").body("x");
        let told = Reply::of(request.bearer_auth(key.expose())).await.expect(415);
        let told = told["allowed"].as_array().unwrap();
        assert_eq!((told.len(), told.last()), (types, Some(&json!("text/plain"))), "with a key");
    }
}

#[tokio::test]
async fn while_redis_is_down_events_are_refused_and_accepted_again_after() {
    let mut server = TestServer::start().await;
    server.post("/events", event("before")).await.expect(202);

    server.stores.servers.redis.kill().await;
    let refused = server.post("/events", event("meanwhile")).await;
    assert!(refused.problem(503).contains("always safe"));
    assert_eq!(refused.header("retry-after"), "1");

    server.stores.servers.redis.start().await.unwrap();
    until("events are accepted again", SOON, async || {
        server.post("/events", event("after")).await.status.as_u16() == 202
    })
    .await;
}

#[tokio::test]
async fn what_finds_no_room_in_the_buffer_in_time_is_refused_and_the_rest_is_kept() {
    let server = TestServer::with(&["--buffer=1B", "--buffer-patience=100ms"]).await;
    let mut redis = server.stores.redis().await;
    let () =
        redis::cmd("CLIENT").arg("PAUSE").arg(60_000).arg("WRITE").query_async(&mut redis).await.unwrap();

    let first = tokio::spawn(Reply::of(server.posting("/events", event("first"))));
    until("the first event waits for Redis", SOON, async || server.accumulator.held_bytes() > 0).await;
    let second = server.post_lines(format!("{}\n{}", event("second"), event("third"))).await;
    assert!(second.problem(503).contains("too many events"));
    assert_eq!(second.header("retry-after"), "1");

    let () = redis::cmd("CLIENT").arg("UNPAUSE").query_async(&mut redis).await.unwrap();
    first.await.unwrap().expect(202);
    assert_queued(&server, &[&event("first")]).await;
}
