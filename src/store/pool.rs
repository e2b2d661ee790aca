//! Connections to Postgres.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio::time::{error::Elapsed, timeout};
use tokio_postgres::{Client, Config, NoTls};

use super::StoreError;
use crate::config::{DatabaseUrl, StoreConfig};

/// How long a connection may be silent before the other side is asked for a sign of life, from both ends.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Signs of life that may stay out.
const KEEPALIVES: u32 = 3;

/// A pool of connections to Postgres; nothing is connected before the first use.
pub fn connect(url: &DatabaseUrl, config: &StoreConfig) -> Result<Pool, StoreError> {
    let &StoreConfig { database_timeout: timeout, transaction_timeout, .. } = config;
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
        .post_create(Hook::async_fn(move |client, _| {
            Box::pin(async move {
                client.batch_execute(&session(transaction_timeout)).await.map_err(HookError::Backend)
            })
        }))
        .build()
        .map_err(|error| StoreError::Configuration(error.to_string()))
}

/// What each session begins with. A process that stands still within a transaction, or is gone without a word, must not
/// hold up others for long by what it has locked; and whoever waits for a lock gives up before its own attempt is given up.
fn session(transaction_timeout: Duration) -> String {
    let (idle, lock) = (transaction_timeout.as_millis(), transaction_timeout.as_millis() / 2);
    let (silent, seconds) = ((KEEPALIVES * KEEPALIVE).as_millis(), KEEPALIVE.as_secs());
    format!(
        "set idle_in_transaction_session_timeout = {idle}; set lock_timeout = {lock};
        set tcp_keepalives_idle = {seconds}; set tcp_keepalives_interval = {seconds};
        set tcp_keepalives_count = {KEEPALIVES}; set tcp_user_timeout = {silent}"
    )
}

/// The client's settings for `url`, with the time-outs that this project wants.
pub fn client_config(url: &DatabaseUrl, timeout: Duration) -> Result<Config, StoreError> {
    let mut config = Config::from_str(url.expose()).map_err(|error| {
        StoreError::Configuration(format!(
            "DATABASE_URL is not of the form postgres://user:password@host:port/database: {error}"
        ))
    })?;
    config.connect_timeout(timeout).application_name("campaign-manager");
    // A server that is gone without a word is noticed in half a minute, not after the kernel's two hours.
    config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(KEEPALIVES);
    config.tcp_user_timeout(KEEPALIVES * KEEPALIVE);
    Ok(config)
}

/// Runs `work` on a connection. One that has not done it within `limit` is given up, not lent again: its answer may never
/// come.
pub async fn within<T>(
    limit: Duration,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let no_answer = |_: Elapsed| StoreError::NoAnswer(limit);
    let mut client = timeout(limit, pool.get()).await.map_err(no_answer)??;
    let worked = timeout(limit, work(&mut client)).await;
    worked.unwrap_or_else(|elapsed| {
        drop(Object::take(client));
        Err(no_answer(elapsed))
    })
}

/// Whether Postgres answers; the error says what a person can do about it.
pub async fn answers(pool: Pool) -> Result<(), String> {
    let client = pool.get().await.map_err(|error| StoreError::from(error).to_string())?;
    client.batch_execute("").await.map_err(|error| StoreError::from(error).to_string())
}
