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

    /// Each check's name, with what fails.
    pub async fn check(&self) -> Vec<(&'static str, Result<(), String>)> {
        let outcomes = self.checks.iter().map(|(name, check)| async {
            let outcome = tokio::time::timeout(PATIENCE, check()).await;
            (*name, outcome.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))))
        });
        futures_util::future::join_all(outcomes).await
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}
