//! A test's own Redis and Postgres.

use std::path::Path;
use std::process::Command;

use bb8_redis::redis::aio::MultiplexedConnection;
use bb8_redis::redis::{self, AsyncConnectionConfig, RedisResult};
use campaign_manager::config::{ServerUrls, StoreConfig};
use campaign_manager::embedded::{Profile, Stores};
use campaign_manager::store::{self, Pool};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use super::{Cluster, DEADLINE, folder::folder, template::template};

/// Two servers of a test's own, with an empty Redis and a migrated database. They end with it, and their data is
/// removed, also when the test fails.
pub(crate) struct TestStores {
    /// The servers: `servers.redis` and `servers.postgres` can be stopped, killed and started again, each by itself,
    /// and keep their addresses and data.
    pub(crate) servers: Stores,
    /// What is used instead of `servers.redis`, where there is one.
    pub(crate) cluster: Option<Cluster>,
    // after the servers, as fields drop in order
    dir: TempDir,
}

impl TestStores {
    /// Copies the template and starts both servers on the copy.
    pub(crate) async fn start() -> Self {
        let dir = migrated_folder().await;
        let servers = Stores::start(dir.path(), Profile::Throwaway).await.unwrap();
        Self { servers, cluster: None, dir }
    }

    /// As [`Self::start`], with a Redis Cluster instead of the one Redis.
    pub(crate) async fn on(cluster: Cluster) -> Self {
        let mut stores = Self::start().await;
        stores.servers.redis.stop().await;
        Self { cluster: Some(cluster), ..stores }
    }

    /// Where they keep their data.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The address of the database.
    pub(crate) fn database_url(&self) -> &str {
        self.servers.database_url()
    }

    /// The address of Redis.
    pub(crate) fn redis_url(&self) -> &str {
        self.cluster.as_ref().map_or_else(|| self.servers.redis_url(), |cluster| &cluster.url)
    }

    /// The addresses of both.
    pub(crate) fn urls(&self) -> ServerUrls {
        ServerUrls {
            database_url: self.database_url().to_owned().into(),
            redis_url: self.redis_url().to_owned().into(),
        }
    }

    /// A pool of connections to the database.
    pub(crate) fn pool(&self) -> Pool {
        let config = StoreConfig { database_connections: 4, ..StoreConfig::for_one_command() };
        store::connect(&self.urls().database_url, &config).unwrap()
    }

    /// A new connection to the database.
    pub(crate) async fn postgres(&self) -> Client {
        connect(self.database_url()).await
    }

    /// A new connection to Redis.
    pub(crate) async fn redis(&self) -> MultiplexedConnection {
        connect_redis(self.servers.redis_url()).await.unwrap()
    }

    /// New connections to each Redis that holds shards.
    pub(crate) async fn each_redis(&self) -> Vec<MultiplexedConnection> {
        let Some(cluster) = &self.cluster else { return vec![self.redis().await] };
        let mut masters = Vec::new();
        for node in &cluster.nodes {
            if node.is_master().await {
                masters.push(node.connect().await.unwrap());
            }
        }
        masters
    }
}

/// A new connection to Redis at `url`, with patience for what takes long where there are many keys.
pub(crate) async fn connect_redis(url: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(DEADLINE));
    redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await
}

/// A data folder with a migrated database, ready to be started on.
pub(crate) async fn migrated_folder() -> TempDir {
    let dir = folder();
    let template = template().await;
    let copied = Command::new("cp").arg("-a").arg(template.join(".")).arg(dir.path()).status().unwrap();
    assert!(copied.success(), "cp -a {} {}: {copied}", template.display(), dir.path().display());
    dir
}

/// A new connection to the database at `url`; it ends when the client is dropped.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // how a connection ends is for the client to tell
    tokio::spawn(async move { drop(connection.await) });
    client
}
