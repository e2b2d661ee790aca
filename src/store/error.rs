//! What can go wrong with Postgres.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

use super::sqlstate::{Action, action_of};
use crate::ops::metrics::Failure;
use crate::tls;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The settings cannot work.
    #[error("{0}")]
    Configuration(String),
    /// No connection could be had.
    #[error("no connection to Postgres: {} ({server})", describe_pool(.error))]
    Pool {
        /// Where it is.
        server: Arc<str>,
        /// Why.
        error: PoolError,
    },
    /// Postgres refused or the connection broke.
    #[error("Postgres: {}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// Roles were to be made by a role that may not.
    #[error(
        "Postgres: {0}; the roles are made by a superuser, or by somebody who may make roles and owns the database: name one in DATABASE_URL"
    )]
    MakesNoRoles(String),
    /// Too many searches were under way.
    #[error("too many searches are under way; raise DATABASE_CONNECTIONS, or ask less at a time")]
    Searching,
    /// Postgres did not answer in time.
    #[error("Postgres has not answered for {0:?}; the connection was given up")]
    NoAnswer(Duration),
}

impl Failure for StoreError {
    fn is_of_server(&self) -> bool {
        self.action() != Action::Refuse
    }
}

impl Failure for tokio_postgres::Error {
    fn is_of_server(&self) -> bool {
        action_of(self) != Action::Refuse
    }
}

/// The server's own message where it sent one: the client's is only "db error".
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(refusal) if *refusal.code() == SqlState::UNDEFINED_TABLE => {
            format!("{}; bring the schema up to date with: campaign-manager migrate", refusal.message())
        }
        Some(refusal) if *refusal.code() == SqlState::INSUFFICIENT_PRIVILEGE => {
            format!("{}; {}", refusal.message(), way_to_rights(refusal.message()))
        }
        Some(refusal)
            if *refusal.code() == SqlState::UNDEFINED_OBJECT && refusal.message().starts_with("role ") =>
        {
            format!("{}; correct the name, or make the role with: campaign-manager roles", refusal.message())
        }
        Some(refusal) if refusal.message().contains("no encryption") => {
            format!("{}; add sslmode=verify-full to DATABASE_URL", refusal.message())
        }
        Some(refusal) => format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code()),
        None => describe_connection(error),
    }
}

/// Who grants what was missing, by what Postgres said.
fn way_to_rights(message: &str) -> &'static str {
    if message.starts_with("permission denied for ") {
        "as the owner of the database: campaign-manager migrate --grant-serve ROLE --grant-worker ROLE"
    } else if message.to_lowercase().contains("role") {
        "as a superuser: campaign-manager roles, which makes the owner a member of the worker's role"
    } else {
        "name the owner of the database, or a superuser, in DATABASE_URL"
    }
}

fn describe_connection(error: &tokio_postgres::Error) -> String {
    if let Some(advice) = tls::advice(error) {
        return advice;
    }
    match error.source() {
        Some(cause) if cause.to_string().contains("does not support TLS") => {
            "the server does not speak TLS; set ssl=on there, or sslmode=disable in DATABASE_URL".to_owned()
        }
        Some(cause) if !error.to_string().contains(&cause.to_string()) => format!("{error}: {cause}"),
        _ => error.to_string(),
    }
}

fn describe_pool(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => describe(error),
        PoolError::Timeout(_) => {
            "none was free in time; raise DATABASE_CONNECTIONS or look why Postgres is slow".to_owned()
        }
        other => other.to_string(),
    }
}
