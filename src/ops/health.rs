//! Readiness: named conditions, each with the reason why it does not hold.
//!
//! A part of a process adds its conditions to [`Readiness`] when it starts, in one of two ways:
//!
//! - [`Readiness::condition`] returns a [`Condition`], which the part sets when something happens. Prefer it: readiness
//!   is what happened lately, and setting a condition also logs the change.
//! - [`Readiness::require`] takes a check, which runs whenever somebody asks.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long all checks together may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Outcome = Pin<Box<dyn Future<Output = Status> + Send>>;
type Check = Box<dyn Fn() -> Outcome + Send + Sync>;

/// Whether a condition holds. A reason is shown to whoever asks, so it must hold no secret. The order is that of severity.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It holds.
    #[default]
    Ok,
    /// An operator should know this. The process does its work, and is ready.
    Warning(String),
    /// The process cannot do its work. It is not ready.
    Failed(String),
}

impl From<Result<(), String>> for Status {
    fn from(outcome: Result<(), String>) -> Self {
        outcome.map_or_else(Self::Failed, |()| Self::Ok)
    }
}

/// A condition that its owner sets. Clones are the same condition.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    status: Arc<Mutex<Status>>,
}

impl Condition {
    /// A condition that holds.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, status: Arc::default() }
    }

    /// It holds.
    pub fn ok(&self) {
        self.set(Status::Ok);
    }

    /// An operator should know `reason`; the process stays ready.
    pub fn warn(&self, reason: impl Into<String>) {
        self.set(Status::Warning(reason.into()));
    }

    /// The process is not ready, for this `reason`.
    pub fn fail(&self, reason: impl Into<String>) {
        self.set(Status::Failed(reason.into()));
    }

    /// Sets the status, and logs a change between the three kinds. A reason that only changes its words is not logged again.
    pub fn set(&self, status: Status) {
        let before = std::mem::replace(&mut *self.lock(), status.clone());
        if std::mem::discriminant(&before) == std::mem::discriminant(&status) {
            return;
        }
        match status {
            Status::Ok => tracing::info!(condition = self.name, "ok again"),
            Status::Warning(reason) => tracing::warn!(condition = self.name, reason, "ready, with a warning"),
            Status::Failed(reason) => tracing::warn!(condition = self.name, reason, "not ready"),
        }
    }

    /// The status now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        // Each change is a single step, so a panic elsewhere leaves it whole.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The conditions of a process.
#[derive(Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
}

impl Readiness {
    /// Adds a condition that its owner sets. It holds until the owner says otherwise.
    #[must_use]
    pub fn condition(&mut self, name: &'static str) -> Condition {
        let condition = Condition::new(name);
        self.add(&condition);
        condition
    }

    /// Adds a condition that was made elsewhere.
    pub fn add(&mut self, condition: &Condition) {
        let told = condition.clone();
        self.observe(condition.name, move || std::future::ready(told.status()));
    }

    /// Adds a condition that holds if `check` does.
    pub fn require<F>(&mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.observe(name, move || {
            let outcome = check();
            async { outcome.await.into() }
        });
    }

    /// Adds a condition whose status `check` finds.
    pub fn observe<F>(&mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Status> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || Box::pin(check()))));
    }

    /// Each condition with its status. If two parts of a process have a condition of one name, the worse status counts.
    pub async fn check(&self) -> Vec<(&'static str, Status)> {
        let outcomes = self.checks.iter().map(|(name, check)| async {
            let status = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            let late = |_| Status::Failed(format!("no answer within {CHECK_TIMEOUT:?}"));
            (*name, status.unwrap_or_else(late))
        });
        let mut conditions: Vec<(&'static str, Status)> = Vec::new();
        for (name, status) in futures_util::future::join_all(outcomes).await {
            match conditions.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = std::mem::take(known).max(status),
                None => conditions.push((name, status)),
            }
        }
        conditions
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_two_conditions_with_one_name_the_worse_status_counts() {
        let away = || Status::Failed("away".to_owned());
        let slow = || Status::Warning("slow".to_owned());
        for (statuses, expected) in [
            ([Status::Ok, away()], away()),
            ([away(), Status::Ok], away()),
            ([away(), slow()], away()),
            ([Status::Ok, slow()], slow()),
        ] {
            let mut readiness = Readiness::default();
            for status in statuses {
                readiness.condition("redis").set(status);
            }
            readiness.require("postgres", || std::future::ready(Ok(())));
            assert_eq!(readiness.check().await, [("redis", expected), ("postgres", Status::Ok)]);
        }
    }

    #[tokio::test]
    async fn a_condition_shows_what_it_was_set_to_last() {
        let mut readiness = Readiness::default();
        let condition = readiness.condition("disk");
        condition.fail("full");
        condition.warn("nearly full");
        assert_eq!(readiness.check().await, [("disk", Status::Warning("nearly full".to_owned()))]);
        condition.ok();
        assert_eq!(readiness.check().await, [("disk", Status::Ok)]);
    }
}
