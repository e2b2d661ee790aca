//! The metrics of requests that are refused for now, mostly before their events are read: each is counted, by reason.

use bb8_redis::redis::cmd;
use serde_json::json;

use super::{DEADLINE, Exposition, Running, TestStores, Urls, admin, scrape, until};

fn refused(shown: &Exposition, reason: &str) -> f64 {
    shown.get(&format!("ingest_refused_requests_total{{reason=\"{reason}\"}}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_that_the_closed_gate_refuses_is_counted_by_its_reason() {
    let stores = TestStores::start().await;
    let (mut serve, addr) = Running::serve(&Urls::of(&stores), &["--queue-budget=1MiB"], "").await;
    let admin = admin(&mut serve, "serving").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let large = json!({"event_type": "t", "user_id": "u", "properties": {"text": "x".repeat(50_000)}});
    let status = async || {
        let request = client.post(format!("http://{addr}/events")).json(&large);
        request.send().await.unwrap().status().as_u16()
    };
    let mut sent = 0;
    while status().await == 202 {
        sent += 1;
        assert!(sent < 100, "never refused");
    }
    assert_eq!([status().await, status().await], [429, 429]);
    let shown = scrape(&admin).await;
    assert_eq!(refused(&shown, "overloaded"), 3.0);
    assert_eq!(shown.get("ingest_events_total{result=\"unavailable\"}"), 0.0, "they were not read");

    let mut policy = cmd("CONFIG");
    policy.arg("SET").arg("maxmemory-policy").arg("allkeys-lru");
    policy.exec_async(&mut stores.redis().await).await.unwrap();
    let mut overloaded = 3.0;
    until("a refusal for the policy", DEADLINE, async || {
        let status = status().await;
        overloaded += f64::from(u8::from(status == 429));
        status == 503
    })
    .await;
    let shown = scrape(&admin).await;
    assert_eq!((refused(&shown, "overloaded"), refused(&shown, "unusable")), (overloaded, 1.0));
    for reason in ["buffer_full", "unavailable", "shutting_down"] {
        assert_eq!(refused(&shown, reason), 0.0, "{reason}");
    }
}
