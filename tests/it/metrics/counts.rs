//! The metrics of a load that is known exactly.

use serde_json::{Value, json};

use super::{DEADLINE, Exposition, Up, folder, scrape, until};

const EVENTS: usize = 1_000;
const BODY: usize = 100;

/// Every second event triggers the campaign.
fn event(number: usize) -> Value {
    let amount = if number.is_multiple_of(2) { 200 } else { 1 };
    json!({"event_id": format!("e{number}"), "event_type": "purchase", "user_id": format!("u{}", number % 37),
        "properties": {"amount": amount}})
}

fn body(numbers: impl Iterator<Item = usize>) -> String {
    numbers.flat_map(|number| [event(number).to_string(), "\n".to_owned()]).collect()
}

async fn post(up: &Up, route: &str, media_type: &str, body: String) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request =
        client.post(format!("http://{}{route}", up.env["HTTP_ADDR"])).header("content-type", media_type);
    request.body(body).send().await.unwrap().status().as_u16()
}

/// Sends 1,000 events, the first 100 of them again, and 3 that are refused.
async fn send(up: &Up) {
    for first in (0..EVENTS).step_by(BODY) {
        assert_eq!(post(up, "/events", "application/x-ndjson", body(first..first + BODY)).await, 202);
    }
    assert_eq!(post(up, "/events", "application/x-ndjson", body(0..BODY)).await, 202);
    let refused = json!([{"event_type": "purchase"}, {"user_id": "u"}, {"event_type": 1, "user_id": "u"}]);
    assert_eq!(post(up, "/events", "application/json", refused.to_string()).await, 422);
}

#[track_caller]
fn assert_all(shown: &Exposition, expected: &[(&str, f64)]) {
    for (series, value) in expected {
        assert_eq!(shown.get(series), *value, "{series}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_counted_once_where_it_comes_by() {
    let data = folder();
    let up = Up::start(data.path(), &[]).await;
    let admin = &up.env["ADMIN_ADDR"];
    let rules = json!({"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 100]}]}});
    let campaign = json!({"name": "c", "status": "active", "rules": rules});
    assert_eq!(post(&up, "/campaigns", "application/json", campaign.to_string()).await, 201);
    let is_loaded = async || scrape(admin).await.get("catalog_campaigns") == 1.0;
    until("the campaign", DEADLINE, is_loaded).await;

    send(&up).await;
    until("every frame acknowledged, and the queue looked at", DEADLINE, async || {
        let shown = scrape(admin).await;
        let acknowledged = shown.get("stage_events_total{stage=\"ack\"}");
        acknowledged == 1_100.0
            && shown.get("queue_events") == 0.0
            && shown.get("queue_oldest_seconds") == 0.0
    })
    .await;

    let shown = scrape(admin).await;
    assert_all(
        &shown,
        &[
            ("ingest_events_total{result=\"accepted\"}", 1_100.0),
            ("ingest_events_total{result=\"rejected\"}", 3.0),
            ("ingest_events_total{result=\"unavailable\"}", 0.0),
            ("http_requests_total{class=\"2xx\"}", 12.0),
            ("http_requests_total{class=\"4xx\"}", 1.0),
            ("http_requests_total{class=\"5xx\"}", 0.0),
            ("http_request_seconds_count", 13.0),
            ("http_requests_in_flight", 0.0),
            ("ingest_frame_events_sum", 1_100.0),
            ("ingest_buffer_bytes", 0.0),
            ("ingest_buffer_events", 0.0),
            ("ingest_open", 1.0),
            ("claims_total{result=\"new\"}", 1_000.0),
            ("claims_total{result=\"taken\"}", 100.0),
            ("events_total{outcome=\"stored\"}", 1_000.0),
            ("events_total{outcome=\"duplicate\"}", 100.0),
            ("events_total{outcome=\"dead_lettered\"}", 0.0),
            ("triggers_total", 500.0),
            ("match_triggers_per_event_count", 1_000.0),
            ("match_triggers_per_event_sum", 500.0),
            ("catalog_predicates", 2.0),
            ("frames_redelivered_total", 0.0),
            // Nothing was lost: there had never been any claims.
            ("claim_restorations_total{cause=\"lost\"}", 0.0),
            ("claim_restorations_total{cause=\"restarted\"}", 0.0),
            ("claim_restoration_seconds_count", 0.0),
        ],
    );
    for stage in ["fetch", "dedupe", "match", "store", "ack"] {
        let of = |name: &str| shown.get(&format!("{name}{{stage=\"{stage}\"}}"));
        assert_eq!(of("stage_events_total"), 1_100.0, "{stage}");
        assert_eq!(of("stage_batch_events_sum"), 1_100.0, "{stage}");
        assert_eq!(of("stage_batch_events_count"), of("stage_batches_total"), "{stage}");
        assert_eq!(of("stage_waiting_batches"), 0.0, "{stage}");
    }
    let frames = shown.get("ingest_frames_total");
    for series in ["frames_acknowledged_total", "event_age_seconds_count", "ingest_frame_bytes_count"] {
        assert_eq!(shown.get(series), frames, "{series}");
    }
    // A frame has a header beside the bytes of its events.
    assert!(shown.get("ingest_bytes_total") < shown.get("ingest_frame_bytes_sum"));
    assert!(shown.get("match_candidates_total") >= 500.0 && shown.get("catalog_bytes") > 0.0);
    assert_round_trips(&shown);
}

fn assert_round_trips(shown: &Exposition) {
    let batches = |stage| shown.get(&format!("stage_batches_total{{stage=\"{stage}\"}}"));
    let of = |server: &str, operation: &str| {
        assert_eq!(
            shown.get(&format!("{server}_failures_total{{operation=\"{operation}\"}}")),
            0.0,
            "{operation}"
        );
        shown.get(&format!("{server}_round_trip_seconds_count{{operation=\"{operation}\"}}"))
    };
    assert_eq!(of("postgres", "store"), batches("store"));
    assert_eq!(of("postgres", "receipts"), batches("dedupe"));
    assert_eq!(of("redis", "claim"), batches("dedupe"));
    assert_eq!(of("redis", "acknowledge"), batches("ack"));
    assert!(of("redis", "append") >= 11.0 && of("redis", "read") >= batches("fetch"));
    assert_eq!(of("postgres", "write"), 1.0, "the campaign");
    assert!(of("redis", "look") >= 1.0 && of("postgres", "campaigns") >= 1.0);
}
