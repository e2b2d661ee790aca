//! SQLSTATE → what to do about it: the one place that decides. Pure but for the client's error type.

use tokio_postgres::error::SqlState;

use super::{StoreError, partitions};

/// What to do about a failure of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It will pass: the same batch again, after a while.
    Retry,
    /// A row is to blame: it will be refused however often it is sent.
    Refuse,
    /// Somebody has to change something: stop with the message, acknowledge nothing.
    Stop,
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Configuration(_) => Action::Stop,
            Self::Pool(deadpool_postgres::PoolError::Backend(error)) | Self::Postgres(error) => {
                action_of(error)
            }
            Self::Pool(_) | Self::Searching | Self::NoAnswer(_) => Action::Retry,
        }
    }

    /// Whether an event was refused because one with its id is in the partition already, which is sealed.
    #[must_use]
    pub fn is_stored_already(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        error.as_db_error().is_some_and(|refusal| {
            is_stored_already(refusal.code().code(), refusal.table(), refusal.constraint())
        })
    }

    /// Whether the partition of a row was missing: it was dropped after it had been looked up.
    #[must_use]
    pub fn is_without_partition(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        error
            .as_db_error()
            .is_some_and(|refusal| is_without_partition(refusal.code().code(), refusal.constraint()))
    }

    /// Whether a lock was not to be had in time (`lock_timeout`).
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// Whether a statement was ended because it took too long (`statement_timeout`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&SqlState::QUERY_CANCELED))
    }
}

/// What to do about what the client says.
pub(super) fn action_of(error: &tokio_postgres::Error) -> Action {
    match error.code() {
        Some(state) => action_for(state.code()),
        // No SQLSTATE: the connection broke, or its answer never came.
        None => Action::Retry,
    }
}

/// The table. Classes are the first two characters (PostgreSQL manual, appendix A).
fn action_for(sqlstate: &str) -> Action {
    match sqlstate {
        // serialization failure, deadlock; a server that shuts down, starts, or has become a standby
        "40001" | "40P01" | "57P01" | "57P02" | "57P03" | "25006"
        // a session that was ended for being idle too long: this process stood still
        | "25P03" | "25P04" | "57P05"
        // a lock that somebody holds for too long
        | "55P03"
        // a statement sent along with one that failed, and heard of first: the next attempt tells what failed
        | "25P02" => Action::Retry,
        // connection exceptions, insufficient resources
        state if state.starts_with("08") || state.starts_with("53") => Action::Retry,
        // data exceptions, violated constraints
        state if state.starts_with("22") || state.starts_with("23") => Action::Refuse,
        _ => Action::Stop,
    }
}

fn is_stored_already(sqlstate: &str, table: Option<&str>, constraint: Option<&str>) -> bool {
    sqlstate == SqlState::UNIQUE_VIOLATION.code()
        && table
            .zip(constraint)
            .is_some_and(|(table, index)| partitions::keeps_event_ids_unique(table, index))
}

/// A row that a check constraint refuses has the name of the constraint; one that no partition takes has none.
fn is_without_partition(sqlstate: &str, constraint: Option<&str>) -> bool {
    sqlstate == SqlState::CHECK_VIOLATION.code() && constraint.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_retried_what_is_wrong_with_a_row_is_refused_the_rest_stops() {
        for state in [
            "08006", "40001", "40P01", "53100", "53300", "57P01", "57P03", "25006", "25P03", "57P05",
            "55P03", "25P02",
        ] {
            assert_eq!(action_for(state), Action::Retry, "{state}");
        }
        for state in ["22P02", "22021", "23505", "23514"] {
            assert_eq!(action_for(state), Action::Refuse, "{state}");
        }
        for state in ["42P01", "42501", "28P01", "3D000", "57014"] {
            assert_eq!(action_for(state), Action::Stop, "{state}");
        }
    }
    #[test]
    fn only_a_second_row_of_an_id_in_a_sealed_partition_is_stored_already() {
        let (table, index) = (Some("events_20261123"), Some("events_20261123_event_id_key"));
        assert!(is_stored_already("23505", table, index));
        assert!(!is_stored_already("23505", table, Some("events_20261123_one_a_day")), "somebody's own");
        assert!(!is_stored_already("23514", table, index), "a check");
        assert!(!is_stored_already("23505", None, index));
    }

    #[test]
    fn a_row_without_a_partition_is_told_from_one_that_a_check_refuses() {
        assert!(is_without_partition("23514", None));
        assert!(!is_without_partition("23514", Some("events_amount_check")));
        assert!(!is_without_partition("23505", None));
    }
}
