//! What triggered a campaign: one by one, and counted.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::events::StoredEvent;
use super::windows::{self, Page, Position, Search, Selection};
use super::{Searches, StoreError};
use crate::campaign::CampaignId;
use crate::ops::metrics::{PostgresOperation, timed};

/// An event that triggered a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Which event.
    pub event_id: String,
    /// Whose it is.
    pub user_id: String,
    /// When ingest accepted it.
    pub received_at: Timestamp,
    /// The version of the campaign that it triggered.
    pub campaign_version: i32,
    /// Whether a browser sent it.
    pub from_browser: bool,
}

/// Which triggers are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Those of this campaign.
    pub campaign_id: CampaignId,
    /// Only those by this user.
    pub user_id: Option<String>,
    /// Only those received at this time or later.
    pub from: Option<Timestamp>,
    /// Only those received before this time.
    pub to: Option<Timestamp>,
}

/// How often a campaign was triggered in an hour or a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// When the hour or day begins.
    pub start: Timestamp,
    /// How often.
    pub triggers: i64,
}

/// Counts of a range of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// In the order of time; those that are zero are left out.
    pub counts: Vec<Count>,
    /// From when on events are kept; `None` when nothing was ever stored.
    pub stored_from: Option<Timestamp>,
}

/// Finds at most `limit` triggers beyond `after`, in no more than about `patience`.
pub async fn search(
    searches: &Searches,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
    patience: Duration,
) -> Result<Page<Trigger>, StoreError> {
    // A campaign may be triggered by nearly every event, which a bloom index does not narrow.
    let first_window = windows::FIRST_WINDOW;
    let search = Search { from: filter.from, to: filter.to, after, first_window, limit, patience };
    let mut selection = Selection::of(
        "select event_id, user_id, received_at, campaign_version, from_browser from triggers where true",
    );
    selection.add(" and campaign_id = ?", &filter.campaign_id.0, Type::INT8);
    if let Some(user_id) = &filter.user_id {
        selection.add(" and user_id = ?", user_id, Type::TEXT);
    }
    windows::search(searches, &search, &selection, trigger).await
}

/// The version of the campaign that the event triggered; `None` when it did not trigger it.
pub async fn version_triggered(
    searches: &Searches,
    id: CampaignId,
    event: &StoredEvent,
) -> Result<Option<i32>, StoreError> {
    const SELECT: &str = "select campaign_version from triggers
        where received_at = $1 and event_id = $2 and user_id = $3 and campaign_id = $4 and from_browser = $5 limit 1";
    let mut connection = searches.connection().await?;
    let from_browser = event.sender.class.is_browser();
    let parameters: [(&(dyn ToSql + Sync), Type); 5] = [
        (&event.received_at, Type::TIMESTAMPTZ),
        (&event.event_id, Type::TEXT),
        (&event.user_id, Type::TEXT),
        (&id.0, Type::INT8),
        (&from_browser, Type::BOOL),
    ];
    let looking = async {
        let transaction = connection.begin().await?;
        Ok::<_, StoreError>(transaction.query_typed_opt(SELECT, &parameters).await?)
    };
    let row = timed(PostgresOperation::Search, looking).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Counts the triggers of a campaign from `from` up to, and without, `to`. `unit` is `hour` or `day`, in UTC.
pub async fn count(
    searches: &Searches,
    id: CampaignId,
    from: Timestamp,
    to: Timestamp,
    unit: &str,
) -> Result<Counts, StoreError> {
    const SELECT: &str = "select date_trunc($4, received_at, 'UTC'), count(*) from triggers
        where campaign_id = $1 and received_at >= $2 and received_at < $3 group by 1 order by 1";
    let mut connection = searches.connection().await?;
    let parameters: [(&(dyn ToSql + Sync), Type); 4] =
        [(&id.0, Type::INT8), (&from, Type::TIMESTAMPTZ), (&to, Type::TIMESTAMPTZ), (&unit, Type::TEXT)];
    let counting = async {
        let transaction = connection.begin().await?;
        let stored = windows::stored_span(&transaction).await?;
        Ok::<_, StoreError>((stored, transaction.query_typed(SELECT, &parameters).await?))
    };
    let (stored, rows) = timed(PostgresOperation::Search, counting).await?;
    let count = |row: &Row| Ok(Count { start: row.try_get(0)?, triggers: row.try_get(1)? });
    let counts = rows.iter().map(count).collect::<Result<_, tokio_postgres::Error>>()?;
    Ok(Counts { counts, stored_from: stored.map(|(span, _)| span.from) })
}

fn trigger(row: &Row) -> Result<Trigger, tokio_postgres::Error> {
    Ok(Trigger {
        event_id: row.try_get(0)?,
        user_id: row.try_get(1)?,
        received_at: row.try_get(2)?,
        campaign_version: row.try_get(3)?,
        from_browser: row.try_get(4)?,
    })
}
