//! Restores the claims that Redis lost, from what Postgres has stored.
//!
//! Invariants: nothing new is claimed by any worker until it is done, as the new epoch is shown last; ingest goes on
//! meanwhile; whoever dies in the middle leaves the old epoch recorded, and the next one begins again.

use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

use super::claimant::ClaimError;
use crate::ops::fail_point;
use crate::ops::metrics::{self, Failure, PostgresOperation};
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
    postgres: &crate::store::Pool,
    shards: Shards,
    settings: &RestoreSettings,
) -> Result<Epochs, ClaimError> {
    let mut client = postgres.get().await?;
    let (transaction, mut recorded) = in_postgres(begin(&mut client, shards)).await?;
    // One link from here to the end: a restoration does not outlive a run of Redis that it began in.
    let mut link = redis.get(shards.all()).await?;
    link.renew().await?;
    let shown = queue::shown_epochs(&mut link, shards).await?;
    let gap_of =
        |shard: Shard, shown| queue::gap(recorded[shard.index()].as_ref(), shown, link.run_id(shard));
    let is_whole = |shard: Shard| gap_of(shard, shown[shard.index()]).is_none();
    let lacking: Vec<Shard> = shards.all().filter(|shard| !is_whole(*shard)).collect();
    if !lacking.is_empty() {
        let restored = restore(&transaction, &mut link, (shards, &lacking), &recorded, settings).await?;
        in_postgres(epochs::record(&transaction, &restored)).await?;
        for (shard, epoch) in restored {
            recorded[shard.index()] = Some(epoch);
        }
    }
    in_postgres(transaction.commit()).await.map_err(StoreError::from)?;
    let whole = recorded.into_iter().map(|epoch| epoch.expect("what was not recorded is restored"));
    Ok(Epochs::new(whole.collect()))
}

/// Takes the lock, and reads the recorded epochs.
async fn begin(
    client: &mut Object,
    shards: Shards,
) -> Result<(Transaction<'_>, Vec<Option<Epoch>>), StoreError> {
    let transaction = client.transaction().await?;
    epochs::lock(&transaction).await?;
    let recorded = epochs::read(&transaction, shards).await?;
    Ok((transaction, recorded))
}

/// Notes what is asked of Postgres, and not what Redis is asked for between.
async fn in_postgres<T, E: Failure>(asked: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    metrics::timed(PostgresOperation::Epochs, asked).await
}

/// Restores the claims of the shards that lack some, and shows their new epochs.
async fn restore(
    transaction: &Transaction<'_>,
    link: &mut Link,
    (shards, lacking): (Shards, &[Shard]),
    recorded: &[Option<Epoch>],
    settings: &RestoreSettings,
) -> Result<Vec<(Shard, Epoch)>, ClaimError> {
    let id = Uuid::now_v7();
    let shown = queue::mark_restoration(link, lacking, id).await?;
    fail_point::reached("restoration-marked");
    // What stood there before the mark decides, not what was read earlier.
    let gap_of = |(shard, shown): (&Shard, Option<Uuid>)| {
        queue::gap(recorded[shard.index()].as_ref(), shown, link.run_id(*shard))
    };
    let lost = lacking.iter().zip(shown).any(|shard| gap_of(shard) == Some(Gap::Lost));
    let epoch_of = |shard: &Shard| {
        let known = recorded[shard.index()].as_ref().filter(|_| !lost);
        let keyspace = known.map_or_else(rand::random, |known| known.keyspace);
        (*shard, Epoch { id, keyspace, run_id: link.run_id(*shard).clone() })
    };
    let epochs: Vec<(Shard, Epoch)> = lacking.iter().map(epoch_of).collect();
    let restoration = Restoration::new(transaction, shards, &epochs, settings.window);
    let restored = restoration.run(link, lost, settings.at_risk).await?;
    // A new installation: Redis had never had any.
    let is_first = lacking.iter().all(|shard| recorded[shard.index()].is_none()) && restored.claims == 0;
    if !is_first {
        metrics::claims_restored(lost, restored.took);
    }
    fail_point::reached("claims-restored");
    if !queue::show_epoch(link, lacking, id).await? {
        return Err(QueueError::LostAgain.into());
    }
    fail_point::reached("epoch-shown");
    Ok(epochs)
}

/// What a restoration came to.
struct Restored {
    claims: u64,
    took: Duration,
}

/// A restoration under way.
struct Restoration<'a> {
    transaction: &'a Transaction<'a>,
    shards: Shards,
    /// Of the shards that lack claims, the keyspaces that they will have.
    keyspaces: Vec<Option<u64>>,
    window: Duration,
    restored: u64,
    started: Instant,
    told: Instant,
}

impl<'a> Restoration<'a> {
    fn new(
        transaction: &'a Transaction<'a>,
        shards: Shards,
        lacking: &[(Shard, Epoch)],
        window: Duration,
    ) -> Self {
        let mut keyspaces = vec![None; shards.count()];
        for (shard, epoch) in lacking {
            keyspaces[shard.index()] = Some(epoch.keyspace);
        }
        let now = Instant::now();
        Self { transaction, shards, keyspaces, window, restored: 0, started: now, told: now }
    }

    async fn run(mut self, link: &mut Link, lost: bool, at_risk: Duration) -> Result<Restored, ClaimError> {
        let now = in_postgres(epochs::now(self.transaction)).await?;
        let window = (now.saturating_sub(self.window).unwrap_or(Timestamp::MIN), Timestamp::MAX);
        let times = if lost {
            Some(window)
        } else {
            let lately = in_postgres(epochs::times_stored_lately(self.transaction, at_risk)).await?;
            lately.map(|(from, to)| (from.max(window.0), to))
        };
        if let Some(times) = times {
            let events = in_postgres(epochs::claimed_events(self.transaction, times)).await?;
            loop {
                let part = in_postgres(events.next(self.transaction, PART)).await?;
                if part.is_empty() {
                    break;
                }
                self.write(link, &part, now).await?;
            }
        }
        let (claims, took) = (self.restored, self.started.elapsed());
        if claims > 0 {
            tracing::info!(claims, ?took, lost, "restored the claims that Redis lacked");
        }
        Ok(Restored { claims, took })
    }

    async fn write(
        &mut self,
        link: &mut Link,
        events: &[ClaimedEvent],
        now: Timestamp,
    ) -> Result<(), ClaimError> {
        let claims: Vec<RestoredClaim<'_>> =
            events.iter().filter_map(|event| self.claim_of(event, now)).collect();
        queue::restore_claims(link, &claims, self.window).await?;
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
        let ends_at = received_at.saturating_add(self.window).unwrap_or(Timestamp::MAX);
        let keyspace = self.keyspaces[shard.index()]?;
        (ends_at > now).then_some(RestoredClaim { shard, keyspace, event_id, origin: *origin, ends_at })
    }
}
