//! Connections to a Redis server, which know when they are broken.
//!
//! `bb8_redis::RedisConnectionManager` never calls a connection broken and gives each command half a second. This one
//! drops a connection after an I/O error, asks an idle one for a PING before lending it, and takes the configured time-out.
//! A node of a cluster is asked whether it is what it was instead.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bb8_redis::bb8::{self, ManageConnection};
use bb8_redis::redis::aio::MultiplexedConnection;
use bb8_redis::redis::{
    self, AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, FromRedisValue, InfoDict,
    IntoConnectionInfo as _, Pipeline, RedisError, TlsCertificates,
};
use rand::RngExt as _;

use super::QueueError;
use super::address;
use super::error::{code_of, describe, is_refused_login};
use crate::ops::Repeated;
use crate::tls;

/// Between two attempts to connect while somebody waits for a connection, at most.
const PROBE_PERIOD: Duration = Duration::from_millis(200);
/// A failure to connect that stays the same is logged once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);
/// A connection that answered this recently is lent without asking it first.
const FRESH: Duration = Duration::from_secs(1);

/// Makes connections to one Redis server.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    client: Client,
    timeout: Duration,
    trouble: Arc<Trouble>,
}

/// The last failure to connect, for whoever has waited for a connection in vain.
#[derive(Debug)]
struct Trouble {
    server: Arc<str>,
    last: Mutex<Option<LastFailure>>,
    logged: Repeated,
}

#[derive(Clone, Debug)]
struct LastFailure {
    why: Arc<str>,
    is_refused_login: bool,
}

/// Which run of which Redis server: another one after each start, and for a node of a cluster after each change of its role,
/// since a replica has what its master has, and may lack what it had itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(Arc<str>);

impl RunId {
    /// The run with this id, as `INFO server` shows it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.into())
    }

    /// That which the server tells of itself. Each promotion gives a node another replication id.
    fn of(about: &InfoDict) -> Self {
        let field = |name| about.get::<String>(name).unwrap_or_default();
        let run_id = field("run_id");
        Self::new(&if is_of_cluster(about) { format!("{run_id} {}", field("master_replid")) } else { run_id })
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Asks a server who it is.
fn identifying() -> redis::Cmd {
    redis::cmd("INFO").arg("server").arg("replication").to_owned()
}

fn is_of_cluster(about: &InfoDict) -> bool {
    about.get::<String>("redis_mode").is_some_and(|mode| mode == "cluster")
}

/// One connection to a Redis server; it never outlives the run of the server that it was made to.
#[derive(Debug)]
pub(super) struct Connection {
    redis: MultiplexedConnection,
    run_id: RunId,
    is_of_cluster: bool,
    answered_at: Instant,
    doubted: bool,
    broken: bool,
}

impl Connector {
    /// Connections to the server at `url`; each attempt to connect and each answer may take `timeout`.
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, QueueError> {
        Ok(Self::of(client(url)?, timeout))
    }

    /// The same, but to another server.
    pub(super) fn at(&self, host: String, port: u16) -> Result<Self, QueueError> {
        let known = self.client.get_connection_info();
        let addr = match known.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let client = Client::open(known.clone().set_addr(addr)).map_err(QueueError::Url)?;
        Ok(Self::of(client, self.timeout))
    }

    fn of(client: Client, timeout: Duration) -> Self {
        let server = client.get_connection_info().addr().to_string().into();
        let trouble = Trouble { server, last: Mutex::default(), logged: Repeated::every(LOG_PERIOD) };
        Self { client, timeout, trouble: Arc::new(trouble) }
    }

    /// A pool of such connections; none is made before the first use.
    pub(super) fn pool(&self, size: u32) -> bb8::Pool<Self> {
        bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(self.timeout)
            .error_sink(Box::new(Log(Arc::clone(&self.trouble))))
            .build_unchecked(self.clone())
    }

    /// The host of the server.
    pub(super) fn host(&self) -> &str {
        match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
            _ => "localhost",
        }
    }

    /// Where the server is.
    pub(super) fn server(&self) -> Arc<str> {
        Arc::clone(&self.trouble.server)
    }

    /// What is said to whoever has waited for a connection in vain.
    pub(super) fn failure(&self) -> QueueError {
        let server = self.server();
        match self.trouble.lock().clone() {
            Some(LastFailure { why, is_refused_login: true }) => QueueError::NotLetIn { server, why },
            Some(LastFailure { why, .. }) => QueueError::NoConnection { server, why },
            None => {
                let why = "it does not answer, or all REDIS_CONNECTIONS are busy".into();
                QueueError::NoConnection { server, why }
            }
        }
    }

    /// Connects.
    pub(super) async fn connection(&self) -> Result<Connection, RedisError> {
        let connected = self.attempt().await;
        let is_encrypted = matches!(self.client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. });
        connected.map_err(|error| hint(error, is_encrypted))
    }

    async fn attempt(&self) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let mut redis = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let about: InfoDict = identifying().query_async(&mut redis).await?;
        let run_id = RunId::of(&about);
        let is_of_cluster = is_of_cluster(&about);
        Ok(Connection {
            redis,
            run_id,
            is_of_cluster,
            answered_at: Instant::now(),
            doubted: false,
            broken: false,
        })
    }
}

