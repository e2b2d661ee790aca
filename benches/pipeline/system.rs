//! The system under measurement, on the bench's own servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use bb8_redis::redis;
use campaign_manager::config::{Auth, QueueConfig, ServerUrls, StoreConfig};
use campaign_manager::embedded::Stores;
use campaign_manager::ops::Readiness;
use campaign_manager::queue::{self, EventRecord, OutgoingFrame, Records};
use campaign_manager::roles::{Serve, ServeSettings, Worker, WorkerSettings};
use campaign_manager::store::migrate::migrate;
use campaign_manager::store::{self, Partitions};
use clap::Parser as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::costs::{Meter, Spent};
use crate::workload::Workload;

const LOOK: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_mins(1);
/// Connections that send at once.
const SENDERS: usize = 4;

#[derive(clap::Parser)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) queue: QueueConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    serve: ServeSettings,
    #[command(flatten)]
    worker: WorkerSettings,
}

pub(crate) struct System {
    pub(crate) settings: Settings,
    urls: ServerUrls,
    pub(crate) redis: queue::Pool,
    pub(crate) postgres: store::Pool,
    /// The ids of the active campaigns, in the order of the workload's rules.
    pub(crate) campaigns: Vec<i64>,
}

impl System {
    /// Made with these settings beside those that suit a bench.
    pub(crate) async fn prepare(stores: &Stores, flags: &[&str]) -> anyhow::Result<Self> {
        let fixed = ["bench", "--http", "127.0.0.1:0", "--fetch-wait", "20ms"];
        let settings = Settings::parse_from(fixed.iter().chain(flags));
        let urls = stores.superuser_urls();
        migrate(urls.database_url.expose()).await?;
        let postgres = store::connect(&urls.database_url, &settings.store)?;
        let redis = queue::pool(&urls.redis_url, &settings.queue)?;
        Ok(Self { settings, urls, redis, postgres, campaigns: Vec::new() })
    }

    /// Has the workload's campaigns, and no others, be active.
    pub(crate) async fn activate(&mut self, workload: &Workload) -> anyhow::Result<()> {
        const INSERT: &str = "insert into campaigns (version, name, status, rules)
            select 1, 'bench', 'active', rules::json from unnest($1::text[]) with ordinality as rule (rules, place)
            order by place returning id";
        let rules: Vec<String> = workload.rules.iter().map(Value::to_string).collect();
        let client = self.postgres.get().await?;
        client.batch_execute("truncate campaigns cascade").await?;
        self.campaigns = client.query(INSERT, &[&rules]).await?.iter().map(|row| row.get(0)).collect();
        Ok(())
    }

    /// As new, but for the campaigns; the checkpoint keeps one side's writes out of the other's time.
    pub(crate) async fn empty(&self) -> anyhow::Result<()> {
        let mut client = self.postgres.get().await?;
        let now = Timestamp::now();
        Partitions::new(self.settings.worker.partitions.partition_interval)
            .ensure(&mut client, now, now)
            .await?;
        client.batch_execute("truncate events, triggers, dead_letters").await?;
        self.empty_queue().await
    }

    /// As new, but for the campaigns and what is stored.
    pub(crate) async fn empty_queue(&self) -> anyhow::Result<()> {
        let client = self.postgres.get().await?;
        client.batch_execute("truncate frames").await?;
        client.batch_execute("checkpoint").await?;
        let mut redis = self.redis.get(self.settings.queue.shards.all()).await?;
        redis.ask_each::<()>(&redis::cmd("FLUSHALL")).await?;
        Ok(())
    }

    /// From the worker's start on a filled queue to the last acknowledged frame; without the time to load the campaigns.
    pub(crate) async fn drain_queue(&self, workload: &Workload) -> anyhow::Result<Spent> {
        let since = self.fill_queue(workload).await?;
        self.drain(workload, since).await
    }

