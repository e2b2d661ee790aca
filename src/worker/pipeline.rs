//! The five stages, a thread each, joined by bounded channels.
//!
//! ```text
//! fetch ──▶ dedupe ──▶ match ──▶ store ──▶ ack
//! ```
//!
//! A full channel blocks the stage before it: that is the backpressure. When `fetch` ends and drops its sender, each
//! stage ends after the one before it: that is the drain. If a stage fails or panics, the stages before it give up what they
//! hold at once, and those behind it finish what they have. Nothing is acknowledged that was not committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::WorkerError;
use super::ack::Ack;
use super::batch::BatchLimits;
use super::channel::channel;
use super::claimant::{Claimant, Known};
use super::confirmation::Confirmation;
use super::dedupe::Dedupe;
use super::fetch::Fetch;
use super::halt::Halt;
use super::held_up::{self, AtWork};
use super::matching::Matching;
use super::restore::RestoreSettings;
use super::set_aside::SetAsides;
use super::stage::{Ended, Stage};
use super::store::Store;
use crate::campaign::Catalog;
use crate::config::{PartitionConfig, QueueConfig, WorkerConfig};
use crate::ops::{Condition, metrics, panic_message};
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
    /// When they were last confirmed.
    pub confirmation: Confirmation,
}

/// A running pipeline.
#[derive(Debug)]
pub struct Pipeline {
    halt: Halt,
    /// How many stages have not ended yet, as far as is known.
    running: usize,
    /// Where stages tell that they end.
    tell: mpsc::Sender<Result<(), Ended>>,
    ends: mpsc::Receiver<Result<(), Ended>>,
    has_failed: bool,
    /// Where the threads are that match.
    at_work: Vec<Arc<AtWork>>,
    set_asides: SetAsides,
    /// The failure of the stage that failed first, until somebody takes it.
    failure: Option<WorkerError>,
    conditions: [Condition; STAGES],
}

const STAGES: usize = NAMES.len();
const NAMES: [&str; 5] = ["fetch", "dedupe", "match", "store", "ack"];

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
        let (tell, ends) = mpsc::channel(STAGES);
        let halt = Halt::new();
        let stages: [Stage; STAGES] = std::array::from_fn(|place| Stage {
            name: NAMES[place],
            runtime: runtime.clone(),
            halt: halt.at(place),
            condition: Condition::new(NAMES[place]),
        });
        let conditions = stages.each_ref().map(|stage| stage.condition.clone());
        let mut pipeline = Self {
            halt,
            running: 0,
            tell,
            ends,
            has_failed: false,
            at_work: Vec::new(),
            set_asides: SetAsides::default(),
            failure: None,
            conditions,
        };
        let [fetching, deduplicating, matching_stage, storing, acknowledging] = &stages;
        let Servers { redis, links, postgres, transaction_timeout, catalog, confirmation } = servers;

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
            stage: fetching.clone(),
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
        let dedupe = Dedupe { stage: deduplicating.clone(), claimant: claimant.clone() };
        let set_asides = SetAsides::default();
        let at_match = Matching::new(
            matching_stage.clone(),
            Arc::clone(&catalog),
            confirmation.clone(),
            set_asides.clone(),
        );
        let partitions = Partitions::new(partitions.partition_interval);
        let timeout = transaction_timeout;
        let again = Matching::new(storing.clone(), catalog, confirmation, set_asides.clone());
        pipeline.at_work = vec![at_match.at_work(), again.at_work()];
        pipeline.set_asides = set_asides;
        let store =
            Store { stage: storing.clone(), postgres, partitions, claimant, matching: again, timeout };
        let ack = Ack { stage: acknowledging.clone(), redis, done };

        let room = worker.channel_batches.get();
        let (fetched_in, fetched_out) = channel(metrics::Stage::Fetch, metrics::Stage::Dedupe, room, limits);
        let (deduplicated_in, deduplicated_out) =
            channel(metrics::Stage::Dedupe, metrics::Stage::Match, room, limits);
        let (matched_in, matched_out) = channel(metrics::Stage::Match, metrics::Stage::Store, room, limits);
        let (committed_in, committed_out) = channel(metrics::Stage::Store, metrics::Stage::Ack, room, limits);
        pipeline.spawn(fetching, move || fetch.run(&fetched_in))?;
        pipeline.spawn(deduplicating, move || dedupe.run(&fetched_out, &deduplicated_in))?;
        pipeline.spawn(matching_stage, move || at_match.run(&deduplicated_out, &matched_in))?;
        pipeline.spawn(storing, move || store.run(&matched_out, &committed_in))?;
        pipeline.spawn(acknowledging, move || ack.run(&committed_out))?;
        Ok(pipeline)
    }

    /// Whether each stage gets on.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The campaigns that were set aside, to be written.
    #[must_use]
    pub fn set_asides(&self) -> SetAsides {
        self.set_asides.clone()
    }

    /// Watches that no event holds up the stages that match, until it is dropped.
    pub fn watch(&self, postgres: crate::store::Pool) -> impl Future<Output = ()> + use<> {
        held_up::watch(self.at_work.clone(), postgres)
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

    /// Waits until a stage has failed, and returns why. The stages before it give up what they hold, those behind it finish
    /// what they have; [`Self::ended`] waits for them. The wait can be given up and begun again.
    pub async fn failed(&mut self) -> WorkerError {
        loop {
            if let Some(failure) = self.failure.take() {
                return failure;
            }
            if self.running == 0 {
                return WorkerError::Ended;
            }
            self.note_next().await;
        }
    }

    /// Waits until every stage has ended; the error is that of the stage that failed first. The wait can be given up and
    /// begun again.
    pub async fn ended(&mut self) -> Result<(), WorkerError> {
        while self.running > 0 {
            self.note_next().await;
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Waits for the end of a stage.
    async fn note_next(&mut self) {
        let ended = self.ends.recv().await.expect("the pipeline holds a sender");
        self.running -= 1;
        if let Err(Ended::Failed(error)) = ended
            && !self.has_failed
        {
            self.has_failed = true;
            self.failure = Some(error);
        }
    }

    fn spawn(
        &mut self,
        stage: &Stage,
        run: impl FnOnce() -> Result<(), Ended> + Send + 'static,
    ) -> Result<(), WorkerError> {
        let (name, halt, tell) = (stage.name, stage.halt.clone(), self.tell.clone());
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // What it holds is dropped with the panic, so nobody sees it half changed.
                let ended = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
                    Err(Ended::Failed(WorkerError::Panicked { stage: name, message: panic_message(&*panic) }))
                });
                if matches!(ended, Err(Ended::Failed(_))) {
                    halt.abandon_before();
                }
                // There is room for the end of every stage. Nobody listens any more if the pipeline was dropped.
                let _ = tell.try_send(ended);
            })
            .map_err(|source| WorkerError::NoThread { stage: name, source })?;
        self.running += 1;
        Ok(())
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.abandon();
    }
}
