//! Why a run could not be done. What a run found out about the server is no error but its [`Report`](crate::Report).

use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::target::RequestError;

/// A run that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The server did not answer.
    #[error("{target}: {source}; is `campaign-manager up` running there?")]
    Unreachable {
        /// The server.
        target: String,
        /// What happened.
        source: RequestError,
    },
    /// The system does not let the tool have so many connections.
    #[error(
        "{connections} connections need {needed} open files, and this system allows {}; raise the limit (ulimit -n {needed}, where the hard limit is as high) or give fewer --connections",
        .allowed.map_or("fewer".to_owned(), |allowed| allowed.to_string())
    )]
    OpenFiles {
        /// Connections that were asked for.
        connections: u32,
        /// Files that have to be open.
        needed: u64,
        /// Files that may be, if that is known.
        allowed: Option<u64>,
    },
    /// The server answered something that ends the run.
    #[error("{target}: {route} was answered {status}: {detail}{hint}")]
    Refused {
        /// The server.
        target: String,
        /// What was asked.
        route: String,
        /// The answer's status.
        status: u16,
        /// What the server said.
        detail: String,
        /// What to do about it, if that is known.
        hint: &'static str,
    },
    /// The tool's campaigns did not begin to match.
    #[error(
        "{campaign:?} was created as active but did not match within {waited:?}; is a worker running, and has it loaded its rules?"
    )]
    NotLive {
        /// The campaign's name.
        campaign: String,
        /// For how long the tool has waited.
        waited: Duration,
    },
    /// Postgres could not be asked.
    #[error("database: {}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// Postgres did not answer.
    #[error("database: no answer within {0:?}")]
    DatabaseTimeout(Duration),
    /// The run was stopped before anything was sent.
    #[error("stopped before anything was sent")]
    Stopped,
    /// What the server stores does not appear in the database.
    #[error(
        "the server says that it has stored {event_id}, and the database does not have it; does --database-url name the server's own database?"
    )]
    OtherDatabase {
        /// The event.
        event_id: String,
    },
}

/// What a wrong user, password or name of a database is answered with.
const LOGIN: [SqlState; 3] = [
    SqlState::INVALID_PASSWORD,
    SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    SqlState::INVALID_CATALOG_NAME,
];

/// The server's own message where it sent one: the client's is only "db error".
fn describe(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    match (error.as_db_error(), error.source()) {
        (Some(refusal), _) if *refusal.code() == SqlState::UNDEFINED_TABLE => {
            format!("{}; does --database-url name the server's own database?", refusal.message())
        }
        (Some(refusal), _) if LOGIN.contains(refusal.code()) => {
            format!("{}; are user, password and database in --database-url right?", refusal.message())
        }
        (Some(refusal), _) => format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code()),
        (None, Some(source)) => {
            format!(
                "{error}: {source}; is --database-url right, and does the server's Postgres run? (One that was started anew elsewhere is found by --env-file only.)"
            )
        }
        (None, None) => error.to_string(),
    }
}
