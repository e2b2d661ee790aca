//! Restores the claims that Redis lost, from what Postgres has stored.
//!
//! Invariants: nothing new is claimed by any worker until it is done, as the new epoch is shown last; ingest goes on
//! meanwhile; whoever dies in the middle leaves the old epoch recorded, and the next one begins again.

use std::time::{Duration, Instant};

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::claimant::ClaimError;
use crate::ops::{fail_point, metrics};
use crate::queue::{self, Epoch, Epochs, Gap, Link, Pool, QueueError, RestoredClaim, Shard, Shards};
use crate::store::StoreError;
use crate::store::epochs::{self, ClaimedEvent};

/// Claims restored in one round trip.
const PART: i32 = 20_000;
/// How often the log tells of the progress.
const TELL: Duration = Duration::from_secs(5);

/// From how far back claims are restored.
#[derive(Clone, Copy, Debug)]
pub(super) struct RestoreSettings {
    /// For how long an id is claimed: what is restored where all claims are gone.
    pub(super) window: Duration,
    /// How much Redis may lose when it is restarted.
    pub(super) at_risk: Duration,
}

/// The epochs of all shards, after the claims that Redis lacks were restored.
pub(super) async fn whole_epochs(
    redis: &Pool,
    postgres: &deadpool_postgres::Pool,
    shards: Shards,
    settings: &RestoreSettings,
) -> Result<Epochs, ClaimError> {
    let mut client = postgres.get().await.map_err(StoreError::from)?;
    let transaction = client.transaction().await.map_err(StoreError::from)?;
    epochs::lock(&transaction).await?;
    let mut link = redis.get().await.map_err(QueueError::from)?;
    let run = link.run_id().clone();
    let recorded = epochs::read(&transaction, shards).await?;
    let shown = queue::shown_epochs(&mut link, shards).await?;
    let gaps: Vec<Option<Gap>> =
        recorded.iter().zip(shown).map(|(known, shown)| queue::gap(known.as_ref(), shown, &run)).collect();
    let lacking: Vec<Shard> =
        shards.all().zip(&gaps).filter(|(_, gap)| gap.is_some()).map(|(shard, _)| shard).collect();
    let id = Uuid::now_v7();
    if !lacking.is_empty() {
        let lost = gaps.contains(&Some(Gap::Lost));
        let mut restoration = Restoration::new(&transaction, shards, &lacking, settings.window);
        restoration.run(&mut link, lost, settings.at_risk).await?;
        fail_point::reached("claims-restored");
        queue::show_epoch(&mut link, &lacking, id).await?;
        fail_point::reached("epoch-shown");
        epochs::record(&transaction, &lacking, id, &run).await?;
    }
    transaction.commit().await.map_err(StoreError::from)?;
    let whole = recorded.into_iter().map(|known| match known {
        Some(known) if known.run_id == run => known,
        _ => Epoch { id, run_id: run.clone() },
    });
    let mut whole: Vec<Epoch> = whole.collect();
    for shard in lacking {
        whole[shard.index()] = Epoch { id, run_id: run.clone() };
    }
    Ok(Epochs::new(whole))
}

/// A restoration under way.
struct Restoration<'a> {
    transaction: &'a Transaction<'a>,
    shards: Shards,
    is_lacking: Vec<bool>,
    window: Duration,
    restored: u64,
    started: Instant,
    told: Instant,
}

impl<'a> Restoration<'a> {
    fn new(transaction: &'a Transaction<'a>, shards: Shards, lacking: &[Shard], window: Duration) -> Self {
        let is_lacking = shards.all().map(|shard| lacking.contains(&shard)).collect();
        let now = Instant::now();
        Self { transaction, shards, is_lacking, window, restored: 0, started: now, told: now }
    }

    async fn run(&mut self, link: &mut Link, lost: bool, at_risk: Duration) -> Result<(), ClaimError> {
        let now = Timestamp::now();
        let window = (now.saturating_sub(self.window).unwrap_or(Timestamp::MIN), Timestamp::MAX);
        let times = if lost {
            Some(window)
        } else {
            let lately = epochs::times_stored_lately(self.transaction, at_risk).await?;
            lately.map(|(from, to)| (from.max(window.0), to))
        };
        if let Some(times) = times {
            let events = epochs::claimed_events(self.transaction, times).await?;
            loop {
                let part = events.next(self.transaction, PART).await?;
                if part.is_empty() {
                    break;
                }
                self.restore(link, &part, now).await?;
            }
        }
        let (claims, took) = (self.restored, self.started.elapsed());
        metrics::claims_restored(lost, took);
        if claims > 0 {
            tracing::info!(claims, ?took, lost, "restored the claims that Redis lacked");
        }
        Ok(())
    }

    async fn restore(
        &mut self,
        link: &mut Link,
        events: &[ClaimedEvent],
        now: Timestamp,
    ) -> Result<(), ClaimError> {
        let claims: Vec<RestoredClaim<'_>> =
            events.iter().filter_map(|event| self.claim_of(event, now)).collect();
        queue::restore_claims(link, &claims).await?;
        fail_point::reached("claims-restoring");
        self.restored += claims.len() as u64;
        metrics::claims_restoring(claims.len());
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            tracing::info!(claims = self.restored, took = ?self.started.elapsed(), "restoring claims");
        }
        Ok(())
    }

    fn claim_of<'e>(&self, event: &'e ClaimedEvent, now: Timestamp) -> Option<RestoredClaim<'e>> {
        let ClaimedEvent { event_id, user_id, received_at, origin } = event;
        let shard = self.shards.of_user(user_id);
        let age = Duration::try_from(now.duration_since(*received_at)).unwrap_or_default();
        let left = self.window.checked_sub(age).filter(|left| !left.is_zero())?;
        self.is_lacking[shard.index()].then_some(RestoredClaim { shard, event_id, origin: *origin, left })
    }
}
