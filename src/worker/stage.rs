//! What every stage needs: its name, the runtime to block on, and patience with servers that fail for a while.

use std::time::Duration;

use tokio::runtime::Handle;

use super::WorkerError;
use super::backoff::Backoff;
use super::error::ServerFailure;
use super::halt::Halt;

const BACKOFF: Backoff = match Backoff::new(Duration::from_millis(50), Duration::from_secs(5)) {
    Some(backoff) => backoff,
    None => panic!("50 ms is less than 5 s"),
};

/// A stage's surroundings.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) runtime: Handle,
    pub(super) halt: Halt,
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
    /// Runs `attempt` until it succeeds, with growing waits between failures that will pass.
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

    async fn attempts<T, E: ServerFailure>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, WorkerError> {
        for failures in 0.. {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) if error.will_pass() => {
                    let wait = BACKOFF.wait(failures);
                    tracing::warn!(stage = self.name, %error, failures = failures + 1, ?wait, "trying again");
                    tokio::time::sleep(wait).await;
                }
                Err(error) => return Err(error.stops(self.name)),
            }
        }
        unreachable!("the range has no end")
    }
}
