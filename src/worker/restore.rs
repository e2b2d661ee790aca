//! Restores the claims that Redis lost, from what Postgres has stored.
//!
//! Invariants: nothing new is claimed by any worker until it is done, as the new epoch is shown last; ingest goes on
//! meanwhile; whoever dies in the middle leaves the old epoch recorded, and the next one begins again.

use std::time::{Duration, Instant};

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::claimant::ClaimError;
use crate::ops::fail_point;
use crate::ops::metrics::{self, Failure, PostgresOperation};
use crate::queue::{
    self, Epoch, Epochs, Gap, Identity, Link, Pool, QueueError, RestoredClaim, Shard, Shards, Shown,
};
use crate::store::epochs::{self, ClaimedEvent};
use crate::store::{Lent, StoreError};

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
    let Begun { transaction, mut recorded, now } = in_postgres(begin(&mut client, shards)).await?;
    // One link from here to the end: a restoration does not outlive a run of Redis that it began in.
    let mut link = redis.get(shards.all()).await?;
    link.renew().await?;
    // The shards of users follow from their count.
    queue::agree_on_count(&mut link, shards).await?;
    let shown = queue::shown_epochs(&mut link, shards).await?;
    let gap_of =
        |shard: Shard, shown| queue::gap(recorded[shard.index()].as_ref(), shown, link.run_id(shard));
    let is_whole = |shard: Shard| gap_of(shard, shown[shard.index()]).is_none();
    let lacking: Vec<Shard> = shards.all().filter(|shard| !is_whole(*shard)).collect();
    if !lacking.is_empty() {
        let begun = (&transaction, &*recorded, now);
        let restored = restore(begun, &mut link, (shards, &lacking), settings).await?;
        in_postgres(epochs::record(&transaction, &restored)).await?;
        for (shard, epoch) in restored {
            recorded[shard.index()] = Some(epoch);
        }
    }
    in_postgres(transaction.commit()).await.map_err(StoreError::from)?;
    let whole = recorded.into_iter().map(|epoch| epoch.expect("what was not recorded is restored"));
    Ok(Epochs::new(whole.collect()))
}

/// A transaction that holds the lock.
struct Begun<'a> {
    transaction: Transaction<'a>,
    recorded: Vec<Option<Epoch>>,
    /// When the lock was had.
    now: Timestamp,
}

/// Takes the lock, and reads the recorded epochs.
async fn begin(client: &mut Lent, shards: Shards) -> Result<Begun<'_>, StoreError> {
    let transaction = client.transaction().await?;
    let now = epochs::lock(&transaction).await?;
    let recorded = epochs::read(&transaction, shards).await?;
    if epochs::are_older(&transaction).await? {
        tracing::info!(
            "the claims in Redis are of an older release, whose workers store nothing from now on; laying them anew"
        );
    }
    Ok(Begun { transaction, recorded, now })
}

/// Notes what is asked of Postgres, and not what Redis is asked for between.
async fn in_postgres<T, E: Failure>(asked: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    metrics::timed(PostgresOperation::Epochs, asked).await
}

