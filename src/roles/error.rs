//! Why a role did not start, or ended.

use std::net::SocketAddr;

use crate::config::{MarksCrossed, OpenToAll, RetentionTooShort};
use crate::embedded::EmbeddedError;
use crate::ops::TaskEnded;
use crate::queue::QueueError;
use crate::store::{MigrateError, StoreError};
use crate::tls::TlsError;
use crate::worker::{CatalogError, WorkerError};

/// A failure that ends a role.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// An address is taken or not ours.
    #[error("cannot listen on {addr}: {source}; choose another with {flag}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The settings for Redis cannot work.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The campaigns could not be loaded.
    #[error("the campaigns could not be loaded: {0}")]
    Catalog(#[from] CatalogError),
    /// The pipeline stopped.
    #[error("the pipeline stopped, with nothing lost: {0}")]
    Worker(#[from] WorkerError),
    /// Everybody would be let in.
    #[error(transparent)]
    OpenToAll(#[from] OpenToAll),
    /// Marks that cannot work.
    #[error(transparent)]
    Marks(#[from] MarksCrossed),
    /// A retention that cannot work.
    #[error(transparent)]
    Retention(#[from] RetentionTooShort),
    /// The certificate of the API's server cannot be used.
    #[error("--tls-cert and --tls-key: {0}")]
    Tls(#[from] TlsError),
    /// A private server failed.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// Redis was ended, on a further signal, while it held acknowledged events that its disk did not take.
    #[error(
        "Redis was ended before it had written all that it acknowledged: what its disk did not take is lost, unless \
         clients send it again; see the log for how much it was"
    )]
    Unwritten,
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// A background task ended or panicked.
    #[error(transparent)]
    Background(#[from] TaskEnded),
    /// A part ended without an error, though nobody asked it to.
    #[error("the {0} ended of itself; the log says why")]
    Ended(&'static str),
    /// The process' own surroundings.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl RoleError {
    /// Whether settings contradict each other, so that the role cannot start whatever its surroundings are.
    #[must_use]
    pub fn is_of_settings(&self) -> bool {
        matches!(self, Self::OpenToAll(_) | Self::Marks(_) | Self::Retention(_))
    }
}
