//! Schemathesis, a fuzzer of HTTP APIs that goes by `GET /openapi.json`: it makes up requests, valid ones and others, and
//! holds each answer against the document. What it checks is in `schemathesis.toml`.
//!
//! It finds a system in which there is something to find: campaigns in each status, events, dead letters, keys.

use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{HERE, Scene, installed, to_its_end};
use crate::support::{Reply, until_rows};

/// More flags for the fuzzer.
const FLAGS: &str = "SCHEMATHESIS_ARGS";
/// It ends by the number of its examples; a run with many takes hours.
const PATIENCE: Duration = Duration::from_hours(24);

/// The key that it comes with cannot be revoked: without it, it would find nothing more.
const KEEP_ADMIN_KEY: &str = "
    create function keep() returns trigger language plpgsql as 'begin return null; end';
    create trigger keep before update on api_keys for each row when (old.name = 'admin') execute function keep()";
const REFUSE: &str = "alter table events add constraint no_bad check (event_id not like 'bad%')";
const ACCEPT: &str = "alter table events drop constraint no_bad";

#[tokio::test]
async fn the_api_fuzzer_finds_nothing() {
    let scene = Scene::start().await;
    scene.stores.postgres().await.batch_execute(KEEP_ADMIN_KEY).await.unwrap();
    add_campaigns(&scene).await;
    add_events(&scene).await;

    let mut fuzzer = Command::new(installed("venv/bin/schemathesis"));
    fuzzer
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("API_KEY", scene.admin.expose())
        .env("PYTHONPATH", HERE);
    fuzzer.args(["--config-file", &format!("{HERE}/schemathesis.toml"), "run"]);
    fuzzer.arg(format!("{}/openapi.json", scene.url));
    fuzzer.args(std::env::var(FLAGS).unwrap_or_default().split_whitespace());
    let ended = to_its_end(fuzzer, PATIENCE).await;
    assert!(ended.success(), "what it found stands above");
    assert_eq!(scene.get("/ledger").await["balanced"], true);
}

/// A campaign in each status.
async fn add_campaigns(scene: &Scene) {
    for steps in [vec![], vec!["activate"], vec!["activate", "pause"], vec!["archive"]] {
        let campaign = json!({"name": "purchases", "rules": {"event_type": ["purchase"]}});
        let id = post(scene, "/campaigns", &campaign, 201).await["id"].clone();
        for step in steps {
            post(scene, &format!("/campaigns/{id}/{step}"), &Value::Null, 200).await;
        }
    }
}

/// Twenty events that are stored, and three that become dead letters.
async fn add_events(scene: &Scene) {
    let postgres = scene.stores.postgres().await;
    postgres.batch_execute(REFUSE).await.unwrap();
    let ids = (0..20).map(|n| format!("e-{n}")).chain((0..3).map(|n| format!("bad-{n}")));
    let event =
        |id| json!({"event_id": id, "event_type": "purchase", "user_id": "u", "properties": {"amount": 1}});
    post(scene, "/events", &ids.map(event).collect(), 202).await;
    until_rows(&scene.stores, "events", 20).await;
    until_rows(&scene.stores, "dead_letters", 3).await;
    postgres.batch_execute(ACCEPT).await.unwrap();
}

async fn post(scene: &Scene, path: &str, body: &Value, status: u16) -> Value {
    Reply::of(scene.request(Method::POST, path).json(body)).await.expect(status)
}
