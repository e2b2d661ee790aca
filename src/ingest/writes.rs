//! Whether Redis takes frames: what became of those that were sent lately, and of a probe while none are.
//!
//! An outage is logged once in a while with a count, not once for each round trip.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ops::{Condition, Repeated, Status};
use crate::queue::QueueError;

/// A frame that was refused so long ago counts no more, if probes succeed.
const LATELY: Duration = Duration::from_secs(5);
/// A refusal that stays the same is logged once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// What became of writes lately. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Writes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    condition: Condition,
    logged: Repeated,
    /// Whether the last frames were refused; when.
    is_refused: AtomicBool,
    refused_at: Mutex<Option<Instant>>,
}

impl Writes {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            condition: Condition::new("writes"),
            logged: Repeated::every(LOG_PERIOD),
            is_refused: AtomicBool::new(false),
            refused_at: Mutex::default(),
        }))
    }

    /// Whether frames are taken.
    pub(super) fn condition(&self) -> &Condition {
        &self.0.condition
    }

    /// Redis took frames.
    pub(super) fn taken(&self) {
        if self.0.is_refused.swap(false, Ordering::Relaxed) {
            let unlogged = self.0.logged.end();
            tracing::info!(unlogged, "Redis takes frames again");
            self.0.condition.ok();
        }
    }

    /// Redis refused so many frames, or did not answer.
    pub(super) fn refused(&self, frames: usize, error: &QueueError) {
        if let Some(unlogged) = self.0.logged.note(&error.to_string()) {
            tracing::warn!(frames, unlogged, %error, "frames were not accepted by Redis; their requests are answered with 503");
        }
        *self.0.refused_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.is_refused.store(true, Ordering::Relaxed);
        self.0.condition.set(status(error));
    }

    /// A probe was answered.
    pub(super) fn probed(&self, outcome: Result<(), QueueError>) {
        match outcome {
            Err(error) => self.0.condition.set(status(&error)),
            Ok(()) if self.is_refused_lately() => {}
            Ok(()) => self.0.condition.ok(),
        }
    }

    fn is_refused_lately(&self) -> bool {
        let at = *self.0.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.is_refused.load(Ordering::Relaxed) && at.is_some_and(|at| at.elapsed() < LATELY)
    }
}

/// A full Redis is overload, and passes as workers make room. A server that refuses for that stays ready: otherwise a load
/// balancer would take out all servers at once, and clients would not be told when to try again.
fn status(error: &QueueError) -> Status {
    let reason = error.to_string();
    if error.is_out_of_memory() { Status::Warning(reason) } else { Status::Failed(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> QueueError {
        QueueError::NoConnection { server: "127.0.0.1:6379".into(), why: "refused".into() }
    }

    #[test]
    fn a_refused_frame_counts_until_one_is_taken_whatever_probes_say() {
        let writes = Writes::new();
        writes.refused(1, &away());
        writes.probed(Ok(()));
        assert!(matches!(writes.condition().status(), Status::Failed(why) if why.contains("127.0.0.1:6379")));
        writes.taken();
        assert_eq!(writes.condition().status(), Status::Ok);
    }

    #[test]
    fn a_probe_tells_while_nothing_is_sent() {
        let writes = Writes::new();
        writes.probed(Err(away()));
        assert!(matches!(writes.condition().status(), Status::Failed(_)));
        writes.probed(Ok(()));
        assert_eq!(writes.condition().status(), Status::Ok);
    }
}
