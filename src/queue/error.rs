//! What can go wrong with Redis.

use bb8_redis::bb8::RunError;
use bb8_redis::redis::RedisError;

use crate::ops::metrics::Failure;
use crate::tls::{self, TlsError};

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The URL cannot be used.
    #[error("REDIS_URL is not of the form redis://:password@host:port, or rediss:// for TLS: {0}")]
    Url(RedisError),
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
    /// No connection could be had within the time-out.
    #[error(
        "no connection to Redis within REDIS_TIMEOUT: it does not answer, or all REDIS_CONNECTIONS are busy; the log says why"
    )]
    NoConnection,
    /// The server's memory policy lets it throw accepted events away.
    #[error(
        "Redis may evict accepted events when its memory is full, as its maxmemory-policy is {0:?}; change it with: redis-cli CONFIG SET maxmemory-policy volatile-ttl (and in redis.conf)"
    )]
    Eviction(String),
    /// The server lacks commands that claims need.
    #[error("Redis {0} is too old; claims need Redis 7.0 or newer")]
    TooOld(String),
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

impl From<RunError<RedisError>> for QueueError {
    fn from(error: RunError<RedisError>) -> Self {
        match error {
            RunError::User(error) => Self::Redis(error),
            RunError::TimedOut => Self::NoConnection,
        }
    }
}

impl QueueError {
    /// Whether trying again later can help. Otherwise somebody has to change something first.
    #[must_use]
    pub fn will_pass(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::NoConnection | Self::LostAgain)
    }
}

impl Failure for QueueError {}

impl Failure for RedisError {}

/// The error, or what to do about it where the handshake failed.
pub(super) fn describe(error: &RedisError) -> String {
    tls::advice(error).unwrap_or_else(|| error.to_string())
}
