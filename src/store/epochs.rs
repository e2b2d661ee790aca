//! The epochs of claims, of which Postgres is the authority.
//!
//! One lock decides. Each transaction that stores holds it shared, from before it compares the epochs until its commit;
//! whoever restores claims holds it alone, from before he reads what is stored until the new epoch is recorded. So what was
//! claimed under the old epoch is either committed before the claims are restored, and among them, or not stored at all but
//! claimed again.
//!
//! Epochs of an older [form](FORM) count for nothing: their claims do not tell users or classes of senders apart. Once one of
//! this form is recorded, Postgres refuses those of older workers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Portal, Statement, Transaction};

use super::{Pool, StoreError};
use crate::ops::metrics::{PostgresOperation, timed};
use crate::queue::{EntryId, Epoch, Epochs, RunId, SenderClass, Shard, Shards};

/// What claims stand for in this release: an identity. 1 is an `event_id` of a shard.
const FORM: i16 = 2;

/// The statements of whoever stores: prepared before the first is sent, so that none of others comes before the lock.
pub(super) struct Hold {
    lock: Statement,
    select: Statement,
}

impl Hold {
    pub(super) async fn prepare(
        transaction: &deadpool_postgres::Transaction<'_>,
    ) -> Result<Self, StoreError> {
        const LOCK: &str = "select pg_advisory_xact_lock_shared(hashtext('claims'))";
        const SELECT: &str = "select shard, epoch::text from claim_epochs where shard = any($1)";
        let (lock, select) =
            tokio::try_join!(transaction.prepare_cached(LOCK), transaction.prepare_cached(SELECT))?;
        Ok(Self { lock, select })
    }

    /// Holds the lock shared until the transaction ends; whether the epochs of these shards are still those recorded.
    pub(super) async fn take(
        &self,
        transaction: &Transaction<'_>,
        epochs: &Epochs,
        shards: &BTreeSet<Shard>,
    ) -> Result<bool, StoreError> {
        let numbers: Vec<i16> = shards.iter().map(|shard| number(*shard)).collect();
        let numbers: [&(dyn ToSql + Sync); 1] = [&numbers];
        // Sent together, but two statements: the second sees what was committed when the lock was had.
        let (_, rows) = tokio::try_join!(
            biased;
            transaction.execute(&self.lock, &[]),
            transaction.query(&self.select, &numbers)
        )?;
        let recorded: BTreeMap<i16, &str> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(shards.iter().all(|shard| {
            recorded.get(&number(*shard)).and_then(|id| id.parse().ok()) == Some(epochs.of(*shard).id)
        }))
    }
}

/// Takes the lock alone, until the transaction ends. What time it is then.
pub async fn lock(transaction: &Transaction<'_>) -> Result<Timestamp, StoreError> {
    transaction.batch_execute("select pg_advisory_xact_lock(hashtext('claims'))").await?;
    now(transaction).await
}

/// Whether epochs of an older form are recorded: the claims in Redis are those of a release before.
pub async fn are_older(transaction: &Transaction<'_>) -> Result<bool, StoreError> {
    const SELECT: &str = "select exists (select from claim_epochs where form < $1)";
    Ok(transaction.query_one(SELECT, &[&FORM]).await?.get(0))
}

/// What time it is at Postgres.
pub async fn now(transaction: &Transaction<'_>) -> Result<Timestamp, StoreError> {
    Ok(transaction.query_one("select clock_timestamp()", &[]).await?.try_get(0)?)
}

/// The recorded epochs, by shard.
pub async fn read(transaction: &Transaction<'_>, shards: Shards) -> Result<Vec<Option<Epoch>>, StoreError> {
    const SELECT: &str = "select shard, epoch::text, keyspace, run_id from claim_epochs where form = $1";
    let mut epochs = vec![None; shards.count()];
    for row in transaction.query(SELECT, &[&FORM]).await? {
        let shard: i16 = row.get(0);
        let place = usize::try_from(shard).ok().and_then(|index| epochs.get_mut(index));
        if let (Some(place), Ok(id)) = (place, row.get::<_, &str>(1).parse()) {
            let keyspace = row.get::<_, i64>(2).cast_unsigned();
            *place = Some(Epoch { id, keyspace, run_id: RunId::new(row.get(3)) });
        }
    }
    Ok(epochs)
}

/// Records the epochs under which these shards' claims are whole.
pub async fn record(transaction: &Transaction<'_>, epochs: &[(Shard, Epoch)]) -> Result<(), StoreError> {
    const RECORD: &str = "insert into claim_epochs (shard, epoch, keyspace, run_id, rebuilt_at, seen_at, form)
        values ($1, $2::text::uuid, $3, $4, now(), now(), $5)
        on conflict (shard) do update set epoch = excluded.epoch, keyspace = excluded.keyspace, form = excluded.form,
            run_id = excluded.run_id, rebuilt_at = excluded.rebuilt_at, seen_at = excluded.seen_at";
    let statement = transaction.prepare(RECORD).await?;
    for (shard, Epoch { id, keyspace, run_id }) in epochs {
        let (id, keyspace) = (id.to_string(), keyspace.cast_signed());
        transaction.execute(&statement, &[&number(*shard), &id, &keyspace, &run_id.as_str(), &FORM]).await?;
    }
    Ok(())
}

