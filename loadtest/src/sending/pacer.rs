//! Lets requests go: at once in a closed loop, on schedule in an open one.
//!
//! In an open loop a thread releases requests as they become due, whether connections are free or not. Who takes a
//! release late is told when it was due, so that a stalled server shows in the latency of all that had to wait
//! (no coordinated omission). A thread, because tokio's timer rounds up to milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::schedule::Schedule;
use crate::load::{Load, Pace};

/// How long the thread sleeps at most, so that it notices when the run is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Lets requests go.
#[derive(Debug)]
pub(super) enum Pacer {
    /// As soon as they are asked for.
    Closed,
    /// As they become due.
    Open(Open),
}

/// The open loop.
#[derive(Debug)]
pub(super) struct Open {
    schedule: Schedule,
    start: Instant,
    /// A permit for each request that is due and not taken.
    due: Arc<Semaphore>,
    taken: AtomicU64,
}

impl Pacer {
    /// A pacer of which the first request is due now.
    pub(super) fn start(load: &Load) -> Self {
        match &load.pace {
            Pace::Closed => Self::Closed,
            Pace::Open(rate) => {
                let schedule = Schedule::new(rate, load.batch.get());
                let (start, due) = (Instant::now(), Arc::new(Semaphore::new(0)));
                let (releasing, released) = (Arc::clone(&due), schedule.clone());
                std::thread::spawn(move || release(&released, start, &releasing));
                Self::Open(Open { schedule, start, due, taken: AtomicU64::new(0) })
            }
        }
    }

    /// How many requests are due before then; no limit in a closed loop.
    pub(super) fn due_before(&self, elapsed: Duration) -> u64 {
        match self {
            Self::Closed => u64::MAX,
            Self::Open(Open { schedule, .. }) => schedule.due_before(elapsed),
        }
    }

    /// Waits for a request to be due, and returns since when it is.
    pub(super) async fn turn(&self) -> Instant {
        let Self::Open(Open { schedule, start, due, taken }) = self else { return Instant::now() };
        due.acquire().await.expect("closed only when the pacer is dropped").forget();
        *start + schedule.due(taken.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.due.close();
    }
}

fn release(schedule: &Schedule, start: Instant, due: &Semaphore) {
    let mut released = 0;
    while !due.is_closed() {
        let so_far = schedule.due_by(start.elapsed());
        due.add_permits(usize::try_from(so_far - released).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS));
        released = so_far;
        std::thread::sleep(schedule.due(released).saturating_sub(start.elapsed()).min(LOOK_EVERY));
    }
}