    /// The same, where the queue has been filled since then.
    pub(crate) async fn drain(&self, workload: &Workload, since: Timestamp) -> anyhow::Result<Spent> {
        let worker = self.worker().await?;
        let meter = Meter::start()?;
        self.until_drained().await?;
        let spent = meter.stop()?;
        worker.drain(PATIENCE).await?;
        self.check(workload, since).await?;
        Ok(spent)
    }

    /// From the first request to the last acknowledged frame.
    pub(crate) async fn accept_and_store(&self, workload: &Workload) -> anyhow::Result<Spent> {
        let since = Timestamp::now();
        let (worker, serve) = (self.worker().await?, self.serve().await?);
        let bodies: Arc<[String]> = workload.bodies().into();
        let meter = Meter::start()?;
        send(&format!("http://{}/events", serve.addr()), &bodies).await?;
        self.until_drained().await?;
        let spent = meter.stop()?;
        serve.drain(PATIENCE).await;
        worker.drain(PATIENCE).await?;
        self.check(workload, since).await?;
        Ok(spent)
    }

    async fn worker(&self) -> anyhow::Result<Worker> {
        let Settings { queue, store, worker, .. } = &self.settings;
        Ok(Worker::start(&self.urls, queue, store, worker, &mut Readiness::default()).await?)
    }

    async fn serve(&self) -> anyhow::Result<Serve> {
        let Settings { queue, store, serve, .. } = &self.settings;
        Ok(Serve::start(&self.urls, Auth::None, queue, store, serve, &mut Readiness::default()).await?)
    }

    /// When the events were received.
    pub(crate) async fn fill_queue(&self, workload: &Workload) -> anyhow::Result<Timestamp> {
        let shards: Vec<_> = self.settings.queue.shards.all().collect();
        let now = Timestamp::now();
        for (events, shard) in workload.frames().zip(shards.iter().cycle()) {
            let mut records = Records::default();
            for event in events {
                records.push(&EventRecord {
                    sender: queue::Sender::default(),
                    received_at: now,
                    event_id: &event.id,
                    event_type: event.kind,
                    user_id: &event.user,
                    payload: event.json.as_bytes(),
                });
            }
            let frame = OutgoingFrame::new(*shard, records);
            queue::append(&self.redis, &[frame]).await?;
        }
        Ok(now)
    }

    async fn until_drained(&self) -> anyhow::Result<()> {
        let drained = async {
            while self.queued().await? > 0 {
                tokio::time::sleep(LOOK).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, drained).await?
    }

    async fn queued(&self) -> anyhow::Result<u64> {
        let shards = self.settings.queue.shards;
        let depths = queue::queued(&mut self.redis.get(shards.all()).await?, shards).await?;
        Ok(depths.iter().map(|depth| depth.events).sum())
    }

    /// Nothing counts that was not done.
    async fn check(&self, workload: &Workload, since: Timestamp) -> anyhow::Result<()> {
        const COUNT: &str = "select count(*), count(distinct event_id) from events where received_at >= $1";
        let row = self.postgres.get().await?.query_one(COUNT, &[&since]).await?;
        let (rows, distinct): (i64, i64) = (row.get(0), row.get(1));
        let sent = i64::try_from(workload.distinct())?;
        ensure!(
            (rows, distinct) == (sent, sent),
            "{rows} rows of {distinct} events were stored, {sent} were sent"
        );
        Ok(())
    }
}

/// Sends all bodies, each once.
async fn send(url: &str, bodies: &Arc<[String]>) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (url, bodies, next) = (url.to_owned(), Arc::clone(bodies), Arc::clone(&next));
        senders.spawn(async move {
            let client = reqwest::Client::builder().no_proxy().build()?;
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request =
                    client.post(&url).header("content-type", "application/x-ndjson").body(body.clone());
                let status = request.send().await?.status();
                ensure!(status == 202, "POST /events: {status}");
            }
            Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}
