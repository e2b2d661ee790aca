//! SQLSTATE → what to do about it: the one place that decides. Pure but for the client's error type.

use deadpool_postgres::{HookError, PoolError};
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
            Self::Configuration(_) | Self::MakesNoRoles(_) => Action::Stop,
            Self::Pool {
                error: PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)),
                ..
            }
            | Self::Postgres(error) => action_of(error),
            Self::Pool { .. } | Self::Searching | Self::NoAnswer(_) => Action::Retry,
        }
    }

    /// Whether Postgres cannot be reached, shuts down or starts. An attempt then ends where it connects.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Configuration(_) | Self::MakesNoRoles(_) | Self::Searching => false,
            Self::Pool { error: PoolError::Backend(error), .. } | Self::Postgres(error) => {
                error.code().is_none_or(|state| is_away(state.code()))
            }
            Self::Pool { .. } | Self::NoAnswer(_) => true,
        }
    }

    /// Whether an event was refused because it is in the partition already, which is sealed.
    #[must_use]
    pub fn is_stored_already(&self) -> bool {
        self.violated(partitions::keeps_identities_unique).is_some()
    }

    /// Where an event was refused because one with its id, perhaps of another user, is in a partition that an older release
    /// has sealed: that partition.
    #[must_use]
    pub fn has_id_in(&self) -> Option<&str> {
        self.violated(partitions::keeps_event_ids_unique)
    }

    /// The table of the unique index that was violated, if it is such a one.
    fn violated(&self, is_such: fn(&str, &str) -> bool) -> Option<&str> {
        let Self::Postgres(error) = self else { return None };
        let refusal = error.as_db_error()?;
        violated(refusal.code().code(), refusal.table(), refusal.constraint(), is_such)
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

/// The table: every class that a batch can meet (PostgreSQL manual, appendix A). A class is the first two characters.
fn action_for(sqlstate: &str) -> Action {
    match sqlstate {
        // the database was dropped; a constraint was violated at COMMIT, by nobody knows which row
        "57P04" | "40002" => Action::Stop,
        // read only: the server has become a standby, or somebody set it so
        "25006"
        // a session that was ended for being idle, or in a transaction, too long: this process stood still
        | "25P03" | "25P04"
        // a statement sent along with one that failed, and heard of first: the next attempt tells what failed
        | "25P02"
        // an object in use, a lock that somebody holds for too long
        | "55006" | "55P03"
        // a system error, an I/O error of Postgres' disk
        | "58000" | "58030" => Action::Retry,
        _ => match sqlstate.get(..2).unwrap_or_default() {
            // connection exceptions; rolled back for others' sake: serialization failures, deadlocks; insufficient resources;
            // intervention by an operator: a cancelled statement, a server that shuts down or starts; a snapshot too old
            "08" | "40" | "53" | "57" | "72" => Action::Retry,
            // data exceptions; violated constraints and views' conditions; limits such as the size of a row or of an
            // index' entry; what triggers and functions of an administrator raise, by SQL or in another language
            "22" | "23" | "44" | "54" | "09" | "38" | "39" | "P0" => Action::Refuse,
            _ => Action::Stop,
        },
    }
}

fn is_away(sqlstate: &str) -> bool {
    sqlstate.starts_with("08") || matches!(sqlstate, "57P01" | "57P02" | "57P03" | "53300")
}

fn violated<'e>(
    sqlstate: &str,
    table: Option<&'e str>,
    constraint: Option<&str>,
    is_such: fn(&str, &str) -> bool,
) -> Option<&'e str> {
    let (table, index) = table.zip(constraint)?;
    (sqlstate == SqlState::UNIQUE_VIOLATION.code() && is_such(table, index)).then_some(table)
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
            "08006", "40001", "40P01", "40003", "53100", "53200", "53300", "57P01", "57P03", "57P05",
            "57014", "25006", "25P03", "25P02", "55P03", "55006", "58030", "72000",
        ] {
            assert_eq!(action_for(state), Action::Retry, "{state}");
        }
        for state in ["22P02", "22021", "23505", "23514", "44000", "54000", "54001", "P0001", "38000"] {
            assert_eq!(action_for(state), Action::Refuse, "{state}");
        }
        for state in ["42P01", "42501", "28P01", "3D000", "57P04", "40002", "58P01", "XX001", "0A000", ""] {
            assert_eq!(action_for(state), Action::Stop, "{state}");
        }
    }

    #[test]
    fn a_server_that_answers_is_not_away() {
        assert!(["08006", "57P01", "57P03"].into_iter().all(is_away));
        assert!(!["57014", "53100", "25006", "40001"].into_iter().any(is_away));
    }

    #[test]
    fn only_a_second_row_of_an_event_in_a_sealed_partition_is_stored_already() {
        let table = Some("events_20261123");
        let index = Some("events_20261123_event_id_user_id_from_browser_key");
        let by =
            |sqlstate, table, index| violated(sqlstate, table, index, partitions::keeps_identities_unique);
        assert_eq!(by("23505", table, index), table);
        assert_eq!(by("23505", table, Some("events_20261123_one_a_day")), None, "somebody's own");
        assert_eq!(by("23505", table, Some("events_20261123_event_id_key")), None, "perhaps another user's");
        assert_eq!(by("23514", table, index), None, "a check");
        assert_eq!(by("23505", None, index), None);
    }

    #[test]
    fn a_row_without_a_partition_is_told_from_one_that_a_check_refuses() {
        assert!(is_without_partition("23514", None));
        assert!(!is_without_partition("23514", Some("events_amount_check")));
        assert!(!is_without_partition("23505", None));
    }
}
