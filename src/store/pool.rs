//! Connections to Postgres.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime,
};
use tokio::time::{error::Elapsed, timeout};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Connection, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::StoreError;
use super::lent::Lent;
use crate::config::{DatabaseUrl, StoreConfig, UNESCAPED};
use crate::ops::metrics::{self, PoolState, PostgresOperation};
use crate::tls;

/// How long a connection may be silent before the other side is asked for a sign of life, from both ends.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Signs of life that may stay out.
const KEEPALIVES: u32 = 3;

/// A pool of connections to Postgres. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    /// Where the server is.
    server: Arc<str>,
}

impl Pool {
    /// Lends a connection, once there is one.
    pub async fn get(&self) -> Result<Lent, StoreError> {
        let asked = Instant::now();
        let lent = self.connections.get().await;
        metrics::postgres_pool_wait(asked.elapsed(), lent.is_err());
        lent.map(Lent::new).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: PoolError) -> StoreError {
        StoreError::Pool { server: Arc::clone(&self.server), error }
    }

    /// As [`Self::get`], given up after `limit`.
    async fn get_within(&self, limit: Duration) -> Result<Lent, StoreError> {
        let asked = Instant::now();
        let lent = match timeout(limit, self.connections.get()).await {
            Ok(lent) => lent.map(Lent::new).map_err(|error| self.failed(error)),
            Err(_) => Err(StoreError::NoAnswer(limit)),
        };
        metrics::postgres_pool_wait(asked.elapsed(), lent.is_err());
        lent
    }

    /// The rows that a statement gives.
    pub(super) async fn rows(
        &self,
        operation: PostgresOperation,
        statement: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.get().await?;
        Ok(metrics::timed(operation, client.query_typed(statement, parameters)).await?)
    }

    /// The row that a statement gives, if it gives one.
    pub(super) async fn row(
        &self,
        operation: PostgresOperation,
        statement: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Option<Row>, StoreError> {
        let client = self.get().await?;
        Ok(metrics::timed(operation, client.query_typed_opt(statement, parameters)).await?)
    }

    /// How many connections there may be.
    #[must_use]
    pub fn most(&self) -> usize {
        self.connections.status().max_size
    }

    /// How many connections there are, and how many wait for one.
    #[must_use]
    pub fn state(&self) -> PoolState {
        let deadpool_postgres::Status { size, available, waiting, .. } = self.connections.status();
        PoolState { idle: available, in_use: size.saturating_sub(available), waiting }
    }

    /// Closes the connections that are not lent.
    pub fn close_idle(&self) {
        self.connections.retain(|_, _| false);
    }
}

/// A pool of connections to Postgres; nothing is connected before the first use.
pub fn connect(url: &DatabaseUrl, config: &StoreConfig) -> Result<Pool, StoreError> {
    let &StoreConfig { database_timeout: timeout, transaction_timeout, .. } = config;
    let Database { config: client, tls, .. } = Database::at(url, timeout)?;
    let server = server_of(&client).into();
    let manager =
        Manager::from_config(client, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let pool = deadpool_postgres::Pool::builder(manager)
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
        .map_err(|error| StoreError::Configuration(error.to_string()))?;
    Ok(Pool { connections: pool, server })
}

/// Where the server is, or the first of several.
fn server_of(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "no host".to_owned(),
    }
}

/// What each session begins with. A process that stands still within a transaction, or is gone without a word, must not
/// hold up others for long by what it has locked; and whoever waits for a lock gives up before its own attempt is given up.
/// Statements that are kept are planned anew each time: a plan that was made for a partition while it was empty would read
/// all of it when it is full. None takes more than one core, as events are being stored.
fn session(transaction_timeout: Duration) -> String {
    let (idle, lock) = (transaction_timeout.as_millis(), transaction_timeout.as_millis() / 2);
    let (silent, seconds) = ((KEEPALIVES * KEEPALIVE).as_millis(), KEEPALIVE.as_secs());
    format!(
        "set idle_in_transaction_session_timeout = {idle}; set lock_timeout = {lock};
        set plan_cache_mode = force_custom_plan; set max_parallel_workers_per_gather = 0;
        set tcp_keepalives_idle = {seconds}; set tcp_keepalives_interval = {seconds};
        set tcp_keepalives_count = {KEEPALIVES}; set tcp_user_timeout = {silent}"
    )
}

/// A database: where it is, and how it is connected to.
pub struct Database {
    config: Config,
    tls: MakeRustlsConnect,
    timeout: Duration,
}

/// A connection that was made; it works while it is polled.
pub(super) type Connected = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

impl Database {
    /// The database at `url`, with the time-outs that this project wants.
    ///
    /// Its parameter `sslmode` is `disable`, or one of `require`, `verify-ca` and `verify-full`, which mean the same here:
    /// encrypted, and the server's certificate and host name verified.
    pub fn at(url: &DatabaseUrl, timeout: Duration) -> Result<Self, StoreError> {
        let (url, mode) = tls::take_parameter(url.expose(), "sslmode");
        let (url, ca) = tls::take_parameter(&url, "sslrootcert");
        let mut config = read_url(&url)?;
        config.connect_timeout(timeout).application_name("campaign-manager");
        // A server that is gone without a word is noticed in half a minute, not after the kernel's two hours.
        config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(KEEPALIVES);
        config.tcp_user_timeout(KEEPALIVES * KEEPALIVE);
        let encrypted = is_encrypted(mode.as_deref(), ca.is_some())?;
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls: connector(encrypted, ca.as_deref())?, timeout })
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<(Client, Connected), StoreError> {
        match timeout(self.timeout, self.config.connect(self.tls.clone())).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(StoreError::NoAnswer(self.timeout)),
        }
    }
}

