//! Readiness: named checks, each of which says what fails.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// How long all checks together may take.
const PATIENCE: Duration = Duration::from_secs(2);

type Outcome = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Check = Box<dyn Fn() -> Outcome + Send + Sync>;

/// What must hold for a process to do its work.
#[derive(Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
}

impl Readiness {
    /// Adds a check. What it says when it fails is shown to whoever asks, so it must hold no secret.
    pub fn require<F>(&mut self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || Box::pin(check()))));
    }

    /// Each check's name, with what fails. What two parts of a process require by one name is told once.
    pub async fn check(&self) -> Vec<(&'static str, Result<(), String>)> {
        let outcomes = self.checks.iter().map(|(name, check)| async {
            let outcome = tokio::time::timeout(PATIENCE, check()).await;
            (*name, outcome.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))))
        });
        let mut told: Vec<(&'static str, Result<(), String>)> = Vec::new();
        for (name, outcome) in futures_util::future::join_all(outcomes).await {
            match told.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = std::mem::replace(known, Ok(())).and(outcome),
                None => told.push((name, outcome)),
            }
        }
        told
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
    async fn what_two_parts_require_by_one_name_is_told_once_and_fails_if_either_fails() {
        for outcomes in [[Ok(()), Err("away".to_owned())], [Err("away".to_owned()), Ok(())]] {
            let mut readiness = Readiness::default();
            for outcome in outcomes {
                readiness.require("redis", move || std::future::ready(outcome.clone()));
            }
            readiness.require("postgres", || std::future::ready(Ok(())));
            let told = readiness.check().await;
            assert_eq!(told, [("redis", Err("away".to_owned())), ("postgres", Ok(()))]);
        }
    }
}
