//! The ledger, watched and kept no longer than the receipts that it is held against.

use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};

use super::claimant::ClaimError;
use super::watch::Membership;
use crate::ledger::{self, LedgerError, day_of};
use crate::ops::clock;
use crate::ops::metrics::{self, LedgerDay};
use crate::queue;
use crate::store::{self, Pool, partitions};

/// How often the ledger is read.
const PERIOD: Duration = Duration::from_secs(30);
/// It reads all receipts of two days. Where that takes long it is done less often, so that it takes this part of the time.
const SHARE: u32 = 20;

/// Exports the ledger of today and yesterday until it is dropped, and tells of what does not add up.
pub async fn watch_ledger(group: Membership, postgres: Pool) {
    loop {
        let started = Instant::now();
        if let Err(error) = watch_once(&group, &postgres).await {
            tracing::debug!(%error, "the ledger was not read; trying again in {PERIOD:?}");
        }
        tokio::time::sleep(PERIOD.max(started.elapsed() * SHARE)).await;
    }
}

async fn watch_once(group: &Membership, postgres: &Pool) -> Result<(), LedgerError> {
    let ledger = ledger::read(&group.redis, postgres, group.shards, 2).await?;
    let today = day_of(clock::now());
    let yesterday = today.saturating_sub(1.day());
    for (day, name) in [(today, LedgerDay::Current), (yesterday, LedgerDay::Previous)] {
        metrics::ledger(name, ledger.days.iter().find(|shown| shown.day == day));
    }
    for difference in ledger.audit() {
        tracing::error!(%difference, "the ledger does not add up");
    }
    Ok(())
}

/// Forgets the days that are to lose receipts as their partitions expire. It comes before they are dropped: a day of which
/// only a part is left must not be taken for a loss.
pub(super) async fn forget_expired(
    group: &Membership,
    postgres: &Pool,
    cutoff: Timestamp,
) -> Result<(), ClaimError> {
    let Some(until) = partitions::expired_until(postgres, cutoff).await? else { return Ok(()) };
    store::ledger::forget_reports(postgres, until).await?;
    let mut whole = day_of(until);
    if ledger::begin_of(whole) < until {
        whole = whole.saturating_add(1.day());
    }
    let mut link = group.redis.get(group.shards.all()).await?;
    Ok(queue::forget_before(&mut link, group.shards, whole).await?)
}
