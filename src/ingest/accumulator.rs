//! Events → frames → Redis, and back to each request the word that its events are safe.
//!
//! Requests wait for room in a fair line ([`Line`]), stage their events ([`Staged`]), submit them, and wait for the frames that carry them.
//! One task, [`Accumulator::run`], sends what [`Gathering`] says is due, several round trips side by side.
//!
//! Invariants: [`Accumulator::submit`] returns `Ok` only after Redis has acknowledged every frame concerned; the lock is
//! never held across an await; memory is bounded by the configured buffer, and a request more for each thread: whoever
//! has a stage fills and submits it without a pause.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};

use super::gate::{Closed, Gate};
use super::gathering::{Departure, Gathering, Held, Part};
use super::line::{Line, Owner};
use super::reports::Reports;
use super::staged::Staged;
use super::writes::Writes;
use crate::config::IngestConfig;
use crate::ops::metrics::{self, IngestRefusal};
use crate::ops::{Condition, Periodic, fail_point};
use crate::queue::{self, OutgoingFrame, Pool, Shards};

/// Round trips to Redis under way at once.
const ROUND_TRIPS: usize = 4;
/// Between two questions whether Redis takes writes.
const PROBE_PERIOD: Duration = Duration::from_millis(500);
/// The most bytes of frames in one of them: on their way they are there five times, twice of it in Redis' client.
const ROUND_TRIP: usize = 512 * 1024;

/// Where requests hand in their events. Clones share one buffer.
#[derive(Clone, Debug)]
pub struct Accumulator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shards: Shards,
    frame_bytes: usize,
    gate: Gate,
    reports: Reports,
    writes: Writes,
    state: Mutex<State>,
    /// Wakes the sending task: something came in, or the accumulator was closed.
    wake: Notify,
}

#[derive(Debug)]
struct State {
    gathering: Gathering<Waiting>,
    /// What each owner holds in there, and the requests that wait for room. A waiter is woken to check whether it is next.
    line: Line<Arc<Notify>>,
    closed: bool,
}

/// Where a frame's fate is announced to the requests that wait for it.
type Waiting = Arc<watch::Sender<Fate>>;

/// What became of a frame.
#[derive(Clone, Debug)]
enum Fate {
    Waiting,
    Acknowledged,
    Failed(Arc<str>),
}

/// Why events were not accepted. Sending them again is safe in each case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too much is waiting for Redis already.
    #[error("the ingest buffer is full")]
    Full,
    /// Too much is queued, or Redis must not be written to.
    #[error("closed: {0:?}")]
    Gate(Closed),
    /// Redis refused or could not be reached.
    #[error("the queue is not available: {0}")]
    Unavailable(Arc<str>),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closed,
}

impl Accumulator {
    /// An accumulator for these shards. Nothing leaves until [`Self::run`] runs.
    #[must_use]
    pub fn new(shards: Shards, config: &IngestConfig) -> Self {
        let frame_bytes = config.frame_bytes.get();
        let gathering = Gathering::new(shards, frame_bytes, config.linger, config.buffer.get());
        let state = Mutex::new(State { gathering, line: Line::new(), closed: false });
        let gate = Gate::new(shards, config.marks.clone());
        Self(Arc::new(Inner {
            shards,
            frame_bytes,
            gate,
            reports: Reports::default(),
            writes: Writes::new(),
            state,
            wake: Notify::new(),
        }))
    }

    /// Whether events are accepted now; asked before a request's body is read.
    pub fn check(&self) -> Result<(), SubmitError> {
        counted(self.0.gate.check(self.held_bytes()).map_err(SubmitError::from))
    }

    /// Closes and opens as the queue fills and drains, if [`Gate::watch`] is run.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// What was acknowledged, for the ledger.
    #[must_use]
    pub fn reports(&self) -> &Reports {
        &self.0.reports
    }

    /// Whether Redis takes frames, if [`Self::probe_writes`] is run.
    #[must_use]
    pub fn writes(&self) -> &Condition {
        self.0.writes.condition()
    }

