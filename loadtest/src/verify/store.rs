//! The server's database, read and never written.

use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, IsolationLevel, Row};

use super::Database;
use super::audit::Audit;
use crate::LoadError;
use crate::workload::RunId;

/// How long the database may take to connect, and from one row to the next.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The database. A connection that broke is opened anew.
#[derive(Debug)]
pub struct Store {
    database: Database,
    client: Option<Client>,
}

/// What became of events, by the receipts of their frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Stored.
    pub stored: u64,
    /// Dropped as duplicates.
    pub duplicates: u64,
    /// Kept as dead letters.
    pub dead_lettered: u64,
}

impl Settled {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.stored + self.duplicates + self.dead_lettered
    }

    /// What has been settled since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            stored: self.stored.saturating_sub(earlier.stored),
            duplicates: self.duplicates.saturating_sub(earlier.duplicates),
            dead_lettered: self.dead_lettered.saturating_sub(earlier.dead_lettered),
        }
    }
}

impl Store {
    /// The database, not connected yet.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone(), client: None }
    }

    /// Whether the event is stored.
    pub async fn has(&mut self, event_id: &str, since: Timestamp) -> Result<bool, LoadError> {
        let query = "select from events where received_at >= $1 and event_id = $2";
        let mut found = false;
        rows(self.client().await?, query, &[&since, &event_id], |_| {
            found = true;
            Ok(())
        })
        .await?;
        Ok(found)
    }

    /// What became of all events, of any client, that were received since then.
    pub async fn settled(&mut self, since: Timestamp) -> Result<Settled, LoadError> {
        const QUERY: &str =
            "select coalesce(sum(stored), 0), coalesce(sum(duplicates), 0), coalesce(sum(dead_lettered), 0)
            from frames where received_at >= $1";
        let mut settled = Settled::default();
        let answered = rows(self.client().await?, QUERY, &[&since], |row| {
            let count = |column| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
            settled = Settled { stored: count(0)?, duplicates: count(1)?, dead_lettered: count(2)? };
            Ok(())
        })
        .await;
        if answered.is_err() {
            // A connection that is dead without an end would never answer.
            self.client = None;
        }
        answered.map(|()| settled)
    }

    /// Hands every row of the run to `audit`, all as they were at one moment.
    pub(super) async fn read(
        &mut self,
        run: &RunId,
        since: Timestamp,
        campaigns: &[i64],
        audit: &mut Audit<'_>,
    ) -> Result<(), LoadError> {
        const EVENTS: &str =
            "select event_id, campaign_ids from events where received_at >= $1 and event_id like $2";
        const TRIGGERS: &str = "select campaign_id, event_id from triggers
            where received_at >= $1 and event_id like $2 and campaign_id = any($3)";
        const LETTERS: &str = "select event_id, reason || ': ' || detail,
                case when event_id is null then coalesce(frame, payload) end
            from dead_letters
            where created_at >= $1 and replayed_at is null and (event_id is null or event_id like $2)";
        let ids = format!("{}%", run.event_prefix());
        let client = self.client().await?;
        let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
        let snapshot = within(snapshot.read_only(true).start()).await?;
        rows(&snapshot, EVENTS, &[&since, &ids], |row| {
            audit.event(row.try_get(0)?, &row.try_get::<_, Vec<i64>>(1)?);
            Ok(())
        })
        .await?;
        rows(&snapshot, TRIGGERS, &[&since, &ids, &campaigns], |row| {
            audit.trigger(row.try_get(0)?, row.try_get(1)?);
            Ok(())
        })
        .await?;
        rows(&snapshot, LETTERS, &[&since, &ids], |row| {
            match (row.try_get(0)?, row.try_get::<_, Option<&[u8]>>(2)?) {
                (Some(event_id), _) => audit.dead_letter(event_id, row.try_get(1)?),
                (None, frame) => audit.dead_frame(frame.unwrap_or_default(), row.try_get(1)?),
            }
            Ok(())
        })
        .await?;
        within(snapshot.commit()).await
    }

    async fn client(&mut self) -> Result<&mut Client, LoadError> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.connect().await?,
        };
        Ok(self.client.insert(client))
    }

    async fn connect(&mut self) -> Result<Client, LoadError> {
        let client = within(self.database.connect(TIMEOUT)).await?;
        // One core at most, as the others carry the load.
        within(client.batch_execute("set max_parallel_workers_per_gather = 0")).await?;
        Ok(client)
    }
}

/// Hands each row of the answer to `take`.
async fn rows(
    client: &impl GenericClient,
    query: &str,
    parameters: &[&(dyn ToSql + Sync)],
    mut take: impl FnMut(&Row) -> Result<(), tokio_postgres::Error>,
) -> Result<(), LoadError> {
    let rows = within(client.query_raw(query, parameters.iter().copied())).await?;
    let mut rows = pin!(rows);
    while let Some(row) = within(rows.try_next()).await? {
        take(&row)?;
    }
    Ok(())
}

async fn within<T>(answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, LoadError> {
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(LoadError::DatabaseTimeout(TIMEOUT)),
    }
}
