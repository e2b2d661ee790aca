//! The Redis server, or each node of a cluster: is it one that keeps what it acknowledges?
//!
//! Streams have no expiry. With a policy that evicts such keys, Redis would throw accepted events away when its memory is
//! full; so only the two policies that do not are worked with.

use bb8_redis::redis::{self, InfoDict};

use super::depth::{Eviction, Memory};
use super::disk::Disk;
use super::{Link, Pool, QueueError, Shard, Shards, count};

/// `SET … NX GET` came with it.
const OLDEST_MAJOR: u32 = 7;

/// Refuses a server that is too old, may evict what is queued, or does not let this process in, and a queue with another
/// count of shards. One that does not answer yet is looked at again later.
pub async fn check(pool: &Pool, shards: Shards) -> Result<(), QueueError> {
    match fits(pool, shards).await {
        Err(error) if error.will_pass() && !matches!(error, QueueError::NotLetIn { .. }) => {
            tracing::warn!(%error, "Redis was not looked at yet");
            Ok(())
        }
        looked => looked,
    }
}

/// Whether Redis answers, keeps what it acknowledges, and has this count of shards; the error says what a person can do
/// about it.
pub async fn usable(pool: Pool, shards: Shards) -> Result<(), String> {
    fits(&pool, shards).await.map_err(|error| error.to_string())
}

async fn fits(pool: &Pool, shards: Shards) -> Result<(), QueueError> {
    let mut link = pool.get(shards.all()).await?;
    memories(&mut link).await?;
    count::agree_on_count(&mut link, shards).await
}

/// Whether Redis answers for all shards; the error says what a person can do about it.
pub async fn answers(pool: Pool, shards: Shards) -> Result<(), String> {
    let asked = async {
        let mut link = pool.get(shards.all()).await?;
        let mut commands = link.commands(0);
        for shard in shards.all() {
            commands.of(shard).cmd("EXISTS").arg(shard.stream()).ignore();
        }
        commands.send().await
    };
    asked.await.map_err(|error: QueueError| error.to_string())
}

/// Whether each server takes writes now: an append that would add nothing is refused for the same reasons as a frame.
pub async fn takes_writes(pool: &Pool, shards: Shards) -> Result<(), QueueError> {
    let mut link = pool.get(shards.all()).await?;
    let of_each_server: Vec<Shard> =
        link.shared_out(shards.all()).into_iter().filter_map(|shards| shards.into_iter().next()).collect();
    let mut commands = link.commands(1);
    for shard in of_each_server {
        let probe = commands.of(shard).cmd("XADD").arg(format!("{}:probe", shard.stream()));
        probe.arg("NOMKSTREAM").arg("*").arg("probe").arg("").ignore();
    }
    commands.send().await
}

/// How full each server of the link is; an error where one is too old, or may evict what is queued.
pub(super) async fn memories(link: &mut Link) -> Result<Vec<Memory>, QueueError> {
    Ok(seen(link).await?.0)
}

/// How full each server of the link is, and how the disks of all of them fare.
pub(super) async fn seen(link: &mut Link) -> Result<(Vec<Memory>, Disk), QueueError> {
    let about = redis::cmd("INFO").arg("server").arg("memory").arg("persistence").to_owned();
    let infos: Vec<InfoDict> = link.ask_each(&about).await?;
    let seen: Result<Vec<_>, (usize, QueueError)> =
        infos.iter().enumerate().map(|(place, info)| memory(info).map_err(|error| (place, error))).collect();
    let memories = seen.map_err(|(place, source)| match link.nodes().into_iter().nth(place) {
        Some(node) => QueueError::Node { node, source: Box::new(source) },
        None => source,
    })?;
    Ok((memories, infos.iter().map(disk).fold(Disk::default(), Disk::and)))
}

/// Between the commands of one round the buffer is never empty, so it only counts while an fsync holds it up.
fn disk(info: &InfoDict) -> Disk {
    let count = |name: &str| info.get::<u64>(name).unwrap_or(0);
    let refused = info.get::<String>("aof_last_write_status").is_some_and(|status| status != "ok");
    let held_up = refused || count("aof_pending_bio_fsync") > 0;
    let unwritten = if held_up { count("aof_buffer_length") } else { 0 };
    Disk { delayed_fsyncs: count("aof_delayed_fsync"), unwritten, refused }
}

fn memory(info: &InfoDict) -> Result<Memory, QueueError> {
    let version: String = info.get("redis_version").unwrap_or_default();
    if version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0) < OLDEST_MAJOR {
        return Err(QueueError::TooOld(version));
    }
    let policy: String = info.get("maxmemory_policy").unwrap_or_default();
    let max = info.get::<u64>("maxmemory").filter(|max| *max > 0);
    let eviction = match policy.as_str() {
        "noeviction" => Eviction::Never,
        "volatile-ttl" => Eviction::SoonestExpiry,
        _ => return Err(QueueError::Eviction(policy)),
    };
    let bytes = |name: &str| info.get(name).unwrap_or(0);
    Ok(Memory { used: bytes("used_memory"), at_start: bytes("used_memory_startup"), max, eviction })
}
