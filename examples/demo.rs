//! `make demo`: the whole system for half a minute. Starts a private Redis and Postgres in a temporary folder, runs
//! ingest, API and worker on them, creates three campaigns, sends real events over HTTP, and shows which campaigns each
//! of them triggered.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use campaign_manager::config::{Auth, QueueConfig, ShutdownConfig, StoreConfig};
use campaign_manager::embedded::{Part, Profile, Stores};
use campaign_manager::ops::Readiness;
use campaign_manager::roles::{Serve, ServeSettings, Worker, WorkerSettings};
use campaign_manager::store::migrate::migrate_and_grant;
use clap::Parser as _;
use comfy_table::Table;
use serde_json::{Value, json};

/// How long a step may take before something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// The settings of every part; the defaults do.
#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    worker: WorkerSettings,
    #[command(flatten)]
    shutdown: ShutdownConfig,
}

fn campaigns() -> Vec<Value> {
    vec![
        json!({"name": "Thank big spenders", "status": "active", "rules":
            {"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 100]}], "currency": ["EUR", "USD"]}}}),
        json!({"name": "Win back the cart", "status": "active", "rules":
            {"event_type": [{"prefix": "cart_"}], "properties": {"coupon": [{"exists": false}]}}}),
        json!({"name": "Greet new members", "status": "active", "rules":
            {"event_type": ["signup", "purchase"], "properties": {"first": [true]}}}),
    ]
}

fn events() -> Vec<Value> {
    let event = |id: &str, kind: &str, properties: Value| json!({"event_id": id, "event_type": kind, "user_id": "u-42", "properties": properties});
    vec![
        event("demo-1", "signup", json!({"first": true})),
        event("demo-2", "purchase", json!({"amount": 129.99, "currency": "EUR", "first": true})),
        event("demo-3", "purchase", json!({"amount": 80, "currency": "EUR"})),
        event("demo-4", "cart_abandoned", json!({"amount": 240})),
        event("demo-5", "cart_abandoned", json!({"amount": 240, "coupon": "C-7"})),
        event("demo-6", "page_view", json!({"url": "/deals"})),
        // sent again, as clients do when an answer was lost: it is stored once
        event("demo-2", "purchase", json!({"amount": 129.99, "currency": "EUR", "first": true})),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    match demo().await {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> anyhow::Result<Table> {
    let settings = Settings::parse_from(["demo", "--http", "127.0.0.1:0", "--fetch-wait", "100ms"]);
    let folder = tempfile::tempdir()?;
    println!("Starting a private Redis and a private Postgres …");
    let stores = Stores::start(folder.path(), Profile::Throwaway).await?;
    let grantees = stores.make_roles().await?;
    migrate_and_grant(stores.urls(Part::Owner).database_url.expose(), &grantees).await?;
    let shown = run(&settings, &stores).await;
    stores.stop().await;
    shown
}

async fn run(settings: &Settings, stores: &Stores) -> anyhow::Result<Table> {
    let Settings { queue, store, serve, worker, shutdown } = settings;
    let mut readiness = Readiness::default();
    let worker = Worker::start(&stores.urls(Part::Worker), queue, store, worker, &mut readiness).await?;
    let serve =
        Serve::start(&stores.urls(Part::Serve), Auth::None, queue, store, serve, &mut readiness).await?;
    let api = Api { base: format!("http://{}", serve.addr()), client: reqwest::Client::new() };
    let shown = show(&api).await;
    serve.drain(shutdown.shutdown_timeout).await;
    worker.drain(shutdown.shutdown_timeout).await?;
    shown
}

async fn show(api: &Api) -> anyhow::Result<Table> {
    let mut names = Vec::new();
    for campaign in campaigns() {
        let created = api.post("/campaigns", &campaign).await?;
        names.push((created["id"].clone(), campaign["name"].clone()));
    }
    println!("Created {} campaigns; waiting until they match …", names.len());
    // The worker takes a change over within a second; events sent before that would meet the old rules.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let events = events();
    let accepted = api.post("/events", &json!(events)).await?;
    println!(
        "Sent {} events, one of them twice; accepted: {}; the one known already is dropped",
        events.len(),
        accepted["accepted"]
    );

    let mut table = Table::new();
    table.set_header(["event", "type", "properties", "triggered"]);
    let stored = api.stored(events.len() - 1).await?;
    for event in &stored {
        let triggered = event["campaign_ids"].as_array().context("an event without campaign_ids")?;
        let names =
            names.iter().filter(|(id, _)| triggered.contains(id)).filter_map(|(_, name)| name.as_str());
        let names: Vec<&str> = names.collect();
        table.add_row([
            text(&event["event_id"]),
            text(&event["event_type"]),
            event["event"]["properties"].to_string(),
            if names.is_empty() { "–".to_owned() } else { names.join(", ") },
        ]);
    }
    Ok(table)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The HTTP API.
struct Api {
    base: String,
    client: reqwest::Client,
}

impl Api {
    async fn post(&self, route: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.client.post(format!("{}{route}", self.base)).json(body).send().await?;
        let (status, answer) = (answer.status(), answer.json::<Value>().await?);
        ensure!(status.is_success(), "POST {route}: {status}: {answer}");
        Ok(answer)
    }

    /// The stored events, oldest first, once there are `count`.
    async fn stored(&self, count: usize) -> anyhow::Result<Vec<Value>> {
        let url = format!("{}/events?user_id=u-42", self.base);
        let looking = async {
            loop {
                let found: Value = self.client.get(&url).send().await?.json().await?;
                let mut events = found["events"].as_array().cloned().unwrap_or_default();
                if events.len() >= count {
                    events.sort_by_key(|event| text(&event["event_id"]));
                    return anyhow::Ok(events);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(found) => found,
            Err(_) => bail!("the events were not stored within {PATIENCE:?}"),
        }
    }
}
