//! What can go wrong with Postgres.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The settings cannot work.
    #[error("{0}")]
    Configuration(String),
    /// No connection could be had.
    #[error("no connection to Postgres: {0}")]
    Pool(#[from] PoolError),
    /// Postgres refused or the connection broke.
    #[error("Postgres: {}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
}

/// The server's own message where it sent one: the client's is only "db error".
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(refusal) if *refusal.code() == SqlState::UNDEFINED_TABLE => {
            format!("{}; bring the schema up to date with: campaign-manager migrate", refusal.message())
        }
        Some(refusal) => format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code()),
        None => error.to_string(),
    }
}
