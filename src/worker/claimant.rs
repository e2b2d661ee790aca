//! Claims for the stages: laid under the epochs that Postgres records, restored first where Redis has lost some.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::WorkerError;
use super::batch::event_count;
use super::error::ServerFailure;
use super::restore::{self, RestoreSettings};
use super::rows::frame_time;
use crate::ops::clock;
use crate::ops::metrics::{self, PostgresOperation, RedisOperation};
use crate::queue::{self, Claim, Claimed, Delivery, Epochs, Pool, QueueError, Shards};
use crate::store::{self, StoreError};

/// Who lays claims. Clones know the same epochs.
#[derive(Clone, Debug)]
pub(super) struct Claimant {
    pub(super) redis: Pool,
    pub(super) postgres: store::Pool,
    pub(super) shards: Shards,
    pub(super) settings: RestoreSettings,
    /// How long Postgres may take to look receipts up.
    pub(super) timeout: Duration,
    /// What Postgres recorded when it was last asked.
    pub(super) known: Known,
}

/// The epochs known in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<Mutex<Option<Arc<Epochs>>>>);

/// A failure of either server.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For each event whether it is new, and the epochs under which that holds.
#[derive(Debug)]
pub(super) struct Laid {
    pub(super) is_new: Vec<bool>,
    pub(super) epochs: Arc<Epochs>,
}

impl Claimant {
    /// Claims those events that are `wanted`, told event by event, after the missing claims are restored where there are
    /// any. What is not wanted is not new.
    ///
    /// Frames that are stored claim nothing: what was a duplicate in them would be taken from the frame that has it.
    pub(super) async fn claim(&self, deliveries: &[Delivery], wanted: &[bool]) -> Result<Laid, ClaimError> {
        loop {
            let epochs = self.epochs().await?;
            let stored = self.are_stored(deliveries).await?;
            let mut is_new = wanted.to_vec();
            clear_events_of(&mut is_new, deliveries, &stored);
            let claims = claims(deliveries, &is_new, &epochs);
            let mut link = self.redis.get(deliveries.iter().map(|delivery| delivery.shard)).await?;
            let asked = queue::claim(&mut link, &claims, self.settings.window, &epochs, Some(clock::now()));
            match metrics::timed(RedisOperation::Claim, asked).await? {
                Claimed::Told(ours) => {
                    let claimed = is_new.iter_mut().filter(|is_new| **is_new);
                    let mut results = [0, 0];
                    for (is_new, ours) in claimed.zip(ours.into_iter().flatten()) {
                        *is_new = ours;
                        results[usize::from(ours)] += 1;
                    }
                    metrics::claims_laid(results[1], results[0]);
                    return Ok(Laid { is_new, epochs });
                }
                Claimed::Stale => {
                    link.doubt();
                    self.known.forget(&epochs);
                }
            }
        }
    }

    /// For each delivery, whether its frame has a receipt.
    async fn are_stored(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, ClaimError> {
        let frame = |delivery: &Delivery| (delivery.shard, delivery.entry, frame_time(delivery));
        let frames: Vec<_> = deliveries.iter().map(frame).collect();
        let reading = async |client: &mut _| store::have_receipts(client, &frames).await;
        Ok(store::within(self.timeout, &self.postgres, PostgresOperation::Receipts, reading).await?)
    }

    /// The epochs that hold; asked for, and made whole, where they are not known.
    async fn epochs(&self) -> Result<Arc<Epochs>, ClaimError> {
        if let Some(known) = self.known.lock().clone() {
            return Ok(known);
        }
        let whole = restore::whole_epochs(&self.redis, &self.postgres, self.shards, &self.settings);
        let whole = Arc::new(whole.await?);
        *self.known.lock() = Some(Arc::clone(&whole));
        Ok(whole)
    }
}

/// A claim for each readable delivery, to those of its events that are `wanted`.
fn claims(deliveries: &[Delivery], wanted: &[bool], epochs: &Epochs) -> Vec<Claim> {
    let mut wanted = wanted.iter();
    let frames = deliveries.iter().filter_map(|delivery| Some((delivery, delivery.frame.as_ref().ok()?)));
    frames
        .map(|(delivery, frame)| {
            let wanted = frame.identities().zip(wanted.by_ref()).filter(|(_, wanted)| **wanted);
            let events = wanted.map(|(identity, _)| identity);
            Claim::new(delivery.shard, delivery.claims_as(), events, epochs)
        })
        .collect()
}

/// Clears the flags of the events of those deliveries that are chosen.
fn clear_events_of(flags: &mut [bool], deliveries: &[Delivery], chosen: &[bool]) {
    let mut rest = flags;
    for (delivery, chosen) in deliveries.iter().zip(chosen) {
        let (own, others) = rest.split_at_mut(event_count(delivery));
        rest = others;
        if *chosen {
            own.fill(false);
        }
    }
}

impl Known {
    /// Forgets the epochs if they are still these.
    pub(super) fn forget(&self, epochs: &Arc<Epochs>) {
        let mut known = self.lock();
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, epochs)) {
            *known = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Epochs>>> {
        // Each change is a single step, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerFailure for ClaimError {
    fn will_pass(&self) -> bool {
        match self {
            Self::Queue(error) => error.will_pass(),
            Self::Store(error) => error.will_pass(),
        }
    }

    fn is_away(&self) -> bool {
        match self {
            Self::Queue(error) => error.is_away(),
            Self::Store(error) => error.is_away(),
        }
    }

    fn stops(self, stage: &'static str) -> WorkerError {
        match self {
            Self::Queue(error) => error.stops(stage),
            Self::Store(error) => error.stops(stage),
        }
    }
}
