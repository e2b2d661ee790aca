//! Stored events, found again: newest first, page by page.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::windows::{self, Page, Position, Search, Selection};
use super::{Searches, StoreError};
use crate::campaign::CampaignId;

/// The first window of a search that the bloom indexes narrow.
const FIRST_WINDOW_BY_ID: SignedDuration = SignedDuration::from_hours(24);

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub event_id: String,
    /// To whom it happened.
    pub user_id: String,
    /// What happened.
    pub event_type: String,
    /// When ingest accepted it.
    pub received_at: Timestamp,
    /// The campaigns that it triggered.
    pub campaign_ids: Vec<i64>,
    /// Its JSON text, byte for byte.
    pub payload: String,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only the one with this id.
    pub event_id: Option<String>,
    /// Only those of this user.
    pub user_id: Option<String>,
    /// Only those of this type.
    pub event_type: Option<String>,
    /// Only those that triggered this campaign.
    pub campaign_id: Option<CampaignId>,
    /// Only those received at this time or later.
    pub from: Option<Timestamp>,
    /// Only those received before this time.
    pub to: Option<Timestamp>,
}

/// Finds the event with this id; where several users have one, that of `user_id`, or else the newest.
pub async fn find(
    searches: &Searches,
    event_id: &str,
    user_id: Option<&str>,
) -> Result<Option<StoredEvent>, StoreError> {
    if event_id.contains('\0') {
        // Postgres would refuse the question; no event has such an id.
        return Ok(None);
    }
    let (event_id, user_id) = (Some(event_id.to_owned()), user_id.map(str::to_owned));
    let filter = Filter { event_id, user_id, ..Filter::default() };
    let page = search(searches, &filter, None, 1, Duration::MAX).await?;
    Ok(page.found.into_iter().next())
}

/// Finds at most `limit` events beyond `after`, in no more than about `patience`.
pub async fn search(
    searches: &Searches,
    filter: &Filter,
    after: Option<&Position>,
    limit: u16,
    patience: Duration,
) -> Result<Page<StoredEvent>, StoreError> {
    let first_window = match filter {
        Filter { event_id: None, user_id: None, .. } => windows::FIRST_WINDOW,
        _ => FIRST_WINDOW_BY_ID,
    };
    let search = Search { from: filter.from, to: filter.to, after, first_window, limit, patience };
    let campaign_id = filter.campaign_id.map(|id| id.0);
    let mut selection = Selection::of(
        "select event_id, user_id, event_type, received_at, campaign_ids, payload::text from events where true",
    );
    if let Some(event_id) = &filter.event_id {
        selection.add(" and event_id = ?", event_id, Type::TEXT);
    }
    if let Some(user_id) = &filter.user_id {
        selection.add(" and user_id = ?", user_id, Type::TEXT);
    }
    if let Some(event_type) = &filter.event_type {
        selection.add(" and event_type = ?", event_type, Type::TEXT);
    }
    if let Some(campaign_id) = &campaign_id {
        selection.add(" and ? = any(campaign_ids)", campaign_id, Type::INT8);
    }
    windows::search(searches, &search, &selection, stored_event).await
}

fn stored_event(row: &Row) -> Result<StoredEvent, tokio_postgres::Error> {
    Ok(StoredEvent {
        event_id: row.try_get(0)?,
        user_id: row.try_get(1)?,
        event_type: row.try_get(2)?,
        received_at: row.try_get(3)?,
        campaign_ids: row.try_get(4)?,
        payload: row.try_get(5)?,
    })
}