/// Restores the claims of the shards that lack some, and shows their new epochs.
async fn restore(
    (transaction, recorded, now): (&Transaction<'_>, &[Option<Epoch>], Timestamp),
    link: &mut Link,
    (shards, lacking): (Shards, &[Shard]),
    settings: &RestoreSettings,
) -> Result<Vec<(Shard, Epoch)>, ClaimError> {
    let id = Uuid::now_v7();
    let shown = queue::mark_restoration(link, lacking, id).await?;
    fail_point::reached("restoration-marked");
    // What stood there before the mark decides, not what was read earlier.
    let gap_of = |(shard, shown): (&Shard, Option<Shown>)| {
        queue::gap(recorded[shard.index()].as_ref(), shown, link.run_id(*shard))
    };
    let missing = Missing::of(lacking.iter().zip(shown).filter_map(gap_of), now);
    let lost = missing == Missing::All;
    if lost {
        // Nobody asks for them any more, and Redis' memory is not to hold two of each.
        queue::drop_all(link, lacking).await?;
    }
    let epoch_of = |shard: &Shard| {
        let known = recorded[shard.index()].as_ref().filter(|_| !lost);
        let keyspace = known.map_or_else(rand::random, |known| known.keyspace);
        (*shard, Epoch { id, keyspace, run_id: link.run_id(*shard).clone() })
    };
    let epochs: Vec<(Shard, Epoch)> = lacking.iter().map(epoch_of).collect();
    let restoration = Restoration::new(transaction, shards, &epochs, (settings.window, now));
    let restored = restoration.run(link, missing, settings.at_risk).await?;
    // A new installation: Redis had never had any.
    let is_first = lacking.iter().all(|shard| recorded[shard.index()].is_none()) && restored.claims == 0;
    if !is_first {
        metrics::claims_restored(lost, restored.took);
    }
    fail_point::reached("claims-restored");
    if !queue::show_epoch(link, lacking, Shown { id, seen_at: now }).await? {
        return Err(QueueError::LostAgain.into());
    }
    fail_point::reached("epoch-shown");
    Ok(epochs)
}

/// The claims that several shards lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    All,
    /// Some of those of events that were stored since then.
    Since(Timestamp),
}

impl Missing {
    fn of(gaps: impl Iterator<Item = Gap>, now: Timestamp) -> Self {
        gaps.fold(Self::Since(now), |missing, gap| match (missing, gap) {
            (Self::All, _) | (_, Gap::Lost) => Self::All,
            (Self::Since(since), Gap::Restarted(shown)) => Self::Since(since.min(shown)),
        })
    }
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
    /// What time it is by Postgres.
    now: Timestamp,
    restored: u64,
    started: Instant,
    told: Instant,
}

impl<'a> Restoration<'a> {
    fn new(
        transaction: &'a Transaction<'a>,
        shards: Shards,
        lacking: &[(Shard, Epoch)],
        (window, now): (Duration, Timestamp),
    ) -> Self {
        let mut keyspaces = vec![None; shards.count()];
        for (shard, epoch) in lacking {
            keyspaces[shard.index()] = Some(epoch.keyspace);
        }
        let started = Instant::now();
        Self { transaction, shards, keyspaces, window, now, restored: 0, started, told: started }
    }

    async fn run(
        mut self,
        link: &mut Link,
        missing: Missing,
        at_risk: Duration,
    ) -> Result<Restored, ClaimError> {
        let window = (self.now.saturating_sub(self.window).unwrap_or(Timestamp::MIN), Timestamp::MAX);
        let times = match missing {
            Missing::All => Some(window),
            Missing::Since(shown) => {
                let lately = epochs::times_stored_lately(self.transaction, self.shards, shown, at_risk);
                in_postgres(lately).await?.map(|(from, to)| (from.max(window.0), to))
            }
        };
        if let Some(times) = times {
            let events = in_postgres(epochs::claimed_events(self.transaction, times)).await?;
            loop {
                let part = in_postgres(events.next(self.transaction, PART)).await?;
                if part.is_empty() {
                    break;
                }
                self.write(link, &part).await?;
            }
        }
        let (claims, took) = (self.restored, self.started.elapsed());
        if claims > 0 {
            tracing::info!(claims, ?took, ?missing, "restored the claims that Redis lacked");
        }
        Ok(Restored { claims, took })
    }

    async fn write(&mut self, link: &mut Link, events: &[ClaimedEvent]) -> Result<(), ClaimError> {
        let claims: Vec<RestoredClaim<'_>> = events.iter().filter_map(|event| self.claim_of(event)).collect();
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

    fn claim_of<'e>(&self, event: &'e ClaimedEvent) -> Option<RestoredClaim<'e>> {
        let ClaimedEvent { event_id, user_id, class, received_at, origin } = event;
        let shard = self.shards.of_user(user_id);
        let ends_at = received_at.saturating_add(self.window).unwrap_or(Timestamp::MAX);
        let keyspace = self.keyspaces[shard.index()]?;
        let identity = Identity { class: *class, user_id, event_id };
        (ends_at > self.now).then_some(RestoredClaim { shard, keyspace, identity, origin: *origin, ends_at })
    }
}
