//! The server under measurement, on the bench's own Redis.

use std::net::SocketAddr;
use std::time::Duration;

use bb8_redis::redis;
use campaign_manager::config::{Auth, QueueConfig, StoreConfig};
use campaign_manager::embedded::{Profile, RedisSettings, Stores};
use campaign_manager::ops::Readiness;
use campaign_manager::queue;
use campaign_manager::roles::{Serve, ServeSettings};
use clap::Parser as _;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);
/// Of the queue: far more than a round fills.
const BUDGET: &str = "12GiB";

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    serve: ServeSettings,
}

pub(crate) struct System {
    serve: Serve,
    redis: queue::Pool,
    shards: queue::Shards,
    stores: Stores,
    _folder: TempDir,
}

impl System {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let stores = Stores::start(folder.path(), Profile::Durable(RedisSettings::default())).await?;
        let settings = Settings::parse_from(["bench", "--http", "127.0.0.1:0", "--queue-budget", BUDGET]);
        let urls = stores.superuser_urls();
        let redis = queue::pool(&urls.redis_url, &settings.queue)?;
        let shards = settings.queue.shards;
        let unlimited = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(0).to_owned();
        redis.get(shards.all()).await?.ask_each::<()>(&unlimited).await?;
        let mut readiness = Readiness::default();
        let Settings { queue, store, serve } = &settings;
        let serve = Serve::start(&urls, Auth::None, queue, store, serve, &mut readiness).await?;
        Ok(Self { serve, redis, shards, stores, _folder: folder })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.serve.addr()
    }

    /// Takes all events away.
    pub(crate) async fn empty(&self) -> anyhow::Result<()> {
        self.redis.get(self.shards.all()).await?.ask_each::<()>(&redis::cmd("FLUSHALL")).await?;
        Ok(())
    }

    pub(crate) async fn stop(self) {
        self.serve.drain(PATIENCE).await;
        self.stores.stop().await;
    }
}