/// What a server does that speaks TLS where the client does not, or the other way round, looks like a broken one: it ends
/// the connection at once, or waits for more. And one of a cluster has a single database.
fn hint(error: RedisError, is_encrypted: bool) -> RedisError {
    let (what, hint) = if !is_encrypted && error.is_connection_dropped() && !error.is_connection_refusal() {
        ("the server ended the connection at once", "if its port speaks TLS, write rediss:// in REDIS_URL")
    } else if is_encrypted && error.is_timeout() {
        ("no answer in time", "if its port does not speak TLS, write redis:// in REDIS_URL")
    } else if error.to_string().contains("SELECT is not allowed in cluster mode") {
        ("a Redis Cluster has database 0 only", "take the number off the end of REDIS_URL")
    } else {
        return error;
    };
    (ErrorKind::Io, what, hint.to_owned()).into()
}

/// A client of the server at `url`: with TLS where the scheme is `rediss`, verified against the system's CA certificates,
/// or those in the file that the parameter `sslrootcert` names.
fn client(url: &str) -> Result<Client, QueueError> {
    let (url, ca) = tls::take_parameter(url, "sslrootcert");
    if url.contains("#insecure") {
        return Err(QueueError::Unverified);
    }
    if address::ends_early(&url) {
        return Err(QueueError::Unescaped);
    }
    tls::use_provider();
    let server = url.into_connection_info().map_err(QueueError::Url)?;
    // The users of Redis have no right to name their library.
    let settings = server.redis_settings().clone().set_skip_set_lib_name();
    let server = server.set_redis_settings(settings);
    match ca.as_deref() {
        None | Some("system") => Client::open(server),
        Some(path) => {
            let root_cert = Some(tls::read_ca(Path::new(path))?);
            Client::build_with_tls(server, TlsCertificates { client_tls: None, root_cert })
        }
    }
    .map_err(QueueError::Url)
}

impl Connection {
    /// Sends a pipeline in one round trip and reads its replies; an empty one is answered without.
    pub(super) async fn run<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, RedisError> {
        // The client fails it, and whoever tries again would do so for ever.
        if pipeline.is_empty() {
            return Ok(T::from_redis_value(redis::Value::Array(Vec::new()))?);
        }
        let reply = pipeline.query_async(&mut self.redis).await;
        self.note(reply)
    }

    /// Sends one command and reads its reply.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, RedisError> {
        let reply = command.query_async(&mut self.redis).await;
        self.note(reply)
    }

    /// The run of the server at its other end.
    pub(super) fn run_id(&self) -> &RunId {
        &self.run_id
    }

    /// Has the server asked, before this connection is lent again, whether it is what it was.
    pub(super) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// Whether that server is a node of a Redis Cluster.
    pub(super) fn is_of_cluster(&self) -> bool {
        self.is_of_cluster
    }

    fn note<T>(&mut self, reply: Result<T, RedisError>) -> Result<T, RedisError> {
        match &reply {
            Err(error) if error.is_io_error() || error.is_unrecoverable_error() => self.broken = true,
            // It may have become a replica, and so another run; or its name leads to another server by now.
            Err(error) if error.is_cluster_error() || is_replica(error) => self.broken = true,
            _ => self.answered_at = Instant::now(),
        }
        reply
    }
}

impl Trouble {
    fn note(&self, error: &RedisError) {
        let why: Arc<str> = describe(error).into();
        if let Some(unlogged) = self.logged.note(&why) {
            tracing::warn!(server = %self.server, error = %why, unlogged, "no connection to Redis");
        }
        *self.lock() = Some(LastFailure { why, is_refused_login: is_refused_login(error) });
    }

    fn lock(&self) -> MutexGuard<'_, Option<LastFailure>> {
        // Each change is a single step, so a panic elsewhere leaves it whole.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what a pool meets while it tries to connect: whoever waits for a connection learns only that there was none in time.
#[derive(Clone, Debug)]
struct Log(Arc<Trouble>);

impl bb8::ErrorSink<RedisError> for Log {
    fn sink(&self, error: RedisError) {
        self.0.note(&error);
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<RedisError>> {
        Box::new(self.clone())
    }
}

/// Whether the server refuses because it is a replica.
fn is_replica(error: &RedisError) -> bool {
    matches!(code_of(error).as_deref(), Some("READONLY" | "MASTERDOWN"))
}

impl ManageConnection for Connector {
    type Connection = Connection;
    type Error = RedisError;

    /// Tries again and again within the time-out: the pool itself waits for seconds between two attempts.
    async fn connect(&self) -> Result<Connection, RedisError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.connection().await {
                Ok(connection) => {
                    *self.trouble.lock() = None;
                    return Ok(connection);
                }
                Err(error) => {
                    let pause = PROBE_PERIOD.mul_f64(rand::rng().random_range(0.5..1.0));
                    if Instant::now() + pause >= deadline {
                        return Err(error);
                    }
                    self.trouble.note(&error);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn is_valid(&self, connection: &mut Connection) -> Result<(), RedisError> {
        if connection.answered_at.elapsed() < FRESH && !connection.doubted {
            return Ok(());
        }
        connection.doubted = false;
        if !connection.is_of_cluster {
            return connection.ask::<()>(&redis::cmd("PING")).await;
        }
        let about: InfoDict = connection.ask(&identifying()).await?;
        let is_same = RunId::of(&about) == connection.run_id;
        if is_same { Ok(()) } else { Err((ErrorKind::Io, "the node was a replica meanwhile").into()) }
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.broken
    }
}
