//! `make dashboards`: a picture of each dashboard, drawn from a run of some minutes in which this and that goes wrong.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::GRAFANA;
use crate::scene::Scene;

/// Where the pictures go.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../dashboards");
const EVERY: Duration = Duration::from_secs(1);

/// The run: what happens at which second.
async fn run(scene: &mut Scene) {
    let begun = Instant::now();
    let at = |second| sleep_until(begun + Duration::from_secs(second));
    scene.refuse_poison().await;
    scene.oracle.pace = Duration::from_millis(60);
    scene.oracle.start();
    at(40).await;
    scene.oracle.stop().await;
    scene.oracle.pace = Duration::from_millis(20);
    scene.oracle.duplicates = 25;
    scene.oracle.start();
    at(60).await;
    scene.add_campaign().await;
    scene.send_invalid(200).await;
    at(80).await;
    scene.stall_postgres(Duration::from_secs(15)).await;
    at(120).await;
    scene.send_poison(30).await;
    scene.add_campaign().await;
    at(150).await;
    scene.oracle.stop().await;
    scene.oracle.pace = Duration::from_millis(100);
    scene.oracle.duplicates = 0;
    scene.oracle.start();
    at(180).await;
}

#[tokio::test]
async fn pictures_are_drawn_of_all_dashboards() {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../monitoring/venv/bin/python");
    assert!(python.exists(), "make dashboards installs what draws");
    let mut scene = Scene::start(EVERY).await;
    run(&mut scene).await;
    let mut draw = Command::new(python);
    draw.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/monitoring/draw.py"));
    draw.args([&format!("{GRAFANA}/dashboards"), &scene.prometheus.url, PICTURES]).env("NO_PROXY", "*");
    let drawn = draw.status().unwrap();
    assert!(drawn.success(), "{drawn}");
    assert!(scene.end().await.success());
}
