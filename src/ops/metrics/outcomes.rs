//! What is reported of events and frames that left the queue, and of claims that had to be laid again.

use std::time::Duration;

use super::exporter::handles;
use super::label::{Cause, Outcome};
use crate::store::Receipt;

/// A frame whose receipt was committed, `age` after its first event was accepted; none where it was a dead letter before,
/// which lay elsewhere meanwhile.
pub fn frame_stored(receipt: &Receipt, age: Option<Duration>) {
    let events = &handles().events_total;
    events.of(Outcome::Stored).increment(receipt.stored.into());
    events.of(Outcome::Duplicate).increment(receipt.duplicates.into());
    events.of(Outcome::DeadLettered).increment(receipt.dead_lettered.into());
    if let Some(age) = age {
        handles().event_age_seconds.record(age);
    }
}

/// Triggers that were committed.
pub fn triggers_stored(triggers: usize) {
    handles().triggers_total.increment(triggers as u64);
}

/// A frame that had a receipt already.
pub fn frame_redelivered() {
    handles().frames_redelivered_total.increment(1);
}

/// Frames taken over.
pub fn frames_reclaimed(frames: usize) {
    handles().frames_reclaimed_total.increment(frames as u64);
}

/// Frames that left the queue.
pub fn frames_acknowledged(frames: usize) {
    handles().frames_acknowledged_total.increment(frames as u64);
}

/// Claims that were written back.
pub fn claims_restoring(claims: usize) {
    handles().claims_restored_total.increment(claims as u64);
}

/// Claims are whole again.
pub fn claims_restored(lost: bool, took: Duration) {
    let cause = if lost { Cause::Lost } else { Cause::Restarted };
    handles().claim_restorations_total.of(cause).increment(1);
    handles().claim_restoration_seconds.record(took);
}

/// A batch whose claims were lost before it was stored.
pub fn batch_claimed_again() {
    handles().batches_claimed_again_total.increment(1);
}
