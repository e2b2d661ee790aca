//! What can go wrong with Redis.

use std::sync::Arc;

use bb8_redis::redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::config::UNESCAPED;
use crate::ops::metrics::Failure;
use crate::tls::{self, TlsError};

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The URL cannot be used.
    #[error("REDIS_URL is not of the form redis://:password@host:port, or rediss:// for TLS: {0}")]
    Url(RedisError),
    /// The URL has a character in its password that ends the part before the host.
    #[error("REDIS_URL is not of the form redis://:password@host:port: {UNESCAPED}")]
    Unescaped,
    /// The URL asks for a certificate that is not verified.
    #[error(
        "REDIS_URL ends in #insecure: servers are always verified here; name the file of your own CA with ?sslrootcert=PATH instead"
    )]
    Unverified,
    /// TLS cannot be used as the URL asks for.
    #[error("REDIS_URL: {0}")]
    Tls(Box<TlsError>),
    /// Redis refused, did not answer in time, or the connection broke.
    #[error("Redis: {}", describe(.0))]
    Redis(#[from] RedisError),
    /// The same, of the server at this address.
    #[error("Redis at {server}: {}", describe(.error))]
    Server {
        /// Where it is.
        server: Arc<str>,
        /// What it said, or what became of the connection.
        error: RedisError,
    },
    /// No connection could be had within the time-out.
    #[error("no connection to Redis at {server} within REDIS_TIMEOUT: {why}")]
    NoConnection {
        /// Where it is.
        server: Arc<str>,
        /// The last failure to connect.
        why: Arc<str>,
    },
    /// No connection could be had, as the server refuses the password, the user, or a client without either.
    #[error(
        "Redis at {server} does not let this process in: {why}; REDIS_URL needs the password, and the user if it is not the default one, that Redis has: redis://user:password@host:port"
    )]
    NotLetIn {
        /// Where it is.
        server: Arc<str>,
        /// What it said.
        why: Arc<str>,
    },
    /// Several servers are named, which are not the nodes of one cluster.
    #[error(
        "REDIS_URL names several servers, but {0} is no node of a Redis Cluster; name one server, or nodes of one cluster"
    )]
    NotACluster(String),
    /// The cluster serves nothing, or a node has lost the others.
    #[error(
        "the Redis Cluster is down, says its node {0} (cluster_state:fail): a node is away and none of its replicas took over, or the nodes do not reach each other; see: redis-cli CLUSTER NODES"
    )]
    ClusterDown(String),
    /// The cluster is not set up to its end.
    #[error(
        "{0} of the 16384 slots of the Redis Cluster have no node; give them one with: redis-cli --cluster fix HOST:PORT"
    )]
    Uncovered(u16),
    /// One node of the cluster has a fault of its own.
    #[error("node {node} of the Redis Cluster: {source}")]
    Node {
        /// Where it is.
        node: String,
        /// What is wrong with it.
        source: Box<QueueError>,
    },
    /// The server's memory policy lets it throw accepted events away.
    #[error(
        "Redis may evict accepted events when its memory is full, as its maxmemory-policy is {0:?}; change it with: redis-cli CONFIG SET maxmemory-policy volatile-ttl (and in redis.conf)"
    )]
    Eviction(String),
    /// The server lacks commands that claims need.
    #[error("Redis {0} is too old; claims need Redis 7.0 or newer")]
    TooOld(String),
    /// The queue has another count of shards.
    #[error(
        "SHARDS is {here} here, and the queue in Redis has {queue} shards, so events would be lost from sight or stored twice. Set SHARDS={queue} for this process; or give the queue the other count, with every serve and worker ended: campaign-manager reshard --shards {here}"
    )]
    OtherShards {
        /// The setting of this process.
        here: usize,
        /// What the queue keeps.
        queue: i64,
    },
    /// Redis lost something while its claims were being restored.
    #[error("Redis lost claims again while they were being restored; beginning anew")]
    LostAgain,
    /// Redis answered in a form that this release does not know.
    #[error("Redis answered {command} in an unexpected form: {what}")]
    Reply {
        /// The command.
        command: &'static str,
        /// What was wrong with the answer.
        what: String,
    },
}

impl From<TlsError> for QueueError {
    fn from(error: TlsError) -> Self {
        Self::Tls(Box::new(error))
    }
}

impl QueueError {
    /// What the client says, where it was the client.
    fn redis(&self) -> Option<&RedisError> {
        match self {
            Self::Redis(error) | Self::Server { error, .. } => Some(error),
            Self::Node { source, .. } => source.redis(),
            _ => None,
        }
    }

    /// The word that begins a reply which is an error, as in `NOREPLICAS Not enough good replicas to write.`
    pub(super) fn code(&self) -> Option<String> {
        code_of(self.redis()?)
    }

    /// Whether the shard has moved to another server, which did nothing for it here.
    pub(super) fn is_moved(&self) -> bool {
        self.redis().is_some_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::Moved))
    }

    /// Whether the consumer group is not there.
    pub(super) fn is_without_group(&self) -> bool {
        self.code().as_deref() == Some("NOGROUP")
    }

    /// Whether Redis' memory is full: it refuses writes until there is room.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.code().as_deref() == Some("OOM")
    }

    /// Whether Redis cannot be reached, or reads its file. An attempt then costs next to nothing.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let is_away = |error: &RedisError| {
            let code = code_of(error);
            error.is_io_error() || matches!(code.as_deref(), Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN"))
        };
        match self {
            Self::NoConnection { .. } | Self::NotLetIn { .. } | Self::ClusterDown(_) => true,
            Self::Node { source, .. } => source.is_away(),
            _ => self.redis().is_some_and(is_away),
        }
    }

    /// Whether trying again later can help. Otherwise somebody has to change something first.
    ///
    /// That is so for every error that Redis replies with. Some pass of themselves: `LOADING`, `BUSY` (a script), `OOM`,
    /// `TRYAGAIN`, `CLUSTERDOWN`. Others when somebody has changed something in Redis: `READONLY`, `MASTERDOWN`,
    /// `NOREPLICAS`, `MISCONF`, and also `WRONGPASS` and `NOPERM`. Nothing is lost meanwhile, and readiness says what is
    /// waited for.
    #[must_use]
    pub fn will_pass(&self) -> bool {
        match self {
            Self::Redis(_)
            | Self::Server { .. }
            | Self::NoConnection { .. }
            | Self::NotLetIn { .. }
            | Self::ClusterDown(_)
            | Self::Uncovered(_)
            | Self::LostAgain => true,
            Self::Node { source, .. } => source.will_pass(),
            _ => false,
        }
    }
}

impl Failure for QueueError {}

/// Of a pipeline's errors the first one's.
pub(super) fn code_of(error: &RedisError) -> Option<String> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error.code().to_owned())
}

/// Whether the server refuses the password, the user, or a client without either.
pub(super) fn is_refused_login(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(code_of(error).as_deref(), Some("NOAUTH" | "WRONGPASS"))
}

/// The error, or what to do about it where the handshake failed. Of a pipeline's errors the first.
pub(super) fn describe(error: &RedisError) -> String {
    let first = || error.clone().into_server_errors()?.first().map(|(_, error)| error.to_string());
    tls::advice(error).or_else(first).unwrap_or_else(|| error.to_string())
}
