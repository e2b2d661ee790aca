//! `campaign-manager up` under load, with a Prometheus that scrapes it.
//!
//! Something happens in it that a healthy run does not have: duplicates, events that are refused, events that become dead
//! letters, changes of campaigns, and a Postgres that keeps the workers waiting.

use std::process::ExitStatus;
use std::time::Duration;

use bb8_redis::redis::cmd;
use reqwest::{Client, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::prometheus::Prometheus;
use crate::support::{Oracle, Up, connect, connect_redis, folder, migrated_folder};

/// A rule of Postgres that some events break: they become dead letters.
const REFUSE: &str = "alter table events add constraint no_bad check (event_id not like 'bad%')";

/// What Redis may use; far more than it does.
const MAX_MEMORY: &str = "256mb";

/// All of it. Fields drop in order: folders last.
pub(crate) struct Scene {
    pub(crate) prometheus: Prometheus,
    pub(crate) oracle: Oracle,
    up: Up,
    client: Client,
    _folders: [TempDir; 2],
}

impl Scene {
    /// Starts it, with a limit for Redis' memory; Prometheus looks so often. Nothing is sent yet.
    pub(crate) async fn start(every: Duration) -> Self {
        let folders = [migrated_folder().await, folder()];
        let up = Up::start(folders[0].path(), &[]).await;
        limit_memory(&up.env["REDIS_URL"]).await;
        let oracle = Oracle::new(up.env["HTTP_ADDR"].parse().unwrap()).await;
        let prometheus = Prometheus::start(folders[1].path(), &up.env["ADMIN_ADDR"], every).await;
        let client = Client::builder().no_proxy().build().unwrap();
        Self { prometheus, oracle, up, client, _folders: folders }
    }

    /// Its metrics, as Prometheus reads them.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.up.env["ADMIN_ADDR"]);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// Events that are refused, each in a request of its own.
    pub(crate) async fn send_invalid(&self, events: usize) {
        for _ in 0..events {
            self.post("/events", &json!({"event_type": "purchase"}), StatusCode::UNPROCESSABLE_ENTITY).await;
        }
    }

    /// From now on Postgres refuses what [`Self::send_poison`] sends.
    pub(crate) async fn refuse_poison(&self) {
        self.in_postgres(REFUSE).await;
    }

    /// Events that become dead letters.
    pub(crate) async fn send_poison(&self, events: usize) {
        let event =
            |number| json!({"event_id": format!("bad{number}"), "event_type": "purchase", "user_id": "u"});
        let events: Vec<Value> = (0..events).map(event).collect();
        self.post("/events", &json!(events), StatusCode::ACCEPTED).await;
    }

    /// A new campaign, which each event of the oracle triggers.
    pub(crate) async fn add_campaign(&self) {
        let campaign = json!({"name": "all", "status": "active", "rules": {"event_type": ["purchase"]}});
        self.post("/campaigns", &campaign, StatusCode::CREATED).await;
    }

    /// Keeps batches waiting in Postgres for so long.
    pub(crate) async fn stall_postgres(&self, time: Duration) {
        let seconds = time.as_secs();
        self.in_postgres(&format!(
            "begin; lock table events in share mode; select pg_sleep({seconds}); commit"
        ))
        .await;
    }

    /// Ends the load and `up`.
    pub(crate) async fn end(mut self) -> ExitStatus {
        self.oracle.stop().await;
        self.up.signal(Signal::TERM);
        self.up.ended().await
    }

    async fn post(&self, path: &str, body: &Value, expected: StatusCode) {
        let url = format!("http://{}{path}", self.up.env["HTTP_ADDR"]);
        let answer = self.client.post(url).json(body).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{:?}", answer.text().await);
    }

    async fn in_postgres(&self, statements: &str) {
        connect(&self.up.env["DATABASE_URL"]).await.batch_execute(statements).await.unwrap();
    }
}

/// As an operator would set it.
async fn limit_memory(redis: &str) {
    let mut redis = connect_redis(redis).await.unwrap();
    let mut limit = cmd("CONFIG");
    limit.arg("SET").arg("maxmemory").arg(MAX_MEMORY);
    limit.exec_async(&mut redis).await.unwrap();
}
