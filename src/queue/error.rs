//! What can go wrong with Redis.

use bb8_redis::bb8::RunError;
use bb8_redis::redis::RedisError;

use super::FrameError;

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The URL cannot be used.
    #[error("REDIS_URL is not of the form redis://:password@host:port: {0}")]
    Url(RedisError),
    /// Redis refused, did not answer in time, or the connection broke.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// No connection was free within the time-out.
    #[error("no connection to Redis was free in time; raise REDIS_CONNECTIONS or look why Redis is slow")]
    NoConnection,
    /// Redis answered in a form that this release does not know.
    #[error("Redis answered {command} in an unexpected form: {what}")]
    Reply {
        /// The command.
        command: &'static str,
        /// What was wrong with the answer.
        what: String,
    },
    /// A stream entry is not a frame.
    #[error("stream entry: {0}")]
    Frame(#[from] FrameError),
}

impl From<RunError<RedisError>> for QueueError {
    fn from(error: RunError<RedisError>) -> Self {
        match error {
            RunError::User(error) => Self::Redis(error),
            RunError::TimedOut => Self::NoConnection,
        }
    }
}
