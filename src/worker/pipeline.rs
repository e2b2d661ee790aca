//! The five stages, a thread each, joined by bounded channels.
//!
//! ```text
//! fetch ──▶ dedupe ──▶ match ──▶ store ──▶ ack
//! ```
//!
//! A full channel blocks the stage before it: that is the backpressure. When `fetch` ends and drops its sender, each
//! stage ends after the one before it: that is the drain. A stage that fails ends the pipeline in the same way, with
//! nothing acknowledged that was not committed.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::WorkerError;
use super::ack::Ack;
use super::batch::BatchLimits;
use super::channel::channel;
use super::claimant::{Claimant, Known};
use super::dedupe::Dedupe;
use super::fetch::Fetch;
use super::halt::Halt;
use super::matching::Matching;
use super::restore::RestoreSettings;
use super::stage::{Ended, Stage};
use super::store::Store;
use crate::campaign::Catalog;
use crate::config::{PartitionConfig, QueueConfig, WorkerConfig};
use crate::ops::metrics;
use crate::queue::{Consumer, Links, Pool};
use crate::store::Partitions;

/// What the pipeline works on.
#[derive(Debug)]
pub struct Servers {
    /// For claims and acknowledgements.
    pub redis: Pool,
    /// For the connection that reads, which may block.
    pub links: Links,
    /// For the rows.
    pub postgres: crate::store::Pool,
    /// How long an attempt to store a batch may take.
    pub transaction_timeout: Duration,
    /// The campaigns to match against; may be exchanged at any time.
    pub catalog: Arc<ArcSwap<Catalog>>,
}

/// A running pipeline.
#[derive(Debug)]
pub struct Pipeline {
    halt: Halt,
    stages: Vec<Running>,
    failure: Option<WorkerError>,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    ended: oneshot::Receiver<Result<(), Ended>>,
}

impl Pipeline {
    /// Starts the stages; those that do I/O block on `runtime`.
    pub fn start(
        runtime: &Handle,
        servers: Servers,
        consumer_name: String,
        worker: &WorkerConfig,
        queue: &QueueConfig,
        partitions: &PartitionConfig,
    ) -> Result<Self, WorkerError> {
        let mut pipeline = Self { halt: Halt::new(), stages: Vec::new(), failure: None };
        let stage = |name| Stage { name, runtime: runtime.clone(), halt: pipeline.halt.clone() };
        let Servers { redis, links, postgres, transaction_timeout, catalog } = servers;

        let claimant = Claimant {
            redis: redis.clone(),
            postgres: postgres.clone(),
            shards: queue.shards,
            settings: RestoreSettings { window: worker.dedupe_window, at_risk: worker.redis_loss },
            timeout: transaction_timeout,
            known: Known::default(),
        };
        let limits = BatchLimits { events: worker.batch_events.get(), bytes: worker.batch_bytes.get() };
        let (done, all_done) = watch::channel(0);
        let fetch = Fetch {
            stage: stage("fetch"),
            consumer: Consumer::new(links, consumer_name, queue.shards),
            streams: queue.shards.count(),
            limits,
            wait: worker.fetch_wait,
            reclaim_after: worker.reclaim_after,
            max_deliveries: worker.max_deliveries,
            redis: redis.clone(),
            postgres: postgres.clone(),
            timeout: transaction_timeout,
            done: all_done,
            sent: 0,
        };
        let dedupe = Dedupe { stage: stage("dedupe"), claimant: claimant.clone() };
        let matching = Matching::new(Arc::clone(&catalog));
        let partitions = Partitions::new(partitions.partition_interval);
        let timeout = transaction_timeout;
        let again = Matching::new(catalog);
        let store = Store { stage: stage("store"), postgres, partitions, claimant, matching: again, timeout };
        let ack = Ack { stage: stage("ack"), redis, done };

        let room = worker.channel_batches.get();
        let (fetched_in, fetched_out) = channel(metrics::Stage::Fetch, metrics::Stage::Dedupe, room, limits);
        let (deduplicated_in, deduplicated_out) =
            channel(metrics::Stage::Dedupe, metrics::Stage::Match, room, limits);
        let (matched_in, matched_out) = channel(metrics::Stage::Match, metrics::Stage::Store, room, limits);
        let (committed_in, committed_out) = channel(metrics::Stage::Store, metrics::Stage::Ack, room, limits);
        pipeline.spawn("fetch", move || fetch.run(&fetched_in))?;
        pipeline.spawn("dedupe", move || dedupe.run(&fetched_out, &deduplicated_in))?;
        pipeline.spawn("match", move || {
            matching.run(&deduplicated_out, &matched_in);
            Ok(())
        })?;
        pipeline.spawn("store", move || store.run(&matched_out, &committed_in))?;
        pipeline.spawn("ack", move || ack.run(&committed_out))?;
        Ok(pipeline)
    }

    /// Stops fetching; what is in flight is finished and acknowledged.
    pub fn drain(&self) {
        self.halt.drain();
    }

    /// Gives up what is in flight. It stays in the queue, unacknowledged, for another worker.
    pub fn abandon(&self) {
        self.halt.drain();
        self.halt.abandon();
    }

    /// Waits until every stage has ended; the error is the first stage's that failed. The wait can be given up and begun
    /// again.
    pub async fn ended(&mut self) -> Result<(), WorkerError> {
        while let Some(Running { name: stage, ended }) = self.stages.last_mut() {
            match ended.await {
                Ok(Ok(()) | Err(Ended::Abandoned)) => {}
                Ok(Err(Ended::Failed(error))) => self.failure = Some(error),
                Err(_) => self.failure = self.failure.take().or(Some(WorkerError::StageDied { stage })),
            }
            self.stages.pop();
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        run: impl FnOnce() -> Result<(), Ended> + Send + 'static,
    ) -> Result<(), WorkerError> {
        let (tell, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Nobody listens any more: the pipeline was dropped.
                let _ = tell.send(run());
            })
            .map_err(|source| WorkerError::NoThread { stage: name, source })?;
        self.stages.push(Running { name, ended });
        Ok(())
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.abandon();
    }
}
