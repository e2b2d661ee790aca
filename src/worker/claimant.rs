//! Claims for the stages: laid under the epochs that Postgres records, restored first where Redis has lost some.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ServerFailure;
use super::restore::{self, RestoreSettings};
use crate::queue::{self, Claim, Claimed, Epochs, Pool, QueueError, Shards};
use crate::store::StoreError;

use super::WorkerError;

/// Who lays claims. Clones know the same epochs.
#[derive(Clone, Debug)]
pub(super) struct Claimant {
    pub(super) redis: Pool,
    pub(super) postgres: deadpool_postgres::Pool,
    pub(super) shards: Shards,
    pub(super) settings: RestoreSettings,
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

/// For each frame and each of its ids whether it is the frame's, and the epochs under which that holds.
#[derive(Debug)]
pub(super) struct Laid {
    pub(super) ours: Vec<Vec<bool>>,
    pub(super) epochs: Arc<Epochs>,
}

impl Claimant {
    /// Claims each frame's ids, after the missing claims are restored where there are any.
    pub(super) async fn claim(&self, frames: &[Claim]) -> Result<Laid, ClaimError> {
        loop {
            let epochs = self.epochs().await?;
            let mut link = self.redis.get().await.map_err(QueueError::from)?;
            match queue::claim(&mut link, frames, self.settings.window, &epochs).await? {
                Claimed::Told(ours) => return Ok(Laid { ours, epochs }),
                Claimed::Stale => self.known.forget(&epochs),
            }
        }
    }

    /// The epochs that hold; asked for, and made whole, where they are not known.
    async fn epochs(&self) -> Result<Arc<Epochs>, ClaimError> {
        if let Some(known) = self.known.lock().clone() {
            return Ok(known);
        }
        let whole = restore::whole_epochs(&self.redis, &self.postgres, self.shards, &self.settings).await?;
        let whole = Arc::new(whole);
        *self.known.lock() = Some(Arc::clone(&whole));
        Ok(whole)
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

    fn stops(self, stage: &'static str) -> WorkerError {
        match self {
            Self::Queue(error) => error.stops(stage),
            Self::Store(error) => error.stops(stage),
        }
    }
}
