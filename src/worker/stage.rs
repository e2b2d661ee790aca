//! What every stage needs: its name, the runtime to block on, and patience with servers that fail for a while.

use std::fmt::Display;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::WorkerError;
use super::backoff::Backoff;
use super::error::ServerFailure;
use super::halt::Halt;
use crate::ops::Condition;

/// While a server is away: the attempt itself finds out whether it is back.
const PROBING: Backoff = match Backoff::new(Duration::from_millis(50), Duration::from_millis(250)) {
    Some(backoff) => backoff,
    None => panic!("50 ms is less than 250 ms"),
};
/// While a server answers, and refuses what will pass.
const RETRYING: Backoff = match Backoff::new(Duration::from_millis(50), Duration::from_secs(1)) {
    Some(backoff) => backoff,
    None => panic!("50 ms is less than a second"),
};
/// From so many failures on, or after this time, the process is not ready: a single conflict is nothing to report.
const NOT_READY: (u32, Duration) = (2, Duration::from_secs(1));
/// A failure that stays the same is logged once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// A stage's surroundings.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) runtime: Handle,
    pub(super) halt: Halt,
    /// Whether the stage gets on; shown by readiness.
    pub(super) condition: Condition,
}

/// Why a stage ends before its channel does.
#[derive(Debug)]
pub(super) enum Ended {
    /// What is in flight was given up.
    Abandoned,
    /// Trying again would not help.
    Failed(WorkerError),
}

impl Stage {
    /// Runs `attempt` until it succeeds, with waits between failures that will pass.
    pub(super) fn persist<T, E: ServerFailure>(
        &self,
        attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Ended> {
        self.wait(self.attempts(attempt))?.map_err(Ended::Failed)
    }

    /// Waits for something, unless the work in flight is given up meanwhile.
    pub(super) fn wait<T>(&self, what: impl Future<Output = T>) -> Result<T, Ended> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.halt.abandoned() => Err(Ended::Abandoned),
                done = what => Ok(done),
            }
        })
    }

    /// As [`Self::wait`]. If it takes long, readiness gives this reason.
    pub(super) fn wait_visibly<T>(&self, what: impl Future<Output = T>, reason: &str) -> Result<T, Ended> {
        self.wait(async {
            let mut what = pin!(what);
            if let Ok(done) = tokio::time::timeout(NOT_READY.1, &mut what).await {
                return done;
            }
            self.condition.fail(reason);
            let done = what.await;
            self.condition.ok();
            done
        })
    }

    async fn attempts<T, E: ServerFailure>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, WorkerError> {
        let mut trouble = None;
        loop {
            let started = Instant::now();
            match attempt().await {
                Ok(done) => {
                    if let Some(trouble) = trouble {
                        self.note_end_of(&trouble);
                    }
                    return Ok(done);
                }
                Err(error) if error.will_pass() => {
                    let trouble = trouble.get_or_insert_with(|| Trouble::since(started));
                    let backoff = if error.is_away() { PROBING } else { RETRYING };
                    let wait = backoff.wait(trouble.failures);
                    self.note(trouble, &error, wait);
                    tokio::time::sleep(wait).await;
                }
                Err(error) => return Err(error.stops(self.name)),
            }
        }
    }

    fn note(&self, trouble: &mut Trouble, error: &impl Display, wait: Duration) {
        let (error, elapsed) = (error.to_string(), trouble.since.elapsed());
        trouble.failures = trouble.failures.saturating_add(1);
        let failures = trouble.failures;
        if failures >= NOT_READY.0 || elapsed >= NOT_READY.1 {
            self.condition.fail(format!("{error}; tried {failures} times in {elapsed:.1?}"));
        }
        if trouble.logged.as_ref().is_none_or(|(said, at)| *said != error || at.elapsed() >= LOG_PERIOD) {
            tracing::warn!(stage = self.name, error, failures, ?wait, "trying again");
            trouble.logged = Some((error, Instant::now()));
        }
    }

    fn note_end_of(&self, trouble: &Trouble) {
        self.condition.ok();
        if trouble.failures > 1 {
            let (failures, took) = (trouble.failures, trouble.since.elapsed());
            tracing::info!(stage = self.name, failures, ?took, "done after failures");
        }
    }
}

/// Failures in a row.
struct Trouble {
    since: Instant,
    failures: u32,
    /// What was logged last, and when.
    logged: Option<(String, Instant)>,
}

impl Trouble {
    fn since(since: Instant) -> Self {
        Self { since, failures: 0, logged: None }
    }
}