/// Reads where a database is. The errors show nothing of the URL, which holds a password.
pub(super) fn read_url(url: &str) -> Result<Config, StoreError> {
    let unusable = |why: &dyn Display| {
        StoreError::Configuration(format!(
            "DATABASE_URL is not of the form postgres://user:password@host:port/database: {why}"
        ))
    };
    let config = Config::from_str(url).map_err(|error| unusable(&error))?;
    // What follows the first @ counts as the host.
    let has_at = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    if config.get_hosts().iter().any(has_at) {
        return Err(unusable(&UNESCAPED));
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(unusable(&"it names no host"));
    }
    Ok(config)
}

/// Whether the connection is encrypted. There is nothing between: a client that takes what it gets is protected from
/// nobody.
fn is_encrypted(mode: Option<&str>, has_ca: bool) -> Result<bool, StoreError> {
    match mode {
        None => Ok(has_ca),
        Some("disable") => Ok(false),
        Some("require" | "verify-ca" | "verify-full") => Ok(true),
        Some(other) => Err(StoreError::Configuration(format!(
            "sslmode={other} in DATABASE_URL is not supported; use sslmode=verify-full (or require, which here verifies as well) for an encrypted connection, or sslmode=disable"
        ))),
    }
}

fn connector(encrypted: bool, ca: Option<&str>) -> Result<MakeRustlsConnect, StoreError> {
    // The connector is made either way; without TLS nobody need be trusted.
    let config = match ca {
        _ if !encrypted => tls::unused_client_config(),
        None | Some("system") => tls::client_config(None),
        Some(path) => tls::client_config(Some(Path::new(path))),
    };
    let config = config.map_err(|error| StoreError::Configuration(format!("DATABASE_URL: {error}")))?;
    Ok(MakeRustlsConnect::new(config))
}

/// Runs `work` on a connection. One that has failed, or has not done it within `limit`, is given up, not lent again: its
/// answer may never come, and where rows were refused while others were on their way, one too many does.
pub async fn within<T>(
    limit: Duration,
    pool: &Pool,
    operation: PostgresOperation,
    work: impl AsyncFnOnce(&mut ClientWrapper) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut client = pool.get_within(limit).await?;
    let worked = metrics::timed(operation, async {
        let worked = timeout(limit, work(&mut client)).await;
        worked.unwrap_or_else(|_: Elapsed| Err(StoreError::NoAnswer(limit)))
    });
    let worked = worked.await;
    if worked.is_err() {
        drop(client.take());
    }
    worked
}

/// Whether Postgres answers; the error says what a person can do about it.
pub async fn answers(pool: Pool) -> Result<(), String> {
    let client = pool.get().await.map_err(|error| error.to_string())?;
    client.batch_execute("").await.map_err(|error| StoreError::from(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_work_is_refused_with_what_is_missing_and_without_its_password() {
        for (url, why) in [
            ("postgres://", "it names no host"),
            ("postgres://me:canary@/d", "it names no host"),
            ("postgres://me:can@nary@one:5432/d", "write @ as %40"),
            ("postgres://me:p@one:canary/d", "invalid connection string"),
            ("canary", "not of the form"),
        ] {
            let told = read_url(url).expect_err(url).to_string();
            assert!(
                told.contains(why) && told.contains("postgres://user:password@host:port/database"),
                "{told}"
            );
            assert!(!told.contains("nary"), "{told}");
        }
        for url in
            ["postgres://me:can%40nary@one/d", "postgresql:///d?host=/run/postgresql", "host=one user=me"]
        {
            assert!(read_url(url).is_ok(), "{url}");
        }
    }
}
