//! Keeps the catalog up to date: Postgres tells of a change, and a poll is the safety net.
//!
//! Only what changed since the last look is read; the new catalog is compiled off the hot path and swapped in at once. A
//! rule that this release cannot read leaves the last good catalog in place, and shows in readiness and metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use deadpool_postgres::Pool;

use crate::campaign::{ActiveCampaign, Catalog, UnreadableRule};
use crate::ops::metrics;
use crate::store::{self, CampaignChange, StoreError};

/// The catalog, and how it is kept.
#[derive(Debug)]
pub struct CatalogKeeper {
    postgres: Pool,
    catalog: Arc<ArcSwap<Catalog>>,
    /// Every active campaign at `revision`, by id.
    campaigns: BTreeMap<i64, Arc<ActiveCampaign>>,
    revision: i64,
    state: CatalogState,
}

/// Why the catalog is not up to date; shared with readiness.
#[derive(Clone, Debug, Default)]
pub struct CatalogState(Arc<Mutex<Option<String>>>);

/// Why a look for changes failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored rule.
    #[error(transparent)]
    Rule(#[from] UnreadableRule),
    /// The compilation was interrupted.
    #[error("compiling the rules was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl CatalogState {
    /// `Err` says why the catalog is not up to date.
    pub fn check(&self) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Whether this was not known yet.
    fn set(&self, problem: Option<String>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = *known != problem;
        *known = problem;
        differs
    }
}

impl CatalogKeeper {
    /// Loads every active campaign.
    pub async fn load(postgres: Pool) -> Result<Self, CatalogError> {
        let mut keeper = Self {
            postgres,
            catalog: Arc::new(ArcSwap::from_pointee(Catalog::compile(0, Vec::new()))),
            campaigns: BTreeMap::new(),
            revision: 0,
            state: CatalogState::default(),
        };
        keeper.refresh().await?;
        Ok(keeper)
    }

    /// The catalog, exchanged whenever campaigns change.
    #[must_use]
    pub fn catalog(&self) -> Arc<ArcSwap<Catalog>> {
        Arc::clone(&self.catalog)
    }

    /// Whether the catalog is up to date.
    #[must_use]
    pub fn state(&self) -> CatalogState {
        self.state.clone()
    }

    /// Follows changes: at once when `changed` says so, else every `poll`.
    pub async fn follow(mut self, changed: Arc<tokio::sync::Notify>, poll: Duration) {
        loop {
            // The limit is the poll itself: an elapsed time-out is not an error.
            let _ = tokio::time::timeout(poll, changed.notified()).await;
            match self.refresh().await {
                Ok(()) => {
                    self.state.set(None);
                }
                Err(error) => {
                    metrics::catalog_failed();
                    if self.state.set(Some(error.to_string())) {
                        tracing::warn!(%error, revision = self.revision, "campaigns not reloaded; matching goes on with the last good ones");
                    }
                }
            }
        }
    }

    /// Reads what changed, and swaps in a new catalog if anything did.
    async fn refresh(&mut self) -> Result<(), CatalogError> {
        let changes = store::campaign_changes_since(&self.postgres, self.revision).await?;
        let Some(revision) = changes.iter().map(|change| change.revision).max() else { return Ok(()) };
        let started = Instant::now();
        let mut campaigns = self.campaigns.clone();
        let (campaigns, catalog) = tokio::task::spawn_blocking(move || {
            apply(&mut campaigns, &changes)?;
            let catalog = Catalog::compile(revision, campaigns.values().cloned().collect());
            Ok::<_, UnreadableRule>((campaigns, catalog))
        })
        .await??;
        metrics::catalog_compiled(&catalog, started.elapsed());
        tracing::info!(revision, active = catalog.len(), took = ?started.elapsed(), "campaigns loaded");
        (self.campaigns, self.revision) = (campaigns, revision);
        self.catalog.store(Arc::new(catalog));
        Ok(())
    }
}

fn apply(
    campaigns: &mut BTreeMap<i64, Arc<ActiveCampaign>>,
    changes: &[CampaignChange],
) -> Result<(), UnreadableRule> {
    for change in changes {
        match &change.rules {
            None => {
                campaigns.remove(&change.id);
            }
            Some(rules) => {
                let campaign =
                    ActiveCampaign::read(change.id, change.version, change.starts_at, change.ends_at, rules)?;
                campaigns.insert(change.id, Arc::new(campaign));
            }
        }
    }
    Ok(())
}
