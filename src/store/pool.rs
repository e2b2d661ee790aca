//! Connections to Postgres.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Client, Config, NoTls};

use super::StoreError;
use crate::config::{DatabaseUrl, StoreConfig};

/// A client whose network went away must not hold locks for the two hours that a server gives it by default.
const SESSION: &str =
    "set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3;
    set idle_in_transaction_session_timeout = '60s'";

/// A pool of connections to Postgres; nothing is connected before the first use.
pub fn connect(url: &DatabaseUrl, config: &StoreConfig) -> Result<Pool, StoreError> {
    let timeout = config.database_timeout;
    let manager = Manager::from_config(
        client_config(url, timeout)?,
        NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(manager)
        .max_size(config.database_connections as usize)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(timeout))
        .create_timeout(Some(timeout))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        }))
        .build()
        .map_err(|error| StoreError::Configuration(error.to_string()))
}

/// The client's settings for `url`, with the time-outs that this project wants.
pub fn client_config(url: &DatabaseUrl, timeout: Duration) -> Result<Config, StoreError> {
    let mut config = Config::from_str(url.expose()).map_err(|error| {
        StoreError::Configuration(format!(
            "DATABASE_URL is not of the form postgres://user:password@host:port/database: {error}"
        ))
    })?;
    config.connect_timeout(timeout).application_name("campaign-manager");
    Ok(config)
}

/// Whether Postgres answers; the error says what a person can do about it.
pub async fn answers(pool: Pool) -> Result<(), String> {
    let client = pool.get().await.map_err(|error| StoreError::from(error).to_string())?;
    client.batch_execute("").await.map_err(|error| StoreError::from(error).to_string())
}

/// Lends `work` a connection for as long as `timeout`. One that does not answer in time is given up and not used again.
pub async fn within<T>(
    pool: &Pool,
    timeout: Duration,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut client = pool.get().await?;
    if let Ok(done) = tokio::time::timeout(timeout, work(&mut client)).await {
        return done;
    }
    drop(Object::take(client));
    Err(StoreError::TimedOut(timeout))
}