    /// Asks Redis again and again whether it takes writes, until it is dropped.
    pub async fn probe_writes(&self, pool: Pool) {
        let mut probes = Periodic::every(PROBE_PERIOD);
        loop {
            probes.next().await;
            self.0.writes.probed(queue::takes_writes(&pool, self.0.shards).await);
        }
    }

    /// Waits for room, at most for `patience`, and returns an empty stage for one request's events. The owner that holds
    /// the least of the buffer goes first.
    pub async fn stage(&self, owner: Owner, patience: Duration) -> Result<Staged, SubmitError> {
        let waited = tokio::time::timeout(patience, self.wait_for_room(owner)).await;
        counted(waited.map_err(|_| SubmitError::Full))?;
        Ok(Staged::new(self.0.shards, owner, self.0.frame_bytes))
    }

    async fn wait_for_room(&self, owner: Owner) {
        let Some(place) = self.join(owner) else { return };
        while !self.lock().has_turn(&place.woken) {
            place.woken.notified().await;
        }
    }

    /// Joins the line; `None` if there is room and the line is empty.
    fn join(&self, owner: Owner) -> Option<Place<'_>> {
        let mut state = self.lock();
        if state.line.waiting() == 0 && state.gathering.has_room() {
            return None;
        }
        let woken = Arc::new(Notify::new());
        state.line.join(owner, Arc::clone(&woken));
        Some(Place { accumulator: self, owner, woken })
    }

    /// Hands events in and waits until Redis has acknowledged all of them.
    ///
    /// After an error some of the events may be in the queue nevertheless; the worker drops them as duplicates when they
    /// are sent again.
    pub async fn submit(&self, staged: Staged) -> Result<(), SubmitError> {
        counted(self.hand_in(staged).await)
    }

    async fn hand_in(&self, staged: Staged) -> Result<(), SubmitError> {
        for mut fate in self.add(staged)? {
            match fate.wait_for(|fate| !matches!(fate, Fate::Waiting)).await.as_deref() {
                Ok(Fate::Failed(reason)) => return Err(SubmitError::Unavailable(Arc::clone(reason))),
                Ok(_) => {}
                Err(_) => return Err(SubmitError::Closed),
            }
        }
        Ok(())
    }

    /// Refuses further events. What was handed in before still leaves; then [`Self::run`] ends.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.wake.notify_one();
    }

    /// Bytes that wait for Redis' acknowledgement.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.lock().gathering.held().bytes
    }

    /// Sends frames as they fall due, until closed and empty.
    pub async fn run(&self, pool: Pool) {
        let mut under_way = JoinSet::new();
        loop {
            let (departures, deadline, closed) = self.take_due(under_way.is_empty());
            if !departures.is_empty() {
                under_way.spawn(send(pool.clone(), self.clone(), departures));
                while under_way.len() >= ROUND_TRIPS {
                    unwind(under_way.join_next().await);
                }
                continue;
            }
            if closed && under_way.is_empty() {
                return;
            }
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = until(deadline) => {}
                Some(sent) = under_way.join_next() => unwind(Some(sent)),
            }
        }
    }

    fn add(&self, staged: Staged) -> Result<Vec<watch::Receiver<Fate>>, SubmitError> {
        let added = Held { events: staged.events(), bytes: staged.bytes() };
        let mut fates: Vec<watch::Receiver<Fate>> = Vec::new();
        {
            let mut state = self.lock();
            if state.closed {
                return Err(SubmitError::Closed);
            }
            let held = state.gathering.hold(added);
            metrics::ingest_buffer(held.events, held.bytes);
            let (owner, now) = (staged.owner(), Instant::now());
            state.line.add(owner, added.bytes);
            for (shard, records) in staged.into_runs() {
                let waiting = || Arc::new(watch::Sender::new(Fate::Waiting));
                let frame = state.gathering.add(shard, owner, records, now, waiting);
                fates.push(frame.subscribe());
            }
        }
        self.0.wake.notify_one();
        Ok(fates)
    }

    fn release(&self, sent: Held, parts: &[Part]) {
        let mut state = self.lock();
        let held = state.gathering.release(sent);
        // Under the lock, so that what is shown last is what was held last.
        metrics::ingest_buffer(held.events, held.bytes);
        for part in parts {
            state.line.remove(part.owner, part.bytes);
        }
        state.wake_next();
    }

    fn take_due(&self, nothing_on_its_way: bool) -> (Vec<Departure<Waiting>>, Option<Instant>, bool) {
        let mut state = self.lock();
        let departures = state.gathering.take_due(Instant::now(), nothing_on_its_way, ROUND_TRIP);
        (departures, state.gathering.next_deadline(), state.closed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state whole: each change of it is a single step.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is room and this waiter is next. If another one is next, wakes that one.
    fn has_turn(&self, woken: &Arc<Notify>) -> bool {
        let next = self.next();
        if let Some(next) = next.filter(|next| !Arc::ptr_eq(next, woken)) {
            next.notify_one();
        }
        next.is_some_and(|next| Arc::ptr_eq(next, woken))
    }

    fn wake_next(&self) {
        if let Some(next) = self.next() {
            next.notify_one();
        }
    }

    /// The next waiter, if there is room.
    fn next(&self) -> Option<&Arc<Notify>> {
        if self.gathering.has_room() { self.line.next(|_, _| true) } else { None }
    }
}

/// A request's place in the line. Dropping it leaves the line and wakes the next waiter.
struct Place<'a> {
    accumulator: &'a Accumulator,
    owner: Owner,
    woken: Arc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.accumulator.lock();
        state.line.leave(self.owner, |woken| Arc::ptr_eq(woken, &self.woken));
        state.wake_next();
    }
}

