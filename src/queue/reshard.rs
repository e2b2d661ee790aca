//! Gives the queue another count of shards, while no process uses it.
//!
//! Users change their shards, so claims would not be found again. All of them are dropped with their epochs, and the first
//! worker restores them from Postgres into the shards of the new count.
//!
//! Invariants: nothing is changed while something is queued or a worker reads. The new count is written last: a `serve` that
//! still runs refuses events once it has seen it, and whoever broke off in the middle can begin again.

use std::time::Duration;

use super::count::{self, SHARDS};
use super::lane::create_groups;
use super::{Link, Pool, QueueError, Shards, ledger, lots, members};

/// A name that has read from the queue within this time is taken for a worker that runs.
const ACTIVE: Duration = Duration::from_mins(1);
/// By then every running `serve` has seen the new count, and Redis has what it sent before.
const SETTLE: Duration = Duration::from_secs(1);

/// Why the count stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ReshardError {
    /// A stream would not be read any more.
    #[error(
        "the queue is not empty ({0} frames of events); start workers with the count of the queue, wait with: campaign-manager ledger --wait 10m, and end them"
    )]
    Queued(u64),
    /// It would go on with the old count.
    #[error(
        "the worker {name:?} has read from the queue within the last minute; end all workers, or wait a minute if it was killed"
    )]
    Worker {
        /// Its name in the group.
        name: String,
    },
    /// Events came although nobody should send any.
    #[error("events were accepted meanwhile, and the queue has its old count again; end every serve first")]
    Serving,
    /// Redis.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Gives the queue the count `to`. The count that it had; `None` where it keeps none yet, which changes nothing.
pub async fn reshard(pool: &Pool, to: Shards) -> Result<Option<Shards>, ReshardError> {
    let Some(first) = to.get(0) else { return Ok(None) };
    let kept = count::of_queue(&mut pool.get([first]).await?, first).await?;
    let Some(from) = kept.and_then(|kept| Shards::new(u16::try_from(kept).ok()?)) else { return Ok(None) };
    let all = if from.count() > to.count() { from } else { to };
    let mut link = pool.get(all.all()).await?;
    check_idle(&mut link, from).await?;
    forget_claims(&mut link, all).await?;
    write(&mut link, all, to).await?;
    tokio::time::sleep(SETTLE).await;
    if queued(&mut link, from).await? > 0 {
        write(&mut link, all, from).await?;
        return Err(ReshardError::Serving);
    }
    Ok(Some(from))
}

async fn check_idle(link: &mut Link, shards: Shards) -> Result<(), ReshardError> {
    match queued(link, shards).await? {
        0 => {}
        frames => return Err(ReshardError::Queued(frames)),
    }
    // Where no worker was yet, there is no group to ask about.
    create_groups(link, &shards.all().collect::<Vec<_>>()).await?;
    match members::active(link, shards, ACTIVE).await? {
        Some(name) => Err(ReshardError::Worker { name }),
        None => Ok(()),
    }
}

/// How many frames no worker has acknowledged.
async fn queued(link: &mut Link, shards: Shards) -> Result<u64, QueueError> {
    Ok(ledger::entries(link, shards).await?.into_iter().sum())
}

async fn forget_claims(link: &mut Link, shards: Shards) -> Result<(), QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("DEL").arg(shard.epoch()).ignore();
    }
    commands.send().await?;
    lots::drop_all(link, &shards.all().collect::<Vec<_>>()).await
}

/// Writes the count `to` into its shards, and takes it out of the others.
async fn write(link: &mut Link, all: Shards, to: Shards) -> Result<(), QueueError> {
    let mut commands = link.commands(0);
    for shard in all.all() {
        let pipeline = commands.of(shard);
        if to.get(shard.number()).is_some() {
            pipeline.cmd("HSET").arg(shard.ledger()).arg(SHARDS).arg(to.count()).ignore();
        } else {
            pipeline.cmd("HDEL").arg(shard.ledger()).arg(SHARDS).ignore();
        }
    }
    commands.send().await
}
