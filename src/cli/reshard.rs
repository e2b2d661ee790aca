//! `campaign-manager reshard`: another count of shards for the queue.

use std::io::Write as _;

use campaign_manager::config::{QueueConfig, RedisUrl};
use campaign_manager::queue;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ReshardArgs {
    /// Redis, as redis://:password@host:port; nodes of a Redis Cluster, one or several, as redis://:password@host:port,host:port
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis_url: RedisUrl,
    #[command(flatten)]
    queue: QueueConfig,
}

/// Gives the queue the count of shards that the settings name.
pub(super) async fn run(args: &ReshardArgs) -> anyhow::Result<()> {
    let ReshardArgs { redis_url, queue } = args;
    let (pool, to) = (queue::pool(redis_url, queue)?, queue.shards.count());
    let told = match queue::reshard(&pool, queue.shards).await? {
        Some(from) => format!(
            "the queue had {} shards and has {to} now; start everything with SHARDS={to}",
            from.count()
        ),
        None => "the queue keeps no count of shards yet; the first process that starts gives it its own"
            .to_owned(),
    };
    Ok(writeln!(std::io::stdout(), "{told}")?)
}
