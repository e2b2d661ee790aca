//! Connections to Redis: a bb8 pool whose links know when they are broken.
//!
//! `bb8_redis::RedisConnectionManager` never calls a connection broken and gives each command half a second. This one
//! drops a link after an I/O error, asks an idle link for a PING before lending it, and takes the configured time-out.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bb8_redis::bb8::{self, ManageConnection, PooledConnection, RunError};
use bb8_redis::redis::aio::MultiplexedConnection;
use bb8_redis::redis::{
    self, AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, FromRedisValue, InfoDict, Pipeline,
    RedisError, TlsCertificates,
};

use super::QueueError;
use super::error::describe;
use crate::config::{QueueConfig, RedisUrl};
use crate::ops::metrics::{self, PoolState};
use crate::tls;

/// A link that answered this recently is lent without asking it first.
const FRESH: Duration = Duration::from_secs(1);

/// A pool of links to Redis; nothing is connected before the first use. Clones share the links.
#[derive(Clone, Debug)]
pub struct Pool(bb8::Pool<Links>);

/// Makes links to one Redis server.
#[derive(Clone, Debug)]
pub struct Links {
    client: Client,
    timeout: Duration,
}

/// Which run of which Redis server: another one after each start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(Arc<str>);

impl RunId {
    /// The run with this id, as `INFO server` shows it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One connection to Redis; it never outlives the run of the server that it was made to.
#[derive(Debug)]
pub struct Link {
    connection: MultiplexedConnection,
    run_id: RunId,
    answered_at: Instant,
    broken: bool,
}

impl Links {
    /// Links to the server at `url`; each connection attempt and each answer may take `timeout`.
    pub fn new(url: &RedisUrl, timeout: Duration) -> Result<Self, QueueError> {
        Ok(Self { client: client(url)?, timeout })
    }

    /// A pool of these links.
    #[must_use]
    pub fn pool(self, size: u32) -> Pool {
        let timeout = self.timeout;
        let pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(timeout)
            .error_sink(Box::new(Log))
            .build_unchecked(self);
        Pool(pool)
    }

    /// Connects.
    pub async fn link(&self) -> Result<Link, RedisError> {
        let linked = self.attempt().await;
        let is_encrypted = matches!(self.client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. });
        linked.map_err(|error| hint_at_tls(error, is_encrypted))
    }

    async fn attempt(&self) -> Result<Link, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let server: InfoDict = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
        let run_id = RunId::new(&server.get::<String>("run_id").unwrap_or_default());
        Ok(Link { connection, run_id, answered_at: Instant::now(), broken: false })
    }
}

/// What a server does that speaks TLS where the client does not, or the other way round, looks like a broken one: it ends
/// the connection at once, or waits for more.
fn hint_at_tls(error: RedisError, is_encrypted: bool) -> RedisError {
    let (what, hint) = if !is_encrypted && error.is_connection_dropped() {
        ("the server ended the connection at once", "if its port speaks TLS, write rediss:// in REDIS_URL")
    } else if is_encrypted && error.is_timeout() {
        ("no answer in time", "if its port does not speak TLS, write redis:// in REDIS_URL")
    } else {
        return error;
    };
    (ErrorKind::Io, what, hint.to_owned()).into()
}

/// A client of the server at `url`: with TLS where the scheme is `rediss`, verified against the system's CA certificates,
/// or those in the file that the parameter `sslrootcert` names.
fn client(url: &RedisUrl) -> Result<Client, QueueError> {
    let (url, ca) = tls::take_parameter(url.expose(), "sslrootcert");
    if url.contains("#insecure") {
        return Err(QueueError::Unverified);
    }
    tls::use_provider();
    match ca.as_deref() {
        None | Some("system") => Client::open(url),
        Some(path) => {
            let root_cert = Some(tls::read_ca(Path::new(path))?);
            Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert })
        }
    }
    .map_err(QueueError::Url)
}

impl Pool {
    /// Lends a link, once there is one.
    pub async fn get(&self) -> Result<PooledConnection<'_, Links>, RunError<RedisError>> {
        let asked = Instant::now();
        let lent = self.0.get().await;
        metrics::redis_pool_wait(asked.elapsed(), lent.is_err());
        lent
    }

    /// How many links there are.
    #[must_use]
    pub fn state(&self) -> PoolState {
        let bb8::State { connections, idle_connections, statistics, .. } = self.0.state();
        let waiting = usize::try_from(statistics.pending_gets()).unwrap_or(usize::MAX);
        let (all, idle) = (connections as usize, idle_connections as usize);
        PoolState { idle, in_use: all.saturating_sub(idle), waiting }
    }
}

/// The pool that `config` asks for.
pub fn pool(url: &RedisUrl, config: &QueueConfig) -> Result<Pool, QueueError> {
    Ok(Links::new(url, config.redis_timeout)?.pool(config.redis_connections))
}

impl Link {
    /// Sends a pipeline in one round trip and reads its replies; an empty one is answered without.
    pub async fn run<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, RedisError> {
        // The client fails it, and whoever tries again would do so for ever.
        if pipeline.is_empty() {
            return Ok(T::from_redis_value(redis::Value::Array(Vec::new()))?);
        }
        let reply = pipeline.query_async(&mut self.connection).await;
        self.note(reply)
    }

    /// Sends one command and reads its reply.
    pub async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, RedisError> {
        let reply = command.query_async(&mut self.connection).await;
        self.note(reply)
    }

    /// The run of the server at its other end.
    #[must_use]
    pub fn run_id(&self) -> &RunId {
        &self.run_id
    }

    fn note<T>(&mut self, reply: Result<T, RedisError>) -> Result<T, RedisError> {
        match &reply {
            Err(error) if error.is_io_error() || error.is_unrecoverable_error() => self.broken = true,
            _ => self.answered_at = Instant::now(),
        }
        reply
    }
}

/// Tells of what a pool meets while it tries to connect: whoever waits for a link learns only that there was none in time.
#[derive(Clone, Copy, Debug)]
struct Log;

impl bb8::ErrorSink<RedisError> for Log {
    fn sink(&self, error: RedisError) {
        tracing::warn!(error = %describe(&error), "no connection to Redis");
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<RedisError>> {
        Box::new(*self)
    }
}

impl ManageConnection for Links {
    type Connection = Link;
    type Error = RedisError;

    async fn connect(&self) -> Result<Link, RedisError> {
        self.link().await
    }

    async fn is_valid(&self, link: &mut Link) -> Result<(), RedisError> {
        if link.answered_at.elapsed() < FRESH {
            return Ok(());
        }
        link.ask::<()>(&redis::cmd("PING")).await
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.broken
    }
}

/// Whether Redis answers; the error says what a person can do about it.
pub async fn answers(pool: Pool) -> Result<(), String> {
    let mut link = pool.get().await.map_err(|error| QueueError::from(error).to_string())?;
    link.ask::<()>(&redis::cmd("PING")).await.map_err(|error| QueueError::from(error).to_string())
}
