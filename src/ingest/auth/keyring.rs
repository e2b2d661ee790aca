//! Keys, by their hash: from the cache, or from Postgres.
//!
//! Invariants: a key revoked elsewhere stops working within [`FRESH`](super::cache::FRESH) and one look-up; while Postgres
//! cannot be reached, or takes longer than [`PATIENCE`], a key that was valid stays so. Keys that nobody knows take at most
//! half of the connections to Postgres, however many come, and a key in the cache never waits for them.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::cache::{Cache, Known, Recall};
use crate::api::{Kind, Problem};
use crate::ingest::rate::RateLimit;
use crate::ops::Repeated;
use crate::store::keys::{self, KeyHash, KeyId};
use crate::store::{Pool, StoreError};

/// How long a request waits: for its turn to have a key looked up, or for a valid key to be looked up again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A failure that stays the same is logged once in this time.
const LOG_PERIOD: Duration = Duration::from_secs(10);

/// Where keys are kept, and what was looked up lately.
#[derive(Debug)]
pub(in crate::ingest) struct Keyring {
    pool: Pool,
    cache: Cache,
    /// Turns to look up a key that is not in the cache.
    turns: Semaphore,
    /// How many events go into a body.
    body: NonZeroU32,
    /// While Postgres is away each request would log that.
    logged: Repeated,
}

impl Keyring {
    pub(super) fn new(pool: Pool, body: NonZeroU32) -> Self {
        let turns = Semaphore::new((pool.most() / 2).max(1));
        Self { pool, cache: Cache::new(), turns, body, logged: Repeated::every(LOG_PERIOD) }
    }

    /// The key with this hash; `None` when it is not valid.
    pub(super) async fn find(self: &Arc<Self>, hash: KeyHash) -> Result<Option<Known>, Problem> {
        match self.cache.recall(hash, Instant::now()) {
            Recall::Fresh(found) => Ok(found),
            Recall::Stale(known) => Ok(self.renew(hash, known).await),
            // Large, and hardly ever run
            Recall::Nothing => Box::pin(self.meet(hash)).await,
        }
    }

    /// Takes note of a revocation by this server.
    pub(super) fn forget(&self, id: KeyId) {
        self.cache.forget(id);
    }

    /// Looks up again a key that was valid. That comes to its end though the client hangs up; or else whoever has a revoked
    /// key could go on for ever, by hanging up whenever it is looked up.
    async fn renew(self: &Arc<Self>, hash: KeyHash, known: Known) -> Option<Known> {
        let keyring = Arc::clone(self);
        let renewal = tokio::spawn(async move {
            keyring.look_up(hash).await.inspect_err(|error| {
                if let Some(unlogged) = keyring.logged.note(&error.to_string()) {
                    tracing::warn!(%error, unlogged, "an API key could not be looked up again; it stays valid meanwhile");
                }
            })
        });
        match timeout(PATIENCE, renewal).await {
            Ok(Ok(Ok(found))) => found,
            _ => Some(known),
        }
    }

    /// Looks up a key that was not seen lately, when its turn comes.
    async fn meet(&self, hash: KeyHash) -> Result<Option<Known>, Problem> {
        let Ok(turn) = timeout(PATIENCE, self.turns.acquire()).await else {
            let detail = "too many API keys wait to be looked up; try again";
            return Err(Problem::new(Kind::Unavailable, detail));
        };
        let _turn = turn.expect("the semaphore is never closed");
        // Another request with this key may have been first.
        match self.cache.recall(hash, Instant::now()) {
            Recall::Fresh(found) => Ok(found),
            Recall::Stale(_) | Recall::Nothing => Ok(self.look_up(hash).await?),
        }
    }

    async fn look_up(&self, hash: KeyHash) -> Result<Option<Known>, StoreError> {
        let began = self.cache.generation();
        let found = keys::find(&self.pool, hash).await?.map(|key| Known {
            limit: key.rate_limit.map(|rate| Arc::new(RateLimit::new(rate, self.body, Instant::now()))),
            key: Arc::new(key),
        });
        Ok(self.cache.remember(hash, found, Instant::now(), began))
    }
}
