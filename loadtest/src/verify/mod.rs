//! Whether the server kept its promise: every accepted event stored once, with the triggers that it must have.

mod fingerprint;
mod receipts;
mod letters;
mod audit;
mod database;
mod store;
mod beside;
mod watch;

pub use audit::{CampaignDifference, Verification, Wait};
pub use database::{Database, InvalidDatabase};
pub use receipts::Receipts;
pub use store::{Settled, Store};
pub use watch::Watch;

use std::time::{Duration, Instant};

use crate::LoadError;
use crate::sending::Counts;
use crate::workload::Workload;
use audit::Audit;
use watch::Drained;

/// What there must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// What was to be sent.
    pub workload: &'a Workload,
    /// What became of it, as the server said.
    pub counts: &'a Counts,
    /// The server's ids of the campaigns, one for each rule of the workload.
    pub campaigns: &'a [i64],
    /// Whether nobody else sends.
    pub alone: bool,
}

/// Waits until what was accepted is stored, or nothing moves any more, and compares.
pub async fn verify(
    watch: &mut Watch,
    expected: &Expected<'_>,
    patience: Duration,
) -> Result<Verification, LoadError> {
    let (mut fewest, mut fell) = (u64::MAX, Instant::now());
    loop {
        let drained = watch.drain(patience).await?;
        let stalled = (drained == Drained::Stalled).then_some(patience);
        let verification = compare(watch, expected, stalled).await?;
        let missing = verification.missing.count;
        // Enough events are settled, but not these: others' events, or doubtful ones, were counted in their place.
        let may_come = drained == Drained::All && missing > 0;
        if missing < fewest {
            (fewest, fell) = (missing, Instant::now());
        }
        if !may_come || fell.elapsed() > patience {
            return Ok(verification);
        }
        tokio::time::sleep(patience / 100).await;
    }
}

/// Compares what there is. If the drain has stalled, nothing has moved for so long.
async fn compare(
    watch: &Watch,
    expected: &Expected<'_>,
    stalled: Option<Duration>,
) -> Result<Verification, LoadError> {
    let &Expected { workload, counts, campaigns, alone } = expected;
    let mut audit = Audit::new(workload, counts, campaigns);
    let (store, since) = watch.store();
    store.lock().await.read(workload.run(), since, campaigns, &mut audit).await?;
    let receipts = Receipts {
        accepted: counts.accepted_events,
        uncertain: counts.uncertain_events,
        settled: watch.latest().settled,
        alone,
    };
    Ok(audit.finish(receipts, stalled))
}