/// Counts a refusal.
fn counted(taken: Result<(), SubmitError>) -> Result<(), SubmitError> {
    taken.inspect_err(|error| metrics::ingest_refused(error.reason()))
}

impl SubmitError {
    fn reason(&self) -> IngestRefusal {
        match self {
            Self::Full => IngestRefusal::BufferFull,
            Self::Gate(Closed::Overloaded(_)) => IngestRefusal::Overloaded,
            Self::Gate(Closed::Unusable(_)) => IngestRefusal::Unusable,
            Self::Unavailable(_) => IngestRefusal::Unavailable,
            Self::Closed => IngestRefusal::ShuttingDown,
        }
    }
}

impl From<Closed> for SubmitError {
    fn from(closed: Closed) -> Self {
        Self::Gate(closed)
    }
}

async fn send(pool: Pool, accumulator: Accumulator, departures: Vec<Departure<Waiting>>) {
    let (mut frames, mut parts, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    for departure in departures {
        frames.push(departure.frame);
        parts.extend(departure.parts);
        waiting.push(departure.waiting);
    }
    let fate = match queue::append(&pool, &frames).await {
        Ok(depths) => {
            accumulator.0.writes.taken();
            accumulator.0.gate.note(&depths);
            fail_point::reached("frames-appended");
            for frame in &frames {
                accumulator.0.reports.add(frame.received_at, frame.events);
                metrics::frame_sent(frame.events, frame.bytes.len());
            }
            Fate::Acknowledged
        }
        Err(error) => {
            accumulator.0.writes.refused(frames.len(), &error);
            Fate::Failed(error.to_string().into())
        }
    };
    let sent = Held {
        events: frames.iter().map(|frame| frame.events).sum(),
        bytes: frames.iter().map(OutgoingFrame::body_bytes).sum(),
    };
    accumulator.release(sent, &parts);
    for frame in waiting {
        frame.send_replace(fate.clone());
    }
}

/// Panics if a round trip did: what it held would count as held for ever.
fn unwind(sent: Option<Result<(), JoinError>>) {
    if let Some(Err(error)) = sent
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
