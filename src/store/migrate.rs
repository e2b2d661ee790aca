//! Brings the database to the newest schema: `migrations/`, compiled in.
//!
//! Safe to run twice, and by many processes at once: the run holds an advisory lock of the database, which goes with the
//! connection, so a process that dies in the middle blocks nobody. Each migration is a transaction of its own, together
//! with the row that says that it was applied.

use std::time::Duration;

use refinery::{Migration, Runner};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::roles::{self, Grantees};
use super::{Database, StoreError};
use crate::config::DatabaseUrl;

/// How long the database may take to let us in.
const CONNECT: Duration = Duration::from_secs(10);
/// "campaign", as the number of the lock.
const LOCK: i64 = i64::from_be_bytes(*b"campaign");

mod embedded {
    // generated, and so without docs
    #![allow(missing_docs, unreachable_pub)]
    refinery::embed_migrations!("migrations");
}

/// What a run has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The migrations applied by this run, oldest first, as `V1__campaigns`.
    pub migrations: Vec<String>,
    /// The version of the schema now.
    pub version: i32,
}

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be reached, or refuses the lock.
    #[error("the database to migrate: {}{}", .0, way_in(.0))]
    Database(#[from] StoreError),
    /// A migration failed, or the history in the database is not that of this program.
    #[error("the migration stopped, and what it had begun was rolled back: {0}")]
    Migration(#[from] refinery::Error),
}

/// What to do where nobody was let in.
fn way_in(error: &StoreError) -> &'static str {
    match error {
        StoreError::Postgres(error) if error.code().is_some_and(|code| !is_of_login(code)) => "",
        _ => "; check DATABASE_URL and that the server runs",
    }
}

/// Whether a server says so that refuses a user, a password or a database.
fn is_of_login(code: &SqlState) -> bool {
    code.code().starts_with("28") || *code == SqlState::INVALID_CATALOG_NAME
}

/// Applies what is missing. Roles that were granted what `serve` and `worker` need have it of new tables too.
pub async fn migrate(database_url: &str) -> Result<Applied, MigrateError> {
    migrate_and_grant(database_url, &Grantees::default()).await
}

/// The same, and grants these roles what they need.
pub async fn migrate_and_grant(database_url: &str, grantees: &Grantees) -> Result<Applied, MigrateError> {
    let url = DatabaseUrl::from(database_url.to_owned());
    let (mut client, connection) = Database::at(&url, CONNECT)?.connect().await?;
    let run = async move {
        client.execute("select pg_advisory_lock($1)", &[&LOCK]).await.map_err(StoreError::from)?;
        let applied = apply(&mut client).await?;
        roles::grant(&mut client, grantees).await?;
        Ok::<_, MigrateError>(applied)
        // the client is dropped here, which ends the connection and frees the lock
    };
    let (applied, connection) = tokio::join!(run, connection);
    let applied = applied?;
    connection.map_err(StoreError::from)?;
    Ok(applied)
}

/// The version of the schema that is there, without a change to the database; 0 where there is none.
pub async fn version(database_url: &DatabaseUrl) -> Result<i32, MigrateError> {
    let (client, connection) = Database::at(database_url, CONNECT)?.connect().await?;
    let look = async move { client.query_one("select max(version) from refinery_schema_history", &[]).await };
    let (found, _) = tokio::join!(look, connection);
    match found {
        Ok(row) => Ok(row.get::<_, Option<i32>>(0).unwrap_or(0)),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
        Err(error) => Err(StoreError::from(error).into()),
    }
}

/// The version that this program brings the schema to.
#[must_use]
pub fn newest() -> i32 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().map(Migration::version).max().unwrap_or(0)
}

async fn apply(client: &mut Client) -> Result<Applied, MigrateError> {
    let runner: Runner = embedded::migrations::runner();
    let report = runner.run_async(client).await?;
    let migrations = report.applied_migrations().iter().map(ToString::to_string).collect();
    let version = runner.get_last_applied_migration_async(client).await?.map_or(0, |last| last.version());
    Ok(Applied { migrations, version })
}
