//! Keeps the catalog up to date: Postgres tells of a change, and a poll is the safety net.
//!
//! Only what changed since the last look is read; the new catalog is compiled off the hot path and swapped in at once. A
//! rule that this release cannot read leaves the last good catalog in place, and shows in readiness and metrics.
//!
//! A change compiles only the campaigns that changed. When they have become many, or after a while, all campaigns are
//! settled anew in the background, while changes go on being applied to what was settled before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::task::{JoinError, JoinHandle};

use super::confirmation::{Confirmation, Confirmer, Moment};
use crate::campaign::{ActiveCampaign, ActiveCampaigns, Catalog, Settled, UnreadableRule};
use crate::ops::{fail_point, metrics};
use crate::store::{self, CampaignChange, Pool, StoreError};

/// The catalog, and how it is kept.
#[derive(Debug)]
pub struct CatalogKeeper {
    postgres: Pool,
    catalog: Arc<ArcSwap<Catalog>>,
    /// Every active campaign at `revision`.
    campaigns: Arc<ActiveCampaigns>,
    revision: i64,
    state: CatalogState,
    confirmer: Confirmer,
    /// How long Postgres may take to answer.
    limit: Duration,
    settled_at: Instant,
    /// The settling that is under way.
    settling: Option<JoinHandle<Settled>>,
}

/// How long a few changed campaigns may be matched beside the settled ones, before all are settled anew.
const SETTLE_AFTER: Duration = Duration::from_mins(1);

/// How long all campaigns may take to be read.
const LOAD_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks while Postgres does not answer.
const PROBE_PERIOD: Duration = Duration::from_millis(200);

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
    Interrupted(#[from] JoinError),
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
            catalog: Arc::default(),
            campaigns: Arc::default(),
            revision: 0,
            state: CatalogState::default(),
            confirmer: Confirmer::new(Moment::now()),
            limit: LOAD_LIMIT,
            settled_at: Instant::now(),
            settling: None,
        };
        keeper.refresh().await?;
        Ok(keeper)
    }

    /// The catalog, exchanged whenever campaigns change.
    #[must_use]
    pub fn catalog(&self) -> Arc<ArcSwap<Catalog>> {
        Arc::clone(&self.catalog)
    }

    /// When the catalog was last confirmed to be up to date.
    #[must_use]
    pub fn confirmation(&self) -> Confirmation {
        self.confirmer.confirmation()
    }

    /// Gives up a look for changes after `limit`, and looks again on another connection.
    #[must_use]
    pub fn answered_within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Whether the catalog is up to date.
    #[must_use]
    pub fn state(&self) -> CatalogState {
        self.state.clone()
    }

    /// Follows changes: at once when `changed` says so or a stage wants a confirmation, else every `poll`.
    pub async fn follow(mut self, changed: Arc<tokio::sync::Notify>, poll: Duration) {
        let mut pause = poll;
        loop {
            tokio::select! {
                settled = ended(&mut self.settling) => self.settle(settled),
                () = changed.notified() => {}
                () = self.confirmer.wanted() => {}
                () = tokio::time::sleep(pause) => {}
            }
            fail_point::reached("catalog-looked-at");
            let refreshed = self.refresh().await;
            let is_away = matches!(refreshed, Err(CatalogError::Store(_)));
            pause = if is_away { poll.min(PROBE_PERIOD) } else { poll };
            self.note(refreshed);
            self.begin_settling();
        }
    }

    /// Makes known whether the catalog is up to date.
    fn note(&self, refreshed: Result<(), CatalogError>) {
        let Err(error) = refreshed else {
            self.state.set(None);
            return;
        };
        metrics::catalog_failed();
        if self.state.set(Some(error.to_string())) {
            tracing::warn!(%error, revision = self.revision, "campaigns not reloaded");
        }
    }

    /// Reads what changed, and swaps in a new catalog if anything did. That confirms it, also where a rule cannot be read:
    /// this is shown, and matching goes on with the campaigns before.
    async fn refresh(&mut self) -> Result<(), CatalogError> {
        let began = Moment::now();
        let changes = store::campaign_changes_since(&self.postgres, self.revision, self.limit).await?;
        let applied = self.apply(changes).await;
        self.confirmer.confirm(began);
        applied
    }

    async fn apply(&mut self, changes: Vec<CampaignChange>) -> Result<(), CatalogError> {
        let Some(revision) = changes.iter().map(|change| change.revision).max() else { return Ok(()) };
        let started = Instant::now();
        let (mut campaigns, settled) = (Arc::clone(&self.campaigns), self.catalog.load().settled());
        let is_first = self.revision == 0;
        let (campaigns, catalog) = tokio::task::spawn_blocking(move || {
            apply(Arc::make_mut(&mut campaigns), &changes)?;
            let catalog = if is_first {
                Catalog::compile(revision, &campaigns)
            } else {
                Catalog::over(settled, revision, &campaigns)
            };
            Ok::<_, UnreadableRule>((campaigns, catalog))
        })
        .await??;
        (self.campaigns, self.revision) = (campaigns, revision);
        self.publish(catalog, started);
        Ok(())
    }

    fn publish(&self, catalog: Catalog, started: Instant) {
        metrics::catalog_compiled(&catalog, started.elapsed());
        tracing::info!(revision = self.revision, active = catalog.len(), settled = catalog.is_settled(), took = ?started.elapsed(), "campaigns loaded");
        self.catalog.store(Arc::new(catalog));
    }

    /// Settles all campaigns anew in the background, if it is time to.
    fn begin_settling(&mut self) {
        let catalog = self.catalog.load();
        let is_old = self.settled_at.elapsed() >= SETTLE_AFTER && !catalog.is_settled();
        if self.settling.is_none() && (is_old || catalog.has_many_changes()) {
            let campaigns = Arc::clone(&self.campaigns);
            self.settling = Some(tokio::task::spawn_blocking(move || Settled::compile(&campaigns)));
        }
    }

    /// Goes on over campaigns that have been settled anew, with what has changed meanwhile.
    fn settle(&mut self, settled: Result<Settled, JoinError>) {
        (self.settling, self.settled_at) = (None, Instant::now());
        match settled {
            Ok(settled) => {
                let started = Instant::now();
                self.publish(Catalog::over(Arc::new(settled), self.revision, &self.campaigns), started);
            }
            Err(error) => {
                tracing::warn!(%error, "campaigns not settled; those that changed stay apart for now");
            }
        }
    }
}

/// The outcome of a task, if there is one; else this waits for ever.
async fn ended<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

/// Applies changes; none of them if a rule cannot be read.
fn apply(campaigns: &mut ActiveCampaigns, changes: &[CampaignChange]) -> Result<(), UnreadableRule> {
    let read = |change: &CampaignChange| {
        let rules = change.rules.as_deref();
        rules.map(|rules| {
            ActiveCampaign::read(change.id, change.version, change.starts_at, change.ends_at, rules)
        })
    };
    for change in changes {
        match read(change).transpose()? {
            Some(campaign) => campaigns.insert(change.id, Arc::new(campaign)),
            None => campaigns.remove(&change.id),
        };
    }
    Ok(())
}
