//! One connection's share of the load: take a request's worth of events, wait for its turn, send it until it is settled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::Tally;
use super::backoff::Backoff;
use super::pacer::Pacer;
use super::verdict::{Verdict, judge};
use crate::load::{Load, Volume};
use crate::target::Connection;
use crate::workload::{Batch, Workload};

/// What the connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) workload: Arc<Workload>,
    pub(super) tally: Arc<Tally>,
    pub(super) pacer: Pacer,
    /// The first position of the sequence that nobody has taken.
    pub(super) next: AtomicU64,
    /// Positions of the sequence in all.
    pub(super) end: u64,
    pub(super) batch: u64,
    pub(super) patience: Duration,
    /// Set once no more is to be sent although there is more; holds why, and since when.
    pub(super) halt: watch::Sender<Option<(Halt, Instant)>>,
}

/// Why sending ends before everything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The time is over, or whoever started the run stopped it.
    Told,
    /// There is no point in going on.
    Hopeless(String),
}

impl Shared {
    pub(super) fn new(load: &Load, workload: Arc<Workload>, tally: Arc<Tally>) -> Self {
        let (pacer, batch) = (Pacer::start(load), u64::from(load.batch.get()));
        let end = match load.volume {
            Volume::Events(events) => events.get(),
            Volume::Time(time) => pacer.due_before(time).saturating_mul(batch),
        };
        Self {
            workload,
            tally,
            pacer,
            next: AtomicU64::new(0),
            end,
            batch,
            patience: load.patience,
            halt: watch::Sender::new(None),
        }
    }

    /// The next request's events, unless all are taken or sending has ended.
    fn take(&self) -> Option<Batch> {
        if self.halt.borrow().is_some() {
            return None;
        }
        let from = self.next.fetch_add(self.batch, Ordering::Relaxed);
        let to = from.saturating_add(self.batch).min(self.end);
        (from < to).then(|| self.workload.batch(from..to))
    }

    /// Ends sending, unless it has ended already.
    pub(super) fn halt(&self, why: Halt) {
        self.halt.send_if_modified(|halt| halt.is_none() && halt.replace((why, Instant::now())).is_none());
    }

    /// Waits until sending has ended.
    async fn halted(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.halt.subscribe().wait_for(Option::is_some).await;
    }
}

/// Sends over this connection until all is sent or sending has ended.
pub(super) async fn send(shared: Arc<Shared>, mut connection: Connection) {
    while let Some(batch) = shared.take() {
        let due = tokio::select! {
            due = shared.pacer.turn() => due,
            () = shared.halted() => return,
        };
        deliver(&shared, &mut connection, batch, due).await;
    }
}

/// Sends a request until it is accepted, refused, or given up.
async fn deliver(shared: &Shared, connection: &mut Connection, mut batch: Batch, due: Instant) {
    let media_type = if shared.batch == 1 { "application/json" } else { "application/x-ndjson" };
    let body = Bytes::from(std::mem::take(&mut batch.body));
    let (began, mut backoff) = (Instant::now(), Backoff::new());
    loop {
        let (told, obstacle) = match connection.post("/events", media_type, body.clone()).await {
            Ok(answer) => {
                shared.tally.answered(answer.status);
                match judge(&answer, &batch) {
                    Verdict::Accepted { refused } => {
                        return shared.tally.accept(&batch, &refused, due.elapsed());
                    }
                    Verdict::Again { told, uncertain } => {
                        if uncertain {
                            shared.tally.uncertain(batch.numbers.len());
                        }
                        (told, format!("the last answer was {}", answer.status))
                    }
                    Verdict::Hopeless(why) => {
                        shared.tally.give_up(&batch);
                        return shared.halt(Halt::Hopeless(why));
                    }
                }
            }
            Err(error) => {
                shared.tally.failed(error.to_string());
                shared.tally.uncertain(batch.numbers.len());
                (None, error.to_string())
            }
        };
        tokio::select! {
            biased;
            () = shared.halted() => return shared.tally.give_up(&batch),
            () = shared.stuck(began) => shared.halt(Halt::Hopeless(format!(
                "nothing was accepted for {:?}; {obstacle}", shared.patience
            ))),
            () = tokio::time::sleep(backoff.next(told, rand::random())) => {}
        }
        if shared.halt.borrow().is_some() {
            return shared.tally.give_up(&batch);
        }
        shared.tally.resent();
    }
}

impl Shared {
    /// Waits until nobody has had anything accepted for too long, and this request has been tried for as long.
    async fn stuck(&self, began: Instant) {
        loop {
            let last = self.tally.counts().last_accepted.map_or(began, |last| last.max(began));
            let Some(left) = self.patience.checked_sub(last.elapsed()) else { return };
            tokio::time::sleep(left).await;
        }
    }
}
