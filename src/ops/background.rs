//! Background tasks: work beside the hot path that must go on for as long as its role runs.
//!
//! Every such task of a role is spawned into one [`Background`]. A task that ends or panics ends its role:
//! [`Background::ended`] returns the reason, and readiness shows it while the process drains. So no process goes on
//! without a part of itself. [`Periodic`] paces work that is done again and again.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Display;
use std::future::{Future, pending};
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};
use tracing::Instrument as _;

/// The background tasks of a role. Dropping it ends them.
#[derive(Debug, Default)]
pub struct Background {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// A background task ended, though it must run for as long as its role.
#[derive(Debug, thiserror::Error)]
#[error("the background task {name} {how}")]
pub struct TaskEnded {
    name: &'static str,
    how: String,
}

impl Background {
    /// Runs a task that must not end before this is dropped. All that it logs bears its name.
    pub fn spawn<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let named = async move {
            task.await;
        }
        .instrument(tracing::error_span!("background", task = name));
        let running = self.tasks.spawn(named);
        self.names.insert(running.id(), name);
    }

    /// Waits until a task has ended. The wait can be given up and begun again.
    pub async fn ended(&mut self) -> TaskEnded {
        let (id, how) = match self.tasks.join_next_with_id().await {
            None => pending().await,
            Some(Ok((id, ()))) => (id, "ended".to_owned()),
            Some(Err(error)) => (
                error.id(),
                match error.try_into_panic() {
                    Ok(panic) => format!("panicked: {}", panic_message(&*panic)),
                    Err(_) => "was cancelled".to_owned(),
                },
            ),
        };
        TaskEnded { name: self.names.remove(&id).unwrap_or_default(), how }
    }
}

/// The message of a panic that was caught.
#[must_use]
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    message.unwrap_or("no message").to_owned()
}

/// Paces work that is done again and again, and logs how it fares:
///
/// ```no_run
/// # async fn sweep() -> Result<(), String> { Ok(()) }
/// # async fn background() {
/// # use campaign_manager::ops::Periodic;
/// let mut sweeping = Periodic::every(std::time::Duration::from_secs(1));
/// loop {
///     sweeping.next().await;
///     sweeping.note(sweep().await);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Periodic {
    ticks: Interval,
    /// Failures in a row.
    failures: u64,
}

impl Periodic {
    /// Work that is done every `period`, the first time at once. If it took longer than that, it is done again at once,
    /// and the next time a period later.
    #[must_use]
    pub fn every(period: Duration) -> Self {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, failures: 0 }
    }

    /// Waits until it is time.
    pub async fn next(&mut self) {
        self.ticks.tick().await;
    }

    /// Logs the first failure in a row, and the first success after it.
    pub fn note<E: Display>(&mut self, outcome: Result<(), E>) {
        let period = self.ticks.period();
        match outcome {
            Ok(()) if self.failures > 0 => {
                tracing::info!(failures = self.failures, "background work is done again");
                self.failures = 0;
            }
            Ok(()) => {}
            Err(error) => {
                self.failures += 1;
                if self.failures == 1 {
                    tracing::warn!(%error, "background work failed; trying again every {period:?}");
                } else {
                    tracing::debug!(%error, failures = self.failures, "background work failed again");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_named_with_the_reason() {
        let mut background = Background::default();
        background.spawn("steady", pending::<()>());
        background.spawn("short", async {});
        assert_eq!(background.ended().await.to_string(), "the background task short ended");
        background.spawn("broken", async { panic!("no {}", "luck") });
        assert_eq!(background.ended().await.to_string(), "the background task broken panicked: no luck");
    }

    #[tokio::test]
    async fn the_first_round_begins_at_once_and_the_next_after_the_period() {
        let period = Duration::from_millis(20);
        let mut work = Periodic::every(period);
        let started = Instant::now();
        work.next().await;
        work.next().await;
        work.next().await;
        assert!(started.elapsed() >= period * 2);
    }
}
