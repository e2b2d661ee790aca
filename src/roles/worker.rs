//! The role `worker`: the pipeline, the catalog it matches against, and the upkeep of the tables.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::RoleError;
use super::clocks::Clocks;
use super::pools::watch_pools;
use crate::config::{PartitionConfig, QueueConfig, ServerUrls, StoreConfig, WorkerConfig};
use crate::ops::{Background, Readiness};
use crate::queue::{self, Links};
use crate::store;
use crate::worker::{
    CatalogKeeper, Membership, Pipeline, Servers, WorkerError, maintain, sweep_claims, watch_ledger,
    watch_queue, watch_redis,
};

/// The settings of a worker.
#[derive(Clone, Debug, clap::Args)]
pub struct WorkerSettings {
    /// The pipeline
    #[command(flatten)]
    pub worker: WorkerConfig,
    /// The tables
    #[command(flatten)]
    pub partitions: PartitionConfig,
}

impl WorkerSettings {
    /// Refuses settings that contradict each other.
    pub fn check(&self) -> Result<(), RoleError> {
        Ok(self.partitions.check(self.worker.dedupe_window)?)
    }
}

/// How long stages have to end once they are told to give up what they hold. One that computes is not waited for.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(1);

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    pipeline: Pipeline,
    membership: Membership,
    /// Ends with the worker.
    background: Background,
}

impl Worker {
    /// Loads the campaigns and starts the pipeline. Adds to `readiness` what the worker needs to do its work.
    pub async fn start(
        urls: &ServerUrls,
        queue: &QueueConfig,
        store: &StoreConfig,
        settings: &WorkerSettings,
        readiness: &mut Readiness,
    ) -> Result<Self, RoleError> {
        settings.check()?;
        let WorkerSettings { worker, partitions } = settings;
        let postgres = store::connect(&urls.database_url, store)?;
        let keeper = CatalogKeeper::load(postgres.clone()).await?.answered_within(store.transaction_timeout);
        let state = keeper.state();
        readiness.require("campaigns", move || std::future::ready(state.check()));
        let pool = postgres.clone();
        readiness.require("postgres", move || store::answers(pool.clone()));

        let redis = queue::pool(&urls.redis_url, queue)?;
        queue::check(&redis, queue.shards).await?;
        let (probed, shards) = (redis.clone(), queue.shards);
        readiness.require("redis", move || queue::usable(probed.clone(), shards));
        let clocks = Clocks { postgres: postgres.clone(), redis: redis.clone(), shards };
        clocks.read_at_start().await;
        let servers = Servers {
            redis: redis.clone(),
            links: Links::new(&urls.redis_url, queue.redis_timeout + worker.fetch_wait)?,
            postgres: postgres.clone(),
            transaction_timeout: store.transaction_timeout,
            catalog: keeper.catalog(),
            confirmation: keeper.confirmation(),
        };
        let changed = Arc::new(Notify::new());
        let mut background = Background::default();
        let listening = store::listen_for_changes(
            urls.database_url.clone(),
            store.database_timeout,
            Arc::clone(&changed),
        );
        background.spawn("notifications", listening);
        background.spawn("catalog", keeper.follow(changed, worker.catalog_poll));
        let membership = Membership { redis, shards: queue.shards, name: worker.consumer_name() };
        maintain(&mut background, &membership, &postgres, partitions);
        background.spawn("clocks", clocks.watch(readiness.condition("clock")));
        background.spawn("pools", watch_pools(membership.redis.clone(), postgres.clone()));
        background.spawn("queue", watch_queue(membership.clone()));
        background.spawn("claims", sweep_claims(membership.clone()));
        background.spawn("ledger", watch_ledger(membership.clone(), postgres.clone()));
        background.spawn("redis", watch_redis(membership.clone(), postgres, worker.reclaim_after));
        let name = membership.name.clone();
        let for_matching = servers.postgres.clone();
        let pipeline = Pipeline::start(&Handle::current(), servers, name, worker, queue, partitions)?;
        pipeline.conditions().iter().for_each(|condition| readiness.add(condition));
        background.spawn("set-asides", pipeline.set_asides().write(for_matching.clone()));
        background.spawn("match", pipeline.watch(for_matching));
        Ok(Self { pipeline, membership, background })
    }

    /// Waits until the pipeline or a background task has ended though nobody asked it to.
    pub async fn failed(&mut self) -> RoleError {
        tokio::select! {
            error = self.pipeline.failed() => error.into(),
            ended = self.background.ended() => ended.into(),
        }
    }

    /// Finishes what was fetched, and ends. After `timeout` the rest is left to another worker.
    pub async fn drain(mut self, timeout: Duration) -> Result<(), WorkerError> {
        let deadline = Instant::now() + timeout;
        self.pipeline.drain();
        let Ok(ended) = tokio::time::timeout_at(deadline, self.pipeline.ended()).await else {
            tracing::warn!(?timeout, "not finished in time; the rest stays in the queue for another worker");
            self.pipeline.abandon();
            let Ok(ended) = tokio::time::timeout(ABANDON_TIMEOUT, self.pipeline.ended()).await else {
                tracing::error!("a stage does not end; the process ends without it");
                return Ok(());
            };
            return ended;
        };
        // Where this comes to nothing the name is removed later, by another worker.
        let _ = tokio::time::timeout_at(deadline, self.membership.leave()).await;
        ended
    }
}
