//! `serve` and `worker`, a process each, on servers of the bench's own.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bb8_redis::redis::aio::MultiplexedConnection;
use bb8_redis::redis::{Client as Redis, InfoDict, cmd};
use campaign_manager::embedded::{Profile, RedisSettings, Stores};
use campaign_manager::store::migrate::migrate;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::load::Percentiles;
use crate::process::Role;

/// Between two looks at Redis.
const LOOK: Duration = Duration::from_millis(50);

// Fields drop in order: the roles before their servers.
pub(crate) struct System {
    serve: Role,
    worker: Role,
    stores: Stores,
    _folder: TempDir,
}

impl System {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut stores = Stores::start(folder.path(), Profile::Durable(RedisSettings::default())).await?;
        let client = connect(&stores).await?;
        client.batch_execute("alter system set track_commit_timestamp = on").await?;
        stores.postgres.stop().await;
        stores.postgres.start().await?;
        migrate(stores.database_url()).await?;
        let urls = [("DATABASE_URL", stores.database_url()), ("REDIS_URL", stores.redis_url())];
        let serve = Role::start(&["serve", "--auth", "none", "--http", "127.0.0.1:0"], &urls)?;
        let worker = Role::start(&["worker"], &urls)?;
        Ok(Self { serve, worker, stores, _folder: folder })
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.serve.http.expect("a server says where it answers")
    }

    pub(crate) fn database_url(&self) -> &str {
        self.stores.database_url()
    }

    /// From the acceptance of a run's events to the commit of their rows.
    pub(crate) async fn commit_latency(&self, run: &str) -> anyhow::Result<Percentiles> {
        let row = connect(&self.stores)
            .await?
            .query_one(
                "select percentile_disc(array[0.5, 0.99, 1]) within group (order by 1000 * extract(epoch from
                    pg_xact_commit_timestamp(xmin) - received_at)::float)
                from events where event_id like $1",
                &[&format!("{run}%")],
            )
            .await?;
        let found: Vec<f64> = row.try_get(0).context("no event of the run is stored")?;
        let [p50, p99, most] = found.try_into().map_err(|_| anyhow::anyhow!("three were asked for"))?;
        Ok(Percentiles { p50, p99, most })
    }

    /// Has what was written so far be on disk, and Redis' file be rewritten, so that one run's writes are not in the next
    /// one's latency.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        self.begin_rewrite().await?;
        self.until_rewritten().await?;
        connect(&self.stores).await?.batch_execute("checkpoint").await?;
        rustix::fs::sync();
        Ok(())
    }

    async fn until_rewritten(&self) -> anyhow::Result<()> {
        let mut redis = self.redis().await?;
        let rewriting = async |redis: &mut MultiplexedConnection| -> anyhow::Result<bool> {
            let about: InfoDict = cmd("INFO").arg("persistence").query_async(redis).await?;
            Ok(about.get("aof_rewrite_in_progress") != Some(0))
        };
        while rewriting(&mut redis).await? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Has Redis rewrite its append-only file, once it is done with what a quiet moment may have begun.
    pub(crate) async fn begin_rewrite(&self) -> anyhow::Result<()> {
        let mut redis = self.redis().await?;
        loop {
            self.until_rewritten().await?;
            match cmd("BGREWRITEAOF").query_async(&mut redis).await {
                Err(error) if error.to_string().contains("already in progress") => {}
                begun => return Ok(begun?),
            }
        }
    }

    async fn redis(&self) -> anyhow::Result<MultiplexedConnection> {
        Ok(Redis::open(self.stores.redis_url())?.get_multiplexed_async_connection().await?)
    }

    /// The most that each role has held, in MiB.
    pub(crate) fn most_memory(&self) -> anyhow::Result<(f64, f64)> {
        Ok((self.serve.most_memory()?, self.worker.most_memory()?))
    }

    pub(crate) async fn stop(self) {
        let Self { serve, worker, stores, _folder } = self;
        drop((serve, worker));
        stores.stop().await;
    }
}

pub(crate) async fn connect(stores: &Stores) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(stores.database_url(), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
