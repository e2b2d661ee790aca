//! Whether the server kept its promise: every accepted event stored once, with the triggers that it must have.

mod fingerprint;
mod audit;
mod store;
mod watch;

pub use audit::{CampaignDifference, Finding, Verification};
pub use store::{Settled, Store};
pub use watch::Watch;

use std::time::{Duration, Instant};

use crate::LoadError;
use crate::sending::Counts;
use crate::workload::Workload;
use audit::Audit;
use watch::Drained;

/// Waits until what was accepted is stored, or nothing moves any more, and compares.
pub async fn verify(
    watch: &mut Watch,
    workload: &Workload,
    counts: &Counts,
    campaigns: &[i64],
    patience: Duration,
) -> Result<Verification, LoadError> {
    let (mut fewest, mut fell) = (u64::MAX, Instant::now());
    loop {
        let drained = watch.drain(patience).await?;
        let verification = compare(watch, workload, counts, campaigns).await?;
        let missing = verification.missing.count;
        // Enough events are settled, but not these: others' events, or doubtful ones, were counted in their place.
        let may_come = drained == Drained::All && missing > watch.latest().settled.dead_lettered;
        if missing < fewest {
            (fewest, fell) = (missing, Instant::now());
        }
        if !may_come || fell.elapsed() > patience {
            return Ok(verification);
        }
        tokio::time::sleep(patience / 100).await;
    }
}

async fn compare(
    watch: &mut Watch,
    workload: &Workload,
    counts: &Counts,
    campaigns: &[i64],
) -> Result<Verification, LoadError> {
    let mut audit = Audit::new(workload, counts, campaigns);
    let (store, since) = watch.store();
    store.read(workload.run(), since, campaigns, &mut audit).await?;
    Ok(audit.finish())
}
