//! What the stages of the worker report, a batch at a time.

use std::time::Duration;

use super::exporter::handles;
use super::float;
use super::label::{ClaimResult, Stage, Sweep};

/// A batch that a stage finished.
pub fn stage_done(stage: Stage, events: usize) {
    let handles = handles();
    handles.stage_batches_total.of(stage).increment(1);
    handles.stage_events_total.of(stage).increment(events as u64);
    handles.stage_batch_events.of(stage).record(float(events));
}

/// How long a stage was busy with a batch.
pub fn stage_took(stage: Stage, took: Duration) {
    handles().stage_seconds.of(stage).record(took);
}

/// A batch is on its way to a stage: in the channel before it, or waiting for room there.
pub fn stage_sends(to: Stage) {
    handles().stage_waiting_batches.of(to).increment(1.0);
}

/// So many batches that were on their way to a stage are no more.
pub fn stage_received(by: Stage, batches: usize) {
    handles().stage_waiting_batches.of(by).decrement(float(batches));
}

/// How long a finished batch waited for room behind its stage.
pub fn stage_blocked(stage: Stage, waited: Duration) {
    handles().stage_blocked_seconds.of(stage).record(waited);
}

/// How long a stage waited for its next batch.
pub fn stage_starved(stage: Stage, waited: Duration) {
    handles().stage_starved_seconds.of(stage).record(waited);
}

/// A rule was set aside for an event, as it was too dear.
pub fn rule_set_aside() {
    handles().match_set_aside_total.increment(1);
}

/// For how long one event has held up the matching of others; zero while none does.
pub fn match_held_up(for_so_long: Duration) {
    handles().match_held_up_seconds.set(for_so_long.as_secs_f64());
}

/// Claims that were laid: for how many ids they are the frame's, and for how many another's.
pub fn claims_laid(new: usize, taken: usize) {
    handles().claims_total.of(ClaimResult::New).increment(new as u64);
    handles().claims_total.of(ClaimResult::Taken).increment(taken as u64);
}

/// Claims that were swept.
pub fn claims_swept(which: Sweep, claims: u64) {
    handles().claims_swept_total.of(which).increment(claims);
}

/// What matching a batch came to, added up event by event and reported at its end.
#[derive(Debug)]
pub struct Matches {
    candidates: u64,
    /// How many events had so many triggers; the last place counts all that had more.
    triggers: [usize; Self::PLACES],
}

impl Default for Matches {
    fn default() -> Self {
        Self { candidates: 0, triggers: [0; Self::PLACES] }
    }
}

impl Matches {
    const PLACES: usize = 64;

    /// An event was matched.
    pub fn add(&mut self, candidates: u64, triggers: usize) {
        self.candidates += candidates;
        if let Some(place) = self.triggers.get_mut(triggers) {
            *place += 1;
        } else {
            // So rare that it need not wait for the end.
            handles().match_triggers_per_event.record(float(triggers));
        }
    }

    /// Reports what was added since the last report.
    pub fn report(&mut self) {
        handles().match_candidates_total.increment(self.candidates);
        for (triggers, events) in self.triggers.iter().enumerate().filter(|(_, events)| **events > 0) {
            handles().match_triggers_per_event.record_many(float(triggers), *events);
        }
        *self = Self::default();
    }
}