/// Notes that runs live: those that `lives` finds out to, after the moment that is noted. It is told that moment, and the
/// epochs as they were recorded then.
pub async fn note_alive<E: From<StoreError>>(
    pool: &Pool,
    shards: Shards,
    lives: impl AsyncFnOnce(Timestamp, Vec<Option<Epoch>>) -> Result<Vec<RunId>, E>,
) -> Result<(), E> {
    let mut client = pool.get().await?;
    let beginning = async {
        let transaction = client.transaction().await?;
        let now = transaction.query_one("select now()", &[]).await?.get(0);
        let recorded = read(&transaction, shards).await?;
        Ok::<_, StoreError>((transaction, now, recorded))
    };
    let (transaction, now, recorded) = timed(PostgresOperation::Epochs, beginning).await?;
    let runs = lives(now, recorded).await?;
    let noting = async {
        let note = "update claim_epochs set seen_at = now() where run_id = any($1)";
        let runs: Vec<&str> = runs.iter().map(RunId::as_str).collect();
        transaction.execute(note, &[&runs]).await?;
        Ok::<_, StoreError>(transaction.commit().await?)
    };
    Ok(timed(PostgresOperation::Epochs, noting).await?)
}

/// The times between which the events were accepted whose claims a restarted Redis may have lost: those stored since
/// `loss` before the run was last known to live, or before the time that Redis itself shows, if that is earlier. `None` if
/// there are none. What is recorded of shards that a greater count had says nothing.
pub async fn times_stored_lately(
    transaction: &Transaction<'_>,
    shards: Shards,
    shown: Timestamp,
    loss: Duration,
) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    const SELECT: &str = "select min(earliest_at), max(latest_at) from frames
        where stored_at >= least($1, (select min(seen_at) from claim_epochs where shard < $3)) - make_interval(secs => $2)";
    let count = i16::try_from(shards.count()).expect("Shards allows no more than fit a smallint");
    let row = transaction.query_one(SELECT, &[&shown, &loss.as_secs_f64(), &count]).await?;
    let (earliest, latest): (Option<Timestamp>, Option<Timestamp>) = (row.get(0), row.get(1));
    Ok(earliest.zip(latest))
}

/// An event that has a claim.
#[derive(Clone, Debug)]
pub struct ClaimedEvent {
    /// Its id.
    pub event_id: String,
    /// To whom it happened, which decides its shard.
    pub user_id: String,
    /// The class of its sender.
    pub class: SenderClass,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// The entry that it came in, where it is a dead letter.
    pub origin: Option<EntryId>,
}

/// Reads the events accepted between two times, stored ones and dead letters, in parts.
#[expect(missing_debug_implementations, reason = "a portal has none")]
pub struct ClaimedEvents(Portal);

/// Begins to read them. Dead letters come first.
pub async fn claimed_events(
    transaction: &Transaction<'_>,
    (from, to): (Timestamp, Timestamp),
) -> Result<ClaimedEvents, StoreError> {
    const SELECT: &str = "select event_id, user_id, created_at, entry_ms, entry_seq, from_browser from dead_letters
            where created_at >= $1 and event_id is not null and user_id is not null
        union all
        select event_id, user_id, received_at, null, null, from_browser from events where received_at between $1 and $2";
    let statement = transaction.prepare(SELECT).await?;
    Ok(ClaimedEvents(transaction.bind(&statement, &[&from, &to]).await?))
}

impl ClaimedEvents {
    /// The next `most` of them; none at the end.
    pub async fn next(
        &self,
        transaction: &Transaction<'_>,
        most: i32,
    ) -> Result<Vec<ClaimedEvent>, StoreError> {
        let rows = transaction.query_portal(&self.0, most).await?;
        let number = |part: i64| u64::try_from(part).unwrap_or(0);
        Ok(rows
            .iter()
            .map(|row| {
                let entry: (Option<i64>, Option<i64>) = (row.get(3), row.get(4));
                let origin = entry.0.zip(entry.1).map(|(milliseconds, sequence)| EntryId {
                    milliseconds: number(milliseconds),
                    sequence: number(sequence),
                });
                let class = SenderClass::of(row.get(5));
                ClaimedEvent {
                    event_id: row.get(0),
                    user_id: row.get(1),
                    class,
                    received_at: row.get(2),
                    origin,
                }
            })
            .collect())
    }
}

pub(super) fn number(shard: Shard) -> i16 {
    i16::try_from(shard.number()).expect("Shards allows no more than fit a smallint")
}
