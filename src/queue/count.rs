//! The count of shards belongs to the queue: a process that counts otherwise would append to streams that nobody reads,
//! and look for claims where they do not lie.
//!
//! ```text
//! ledger:{3} = … · shards → how many there are
//! ```
//!
//! Each shard keeps the count, so it is gone only where the shard's stream is gone too. Every look at the queue writes it
//! where it is missing: an emptied Redis gets it back from the processes that run.

use bb8_redis::redis;

use super::{Link, QueueError, Shard, Shards};

pub(super) const SHARDS: &str = "shards";

/// Has the queue keep this count where it keeps none, and refuses another one. A Redis that takes no writes now gets it
/// later.
pub async fn agree_on_count(link: &mut Link, shards: Shards) -> Result<(), QueueError> {
    if compare(shards, &kept(link, shards).await?)? {
        return Ok(());
    }
    match keep(link, shards).await {
        Err(error) if error.will_pass() => Ok(()),
        kept => kept,
    }
}

/// Refuses another count than the queue's.
pub async fn check_count(link: &mut Link, shards: Shards) -> Result<(), QueueError> {
    compare(shards, &kept(link, shards).await?).map(|_| ())
}

/// The count that the queue keeps; `None` where it keeps none yet.
pub(super) async fn of_queue(link: &mut Link, first: Shard) -> Result<Option<i64>, QueueError> {
    link.ask(first, redis::cmd("HGET").arg(first.ledger()).arg(SHARDS)).await
}

/// Writes the count to the first shard, which decides between processes that start at once, and then to the others.
async fn keep(link: &mut Link, shards: Shards) -> Result<(), QueueError> {
    let (first, others): (Vec<Shard>, Vec<Shard>) = shards.all().partition(|shard| shard.index() == 0);
    for part in [first, others] {
        let mut commands = link.commands(0);
        for shard in part {
            let pipeline = commands.of(shard);
            pipeline.cmd("HSETNX").arg(shard.ledger()).arg(SHARDS).arg(shards.count()).ignore();
            pipeline.cmd("HGET").arg(shard.ledger()).arg(SHARDS);
        }
        compare(shards, &commands.run().await?)?;
    }
    Ok(())
}

/// What each shard keeps.
async fn kept(link: &mut Link, shards: Shards) -> Result<Vec<Option<i64>>, QueueError> {
    let mut commands = link.commands(0);
    for shard in shards.all() {
        commands.of(shard).cmd("HGET").arg(shard.ledger()).arg(SHARDS);
    }
    commands.run().await
}

/// Whether all shards keep this count; an error where one keeps another.
fn compare(shards: Shards, kept: &[Option<i64>]) -> Result<bool, QueueError> {
    let here = shards.count();
    match kept.iter().flatten().find(|kept| usize::try_from(**kept) != Ok(here)) {
        Some(other) => Err(QueueError::OtherShards { here, queue: *other }),
        None => Ok(kept.iter().all(Option::is_some)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_missing_is_no_other_count() {
        let shards = Shards::new(2).expect("allowed");
        assert!(matches!(compare(shards, &[Some(2), Some(2)]), Ok(true)));
        assert!(matches!(compare(shards, &[Some(2), None]), Ok(false)));
        let other = compare(shards, &[None, Some(3)]).expect_err("another count");
        assert!(matches!(other, QueueError::OtherShards { here: 2, queue: 3 }), "{other}");
    }
}
