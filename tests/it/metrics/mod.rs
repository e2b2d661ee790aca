//! What the metrics tell: all that the catalogue lists and nothing else, exactly what happened, and who waits for whom.

#![expect(clippy::float_cmp, reason = "what is counted is a whole number")]

mod counts;
mod failures;
mod refusals;
mod waits;

use std::collections::BTreeSet;

use campaign_manager::ops::metrics::{CATALOGUE, Kind, Metric, Part, series};

use crate::support::{DEADLINE, Exposition, Running, TestStores, Up, Urls, folder, scrape, until};

/// The series that processes with these parts show; a histogram's by its count.
fn catalogued(parts: &[Part]) -> BTreeSet<String> {
    let shown = CATALOGUE.iter().filter(|metric| metric.part == Part::Any || parts.contains(&metric.part));
    shown.flat_map(names).collect()
}

fn names(metric: &Metric) -> impl Iterator<Item = String> {
    let count = if metric.kind == Kind::Histogram { "_count" } else { "" };
    series(metric.labels).into_iter().map(move |values| {
        let labels =
            metric.labels.iter().zip(values).map(|(label, value)| format!("{}=\"{value}\"", label.name));
        match labels.collect::<Vec<_>>().join(",") {
            none if none.is_empty() => format!("{}{count}", metric.name),
            labels => format!("{}{count}{{{labels}}}", metric.name),
        }
    })
}

fn assert_catalogued(shown: &Exposition, parts: &[Part]) {
    assert_eq!(shown.series(), catalogued(parts));
    for metric in CATALOGUE.iter().filter(|metric| shown.kinds.contains_key(metric.name)) {
        assert_eq!(shown.kinds[metric.name], metric.kind.name(), "{}", metric.name);
        let bounds: Vec<f64> = metric.buckets.iter().copied().chain([f64::INFINITY]).collect();
        for buckets in shown.buckets(metric.name).values() {
            assert_eq!(buckets.iter().map(|bucket| bucket.0).collect::<Vec<_>>(), bounds, "{}", metric.name);
        }
    }
    for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "threads"] {
        assert!(shown.kinds.contains_key(&format!("process_{name}")), "{name}");
    }
}

/// The admin port of a process that says so as it has started.
async fn admin(process: &mut Running, started: &str) -> String {
    process.until_logged(started).await["admin"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_role_shows_its_part_of_the_catalogue_from_the_start() {
    let stores = TestStores::start().await;
    let urls = Urls::of(&stores);
    let (mut serve, _) = Running::serve(&urls, &[], "").await;
    assert_catalogued(&scrape(admin(&mut serve, "serving").await).await, &[Part::Serve]);
    let mut worker = Running::worker(&urls, &[]).await;
    assert_catalogued(&scrape(admin(&mut worker, "working").await).await, &[Part::Worker]);
    let data = folder();
    let up = Up::start(data.path(), &[]).await;
    assert_catalogued(&scrape(&up.env["ADMIN_ADDR"]).await, &[Part::Serve, Part::Worker]);
}

#[tokio::test]
async fn while_redis_is_away_ingest_fails_are_counted_and_pools_are_shown() {
    let mut stores = TestStores::start().await;
    let urls = Urls::of(&stores);
    let (mut serve, addr) = Running::serve(&urls, &[], "").await;
    let admin = admin(&mut serve, "serving").await;
    until("a connection in the pool", DEADLINE, async || {
        let shown = scrape(&admin).await;
        let connections = |state| shown.get(&format!("redis_pool_connections{{state=\"{state}\"}}"));
        connections("idle") + connections("in_use") >= 1.0
    })
    .await;
    stores.servers.redis.stop().await;
    let event = r#"{"event_type": "t", "user_id": "u"}"#;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{addr}/events")).header("content-type", "application/json");
    assert_eq!(request.body(event).send().await.unwrap().status(), 503);
    let shown = scrape(&admin).await;
    assert_eq!(shown.get("ingest_events_total{result=\"unavailable\"}"), 1.0);
    assert_eq!(shown.get("ingest_refused_requests_total{reason=\"unavailable\"}"), 1.0);
    assert_eq!(shown.get("ingest_events_total{result=\"accepted\"}"), 0.0);
    assert_eq!(shown.get("http_requests_total{class=\"5xx\"}"), 1.0);
    assert_eq!(shown.get("ingest_buffer_events"), 0.0, "what failed waits no more");
}
