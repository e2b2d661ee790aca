//! Every query of every dashboard, run on a Prometheus that scrapes a loaded `up`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dashboard::{Dashboard, Target, filled_in, queries};
use crate::scene::Scene;
use crate::support::until;

/// Between two scrapes.
const EVERY: Duration = Duration::from_millis(500);
/// How long until every panel shows something; it takes some seconds.
const PATIENCE: Duration = Duration::from_mins(1);
/// How far back the graphs reach, in seconds.
const SHOWN: i64 = 120;

/// A loaded scene, in which everything happened that a panel shows.
async fn loaded() -> Scene {
    let mut scene = Scene::start(EVERY).await;
    scene.refuse_poison().await;
    scene.oracle.start();
    scene.oracle.until_acknowledged(2_000).await;
    scene.send_invalid(5).await;
    scene.send_poison(3).await;
    scene.add_campaign().await;
    scene
}

/// Whether this series has a number, and the labels that the legend names.
fn shows(series: &Value, legend: &str) -> bool {
    let mut samples = series["values"].as_array().unwrap().iter();
    let is_number = |sample: &Value| sample[1].as_str().unwrap().parse::<f64>().unwrap().is_finite();
    samples.any(is_number) && labels_in(legend).all(|label| series["metric"][label].is_string())
}

/// The labels that a legend names: `{{label}}`.
fn labels_in(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).map(|rest| rest.split_once("}}").unwrap().0)
}

#[tokio::test]
async fn every_panel_shows_something_of_a_loaded_system() {
    let scene = loaded().await;
    let mut empty = queries();
    assert!(empty.len() > 50, "{}", empty.len());
    until("something in every panel", PATIENCE, async || {
        let before = empty.len();
        let mut still = Vec::new();
        for (place, target) in std::mem::take(&mut empty) {
            let Target { expr, legend_format, .. } = &target;
            let series = scene.prometheus.range(&filled_in(expr), SHOWN).await;
            if !series.iter().any(|series| shows(series, legend_format)) {
                still.push((place, target));
            }
        }
        empty = still;
        if empty.len() < before {
            // The last ones are what a failed test is about.
            println!("{} queries show nothing yet", empty.len());
            for (place, target) in &empty {
                println!("  {place}: {}", target.expr);
            }
        }
        empty.is_empty()
    })
    .await;
    for dashboard in Dashboard::all() {
        for selector in dashboard.selectors() {
            assert!(!scene.prometheus.range(&filled_in(selector), SHOWN).await.is_empty(), "{selector}");
        }
    }
    assert!(scene.end().await.success());
}

#[tokio::test]
async fn no_rule_fails_and_a_healthy_system_is_not_alarming() {
    let mut scene = Scene::start(EVERY).await;
    // What begins with the first event is an increase only to who has seen it before.
    until("Prometheus has looked before anything is sent", PATIENCE, async || {
        let nothing = r#"campaign_manager_events_total{outcome="stored"} == 0"#;
        !scene.prometheus.range(nothing, SHOWN).await.is_empty()
    })
    .await;
    scene.oracle.start();
    until("events are stored, and Prometheus knows", PATIENCE, async || {
        !scene.prometheus.range("job:campaign_manager_events:rate1m > 0", SHOWN).await.is_empty()
    })
    .await;
    let known = Timestamp::now();
    until("each rule was evaluated since", PATIENCE, async || {
        let groups = scene.prometheus.ask("/api/v1/rules", &[]).await["groups"].clone();
        let mut rules =
            groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
        rules.all(|rule| {
            assert_eq!(rule["lastError"], Value::Null, "{rule}");
            rule["health"] == "ok" && evaluated_at(rule) > known
        })
    })
    .await;
    // One that began to count while the first events were on their way ends by itself.
    until("no alert fires or is about to", PATIENCE, async || {
        scene.prometheus.ask("/api/v1/alerts", &[]).await["alerts"] == json!([])
    })
    .await;
    let fired = scene.prometheus.range(r#"ALERTS{alertstate="firing"}"#, SHOWN).await;
    assert!(fired.is_empty(), "{fired:?}");
    assert!(scene.end().await.success());
}

fn evaluated_at(rule: &Value) -> Timestamp {
    rule["lastEvaluation"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn promtool_finds_nothing_in_the_metrics() {
    let scene = loaded().await;
    let metrics = scene.metrics().await;
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text = [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(said.status.success(), "{text}");
    assert_eq!(text, "");
    assert!(scene.end().await.success());
}
